//! The ledgers of several addresses read as one: partition p is in the ledger at address p mod n, so what each of them
//! says of a poll is put together.
//!
//! A ledger that is away keeps its last shares, whose heartbeats age; the others are read as usual, and do not wait for
//! it. What must be complete (exports, recounts) fails while one is away.

use std::{collections::HashSet, io, sync::Arc};

use async_trait::async_trait;
use domain::{
    Audit, CurrentBallot, Digest, Entry, Event, EventId, HeldLeaf, HeldTree, Inclusion, InstallationId, Movement,
    Partition, Partitions, PendingMovement, PollId, Position, PublishedBallots, Receipt, Scoreboard, TallyShare,
    TermsInForce, TileNumber, TreeEdge, TreeKey, TreeReader, Unavailable, VoterId,
};
use futures_util::future::{join_all, try_join_all};
use parking_lot::Mutex;
use tokio::{sync::Notify, task::JoinSet};

use crate::{
    addresses::DatabaseAddresses,
    audit,
    entries::{self, LedgerEntries, newest_events},
    scoreboard::PostgresScoreboard,
    share_memory::RememberingReader,
};

/// The longest public list.
const MAX_LISTED: usize = 1_000;
/// The longest list of events.
const MAX_EVENTS: usize = 1_000;

/// Where `result` reads: the ledgers of an installation, in the order of their addresses.
#[derive(Debug)]
pub struct SpreadScoreboard {
    ledgers: Vec<Arc<RememberingReader>>,
    movements: Arc<JoinedMovements>,
    /// Hear what moves, and look whether ledgers that are away are back. They end with this value.
    _tasks: JoinSet<()>,
}

/// What moved in any of the ledgers.
#[derive(Debug, Default)]
struct JoinedMovements {
    pending: Mutex<PendingMovement>,
    added: Notify,
}

impl JoinedMovements {
    fn add(&self, movement: Movement) {
        self.pending.lock().add(movement);
        self.added.notify_one();
    }
}

impl SpreadScoreboard {
    /// The ledgers at these addresses, which need not be there yet.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn new(addresses: &DatabaseAddresses) -> Self {
        let (movements, mut tasks) = (Arc::<JoinedMovements>::default(), JoinSet::new());
        let mut ledgers = Vec::new();
        for (place, database) in (1..).zip(addresses.all()) {
            let ledger = Arc::new(RememberingReader::new(place, PostgresScoreboard::new(database.clone())));
            let (heard, joined) = (Arc::clone(&ledger), Arc::clone(&movements));
            tasks.spawn(async move {
                loop {
                    joined.add(heard.scoreboard().moved().await);
                }
            });
            let (watched, joined) = (Arc::clone(&ledger), Arc::clone(&movements));
            tasks.spawn(async move {
                loop {
                    watched.back().await;
                    joined.add(Movement::Any);
                }
            });
            ledgers.push(ledger);
        }
        Self { ledgers, movements, _tasks: tasks }
    }

    /// The ledger of each address.
    pub fn ledgers(&self) -> impl ExactSizeIterator<Item = &PostgresScoreboard> {
        self.ledgers.iter().map(|ledger| ledger.scoreboard())
    }

    /// Whether several partitions have counted anything, so that [`Self::entries`] merges their logs.
    pub async fn is_merged(&self) -> Result<bool, Unavailable> {
        let counted = try_join_all(self.ledgers().map(PostgresScoreboard::counted_partitions)).await?;
        Ok(counted.into_iter().flatten().collect::<HashSet<_>>().len() > 1)
    }

    /// Hands every entry of the log to `take`, in order: each ballot, and of a poll one or two entries, as it is now
    /// and as it was in the round before. The logs of several partitions are merged: then ballots of different voters
    /// may have one position. What is read of each ledger is of one moment. A ledger in which not every partition has
    /// counted the newest version of each poll is refused.
    pub async fn entries(&self, take: impl FnMut(Entry) -> io::Result<()>) -> Result<LedgerEntries, Unavailable> {
        let databases: Vec<_> = self.ledgers().map(PostgresScoreboard::database).collect();
        entries::each(&databases, take).await
    }

    fn of(&self, partition: Partition) -> &PostgresScoreboard {
        self.ledgers[usize::from(partition.number()) % self.ledgers.len()].scoreboard()
    }
}

