//! The ledger as a worker sees it: counts batches of another log's entries into this file.
//!
//! The all-in-one has no worker. `scrutin import` counts into a file this way, and the tests of the ledger contract use
//! it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{
    ApplyOutcome, CarriedTree, Entry, Event, EventUpdate, Fingerprint, Gap, Ledger, LedgerIdentity, Ledgers, LogId,
    LogSeed, LogState, Partition, Poll, PollId, PollSeed, Position, RekeyOutcome, ReplicationState, TreeId,
    Unavailable,
};
use rusqlite::{Connection, OptionalExtension, Result as SqlResult, Row, Transaction, TransactionBehavior};

use crate::{
    acceptor_handle::AcceptorHandle,
    apply::{self, PollRow, write_event, write_poll},
    installation,
    lead_registry::Leads,
    ledger::SqliteLedger,
    movements::{Moved, Movements},
    store::{self, StoreError, position, unsigned, voter},
    trees,
};

/// The longest time that a batch waits for its transaction, including everything queued before it.
const APPLY_WITHIN: Duration = Duration::from_mins(1);

/// How long it may take to build trees from all ballots.
const GROW_WITHIN: Duration = Duration::from_hours(1);

/// The lead of one partition, until it is dropped.
struct Lead {
    partition: Partition,
    leads: Arc<Leads>,
    acceptor: Arc<AcceptorHandle>,
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.leads.0.lock().remove(&self.partition.number());
    }
}

#[async_trait]
impl Ledgers for SqliteLedger {
    async fn lead(&self, partition: Partition) -> Result<Option<Box<dyn Ledger>>, Unavailable> {
        if !self.leads.0.lock().insert(partition.number()) {
            return Ok(None);
        }
        Ok(Some(Box::new(Lead { partition, leads: Arc::clone(&self.leads), acceptor: Arc::clone(&self.acceptor) })))
    }

    async fn rekey(&self, fingerprint: &Fingerprint, force: bool) -> Result<RekeyOutcome, Unavailable> {
        let fingerprint = fingerprint.clone();
        let work = move |conn: &mut Connection, _: &Movements| installation::rekey(conn, &fingerprint, force);
        self.acceptor.work("changing the ledger's key", APPLY_WITHIN, work).await
    }
}

impl Lead {
    /// Runs `work` in one transaction; what it returns has moved.
    async fn write<T: Send + 'static>(
        &self,
        what: &'static str,
        write: impl FnOnce(&Transaction<'_>, Partition) -> Result<(T, Moved), StoreError> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let partition = self.partition;
        let work = move |conn: &mut Connection, movements: &Movements| {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let (result, moved) = write(&tx, partition)?;
            tx.commit()?;
            movements.add(moved);
            Ok(result)
        };
        self.acceptor.work(what, APPLY_WITHIN, work).await
    }
}

#[async_trait]
impl Ledger for Lead {
    async fn identity(&mut self) -> Result<Option<LedgerIdentity>, Unavailable> {
        self.write("reading the ledger's installation", |tx, _| Ok((installation::identity(tx)?, Moved::default())))
            .await
    }

    async fn install(&mut self, identity: &LedgerIdentity) -> Result<(), Unavailable> {
        let identity = identity.clone();
        let install = move |tx: &Transaction<'_>, _| Ok((installation::install(tx, &identity)?, Moved::default()));
        self.write("writing the ledger's installation", install).await
    }

    async fn counted_partitions(&mut self) -> Result<Vec<Partition>, Unavailable> {
        let read = |tx: &Transaction<'_>, _| Ok((installation::counted_partitions(tx)?, Moved::default()));
        self.write("reading which partitions are counted", read).await
    }

    async fn state(&mut self) -> Result<LogState, Unavailable> {
        self.write("reading the ledger's state", |tx, partition| Ok((state(tx, partition)?, Moved::default()))).await
    }

    async fn ensure_first_poll(&mut self, poll: &Poll) -> Result<(), Unavailable> {
        let poll = poll.clone();
        self.write("writing the first poll", move |tx, partition| {
            let since = store::counted_through(tx, partition)?;
            let new = store::poll(tx, partition, poll.id())?.is_none();
            if new {
                write_poll(tx, &poll, &PollRow { partition, round: poll.round(), since, position: since })?;
            }
            Ok(((), if new { vec![poll.id()] } else { Vec::new() }.into()))
        })
        .await
    }

    async fn seed(&mut self) -> Result<LogSeed, Unavailable> {
        self.write("reading what a new log must know", |tx, partition| Ok((seed(tx, partition)?, Moved::default())))
            .await
    }

    async fn counts(&mut self) -> Result<Vec<(PollId, u64)>, Unavailable> {
        self.write("reading how much of each poll is counted", |tx, partition| {
            let polls = store::polls(tx, Some(partition))?;
            Ok((polls.iter().map(|stored| (stored.poll.id(), stored.ballots)).collect(), Moved::default()))
        })
        .await
    }

    /// A file has no standbys.
    async fn replicated(&mut self) -> Result<ReplicationState, Unavailable> {
        Ok(ReplicationState::default())
    }

    async fn attach(
        &mut self,
        log: &LogId,
        gap: Option<Gap>,
        polls: &[Poll],
        events: &[Event],
    ) -> Result<(), Unavailable> {
        let (log, polls, events) = (log.clone(), polls.to_vec(), events.to_vec());
        self.write("attaching to a log", move |tx, partition| {
            attach(tx, partition, &log, gap, &polls, &events)?;
            let (polls, events) = (polls.iter().map(Poll::id), events.iter().map(Event::id));
            Ok(((), Moved { polls: polls.collect(), events: events.collect() }))
        })
        .await
    }