/// All that succeeded; the first error if nothing did.
fn any<T>(answers: Vec<Result<T, Unavailable>>) -> Result<Vec<T>, Unavailable> {
    let (mut good, mut failed) = (Vec::new(), None);
    for answer in answers {
        match answer {
            Ok(answer) => good.push(answer),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.filter(|_| good.is_empty()).map_or(Ok(good), Err)
}

/// The newer version of an event; after a move to other partitions two ledgers may have one.
fn newer(one: Option<Event>, other: Option<Event>) -> Option<Event> {
    one.into_iter().chain(other).max_by_key(Event::version)
}

#[async_trait]
impl TreeReader for SpreadScoreboard {
    async fn installation(&self) -> Result<Option<InstallationId>, Unavailable> {
        let known = join_all(self.ledgers().map(TreeReader::installation)).await;
        Ok(any(known)?.into_iter().flatten().next())
    }

    /// Of all ledgers: a seal needs every partition's tree.
    async fn trees(&self, poll: PollId) -> Result<Vec<HeldTree>, Unavailable> {
        let trees = try_join_all(self.ledgers().map(|ledger| ledger.trees(poll))).await?;
        let mut trees: Vec<HeldTree> = trees.into_iter().flatten().collect();
        trees.sort_by_key(|HeldTree { id, .. }| (id.round, id.partition, id.generation));
        Ok(trees)
    }

    async fn tile(&self, tree: TreeKey, tile: TileNumber) -> Result<Option<Vec<Digest>>, Unavailable> {
        self.of(tree.partition).tile(tree, tile).await
    }

    async fn edge(&self, tree: TreeKey) -> Result<Option<TreeEdge>, Unavailable> {
        self.of(tree.partition).edge(tree).await
    }

    async fn leaf(
        &self,
        partition: Partition,
        poll: PollId,
        receipt: &Receipt,
    ) -> Result<Option<HeldLeaf>, Unavailable> {
        self.of(partition).leaf(partition, poll, receipt).await
    }

    async fn terms(&self, tree: TreeKey) -> Result<Vec<TermsInForce>, Unavailable> {
        self.of(tree.partition).terms(tree).await
    }

    async fn published(&self, tree: TreeKey) -> Result<PublishedBallots, Unavailable> {
        self.of(tree.partition).published(tree).await
    }
}

#[async_trait]
impl Scoreboard for SpreadScoreboard {
    /// If any ledger answers. Of one that is away and was not read before, the shares are left out.
    async fn shares(&self, polls: &[PollId]) -> Result<Vec<TallyShare>, Unavailable> {
        if let [only] = &self.ledgers[..] {
            return only.scoreboard().shares(polls).await;
        }
        let (mut shares, mut answers) = (Vec::new(), Vec::new());
        for reading in join_all(self.ledgers.iter().map(|ledger| ledger.shares(polls))).await {
            shares.extend(reading.shares);
            answers.push(reading.answer);
        }
        any(answers).map(|_| shares)
    }

    async fn partitions(&self) -> Result<Partitions, Unavailable> {
        let known = join_all(self.ledgers().map(Scoreboard::partitions)).await;
        Ok(any(known)?.into_iter().max().unwrap_or(Partitions::ONE))
    }

    /// Each ledger has every poll, so those that answer say almost all.
    async fn listed(&self) -> Result<Vec<PollId>, Unavailable> {
        let listed = join_all(self.ledgers().map(Scoreboard::listed)).await;
        let mut polls: Vec<PollId> = any(listed)?.into_iter().flatten().collect();
        polls.sort_unstable();
        polls.dedup();
        polls.truncate(MAX_LISTED);
        Ok(polls)
    }

    /// The newest version that any ledger has. Only the event's home counts it, so while a ledger is away an event that
    /// no other has may be there.
    async fn event(&self, id: EventId) -> Result<Option<Event>, Unavailable> {
        let answers = join_all(self.ledgers().map(|ledger| ledger.event(id))).await;
        let (mut newest, mut failed): (Option<Event>, _) = (None, None);
        for answer in answers {
            match answer {
                Ok(found) => newest = newer(newest, found),
                Err(error) => failed = Some(error),
            }
        }
        failed.filter(|_| newest.is_none()).map_or(Ok(newest), Err)
    }

    /// Of the ledgers that answer.
    async fn events(&self) -> Result<Vec<Event>, Unavailable> {
        let answers = join_all(self.ledgers().map(Scoreboard::events)).await;
        let mut events = newest_events(any(answers)?.into_iter().flatten());
        events.truncate(MAX_EVENTS);
        Ok(events)
    }

    async fn inclusion(&self, partition: Partition, poll: PollId, receipt: &Receipt) -> Result<Inclusion, Unavailable> {
        self.of(partition).inclusion(partition, poll, receipt).await
    }

    async fn counted_at(&self, partition: Partition, position: Position) -> Result<Option<u64>, Unavailable> {
        self.of(partition).counted_at(partition, position).await
    }

    async fn ballots(
        &self,
        poll: PollId,
        round: u32,
        after: Option<VoterId>,
        limit: u32,
    ) -> Result<Vec<CurrentBallot>, Unavailable> {
        let pages = try_join_all(self.ledgers().map(|ledger| ledger.ballots(poll, round, after, limit))).await?;
        let mut page: Vec<CurrentBallot> = pages.into_iter().flatten().collect();
        page.sort_unstable_by_key(|ballot| ballot.voter);
        page.truncate(limit as usize);
        Ok(page)
    }

    /// Each ledger at a moment of its own.
    async fn audit(&self) -> Result<Audit, Unavailable> {
        Ok(audit::joined(try_join_all(self.ledgers().map(Scoreboard::audit)).await?))
    }

    async fn moved(&self) -> Movement {
        loop {
            if let Some(movement) = self.movements.pending.lock().take() {
                return movement;
            }
            self.movements.added.notified().await;
        }
    }

    /// Whether any ledger answers: results that are not complete are better than none, and say so.
    async fn ready(&self) -> Result<(), Unavailable> {
        any(join_all(self.ledgers().map(Scoreboard::ready)).await).map(drop)
    }
}