    async fn grow_trees(&mut self) -> Result<(), Unavailable> {
        let partition = self.partition;
        let work = move |conn: &mut Connection, _: &Movements| {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            trees::build_missing(&tx, partition)?;
            Ok(tx.commit()?)
        };
        self.acceptor.work("building trees", GROW_WITHIN, work).await
    }

    async fn restore_trees(&mut self, trees: Vec<CarriedTree>) -> Result<Vec<TreeId>, Unavailable> {
        let partition = self.partition;
        let work = move |conn: &mut Connection, _: &Movements| {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let differing = trees::restore(&tx, partition, trees)?;
            tx.commit()?;
            Ok(differing)
        };
        self.acceptor.work("making trees again", GROW_WITHIN, work).await
    }

    async fn apply(&mut self, entries: Vec<Entry>) -> Result<ApplyOutcome, Unavailable> {
        self.write("counting a batch", move |tx, partition| {
            let outcome = apply::apply(tx, partition, entries)?;
            Ok((outcome.applied, outcome.moved))
        })
        .await
    }

    /// Nothing is stored: there is one process, and it counts by itself (see `progress`).
    async fn heartbeat(&mut self, _: u64) -> Result<(), Unavailable> {
        self.write("noting that the count works", |_, _| Ok(((), Moved::default()))).await
    }
}

fn state(tx: &Transaction<'_>, partition: Partition) -> Result<LogState, StoreError> {
    let read = |row: &Row<'_>| {
        let log: Option<String> = row.get(0)?;
        Ok(LogState {
            log: log.map(LogId::new),
            position: position(row, 1)?,
            ballots: unsigned(row, 2)?,
            set_aside: unsigned(row, 3)?,
            missing: unsigned(row, 4)?,
        })
    };
    let sql = "SELECT log_id, position, counted,
            (SELECT count(*) FROM rejected WHERE partition = ?1),
            (SELECT coalesce(sum(ballots), 0) FROM gaps WHERE partition = ?1)
        FROM log WHERE partition = ?1";
    let found = tx.query_row(sql, [partition.number()], read).optional()?;
    Ok(found.unwrap_or_default())
}

fn seed(tx: &Transaction<'_>, partition: Partition) -> Result<LogSeed, StoreError> {
    let mut polls = Vec::new();
    for stored in store::polls(tx, Some(partition))? {
        let mut voters = Vec::new();
        if !stored.poll.votes_can_change() {
            let mut select = tx.prepare_cached(
                "SELECT voter, max(position) FROM ballots WHERE poll = ?1 AND position > ?2 GROUP BY voter",
            )?;
            let found = select
                .query_map((stored.number, stored.since.as_i64()), |row| Ok((voter(row, 0)?, position(row, 1)?)))?;
            voters = found.collect::<SqlResult<_>>()?;
        }
        polls.push(PollSeed { poll: stored.poll, ballots: stored.ballots, voters });
    }
    let events = store::events(tx, Some(partition), u32::MAX)?;
    Ok(LogSeed { after: store::counted_through(tx, partition)?, polls, events })
}

fn attach(
    tx: &Transaction<'_>,
    partition: Partition,
    log: &LogId,
    gap: Option<Gap>,
    polls: &[Poll],
    events: &[Event],
) -> Result<(), StoreError> {
    let counted = store::counted_through(tx, partition)?;
    let through = gap.filter(|gap| gap.after <= counted).map_or(counted, |gap| gap.through);
    tx.execute(
        "INSERT INTO log (partition, log_id, position, counted) VALUES (?1, ?2, ?3, 0) ON CONFLICT (partition)
         DO UPDATE SET log_id = excluded.log_id, position = max(position, excluded.position)",
        (partition.number(), log.as_str(), through.as_i64()),
    )?;
    let Some(gap) = gap else { return Ok(()) };
    if note_gap(tx, gap, counted)? {
        let known: HashMap<PollId, u64> = polls.iter().map(|poll| (poll.id(), poll.version())).collect();
        trees::begin_anew(tx, partition, gap.through.millis(), |stored| {
            let in_log = known.get(&stored.poll.id());
            stored.poll.is_open() || in_log.is_some_and(|version| *version != stored.poll.version())
        })?;
    }
    for poll in polls {
        if store::poll(tx, partition, poll.id())?.is_none() {
            let round = poll.first_round_after_gap();
            write_poll(tx, poll, &PollRow { partition, round, since: through, position: through })?;
        }
    }
    for event in events {
        write_event(tx, partition, &EventUpdate { now: Box::new(event.clone()), position: through })?;
    }
    Ok(())
}

/// Records a gap in a ledger that has counted up to `counted`. Returns whether it is another than those that are there.
fn note_gap(tx: &Transaction<'_>, gap: Gap, counted: Position) -> Result<bool, StoreError> {
    let (partition, mut ballots) = (gap.partition.number(), gap.ballots.map(store::signed));
    // The number of missing ballots is known only now. Their gap is the newest one recorded without a number.
    let fill = "UPDATE gaps SET ballots = ?2 WHERE partition = ?1 AND ballots IS NULL AND through = (
        SELECT max(through) FROM gaps WHERE partition = ?1 AND ballots IS NULL
    )";
    if ballots.is_some_and(|ballots| ballots > 0) && tx.execute(fill, (partition, ballots))? > 0 {
        if gap.through <= counted {
            return Ok(false);
        }
        // The gap found now is a separate one; its ballots are included in that number.
        ballots = Some(0);
    }
    tx.execute(
        "INSERT INTO gaps (partition, after, through, ballots) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (partition, after, through)
         DO UPDATE SET ballots = coalesce(ballots, 0) + coalesce(excluded.ballots, 0)",
        (partition, gap.after.as_i64(), gap.through.as_i64(), ballots),
    )?;
    Ok(true)
}
