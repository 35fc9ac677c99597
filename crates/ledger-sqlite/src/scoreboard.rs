//! The scoreboard on SQLite: the reads of `result`, and the recount.

use std::{io, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{
    Audit, CarriedTree, CurrentBallot, Entry, Event, EventId, Heartbeat, Inclusion, Movement, Partition, Partitions,
    PollId, Position, Receipt, Scoreboard, TallyShare, Unavailable, VoterId,
};
use rusqlite::{Connection, OptionalExtension, Result as SqlResult};
use tokio::{sync::Semaphore, time::sleep};

use crate::{
    acceptor_handle::AcceptorHandle,
    entries,
    files::LedgerFiles,
    installation,
    log_clock::LogClock,
    movements::Movements,
    open_error::OpenError,
    opening,
    progress::CountProgress,
    readers::Readers,
    recount,
    store::{self, StoreError, StoredPoll, choices, position, voter},
    trees, uncounted,
};

/// The time limit of a read.
pub(crate) const READ_WITHIN: Duration = Duration::from_secs(5);
/// How long a recount may take: about ten times what a hundred million ballots need.
pub(crate) const AUDIT_WITHIN: Duration = Duration::from_mins(30);
/// How often [`Scoreboard::moved`] returns if another process writes.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The longest public list.
const MAX_LISTED: u32 = 1_000;
/// The longest list of events.
const MAX_EVENTS: u32 = 1_000;

/// A ledger's file, for reading only.
pub struct SqliteScoreboard {
    pub(crate) readers: Arc<Readers>,
    /// `None` if another process writes.
    writing: Option<Writing>,
    /// One recount at a time, so that it never takes all readers.
    auditing: Semaphore,
    /// Two at a time read a tree's ballots as fast as their readers take them, so that they never take all readers.
    pub(crate) publishing: Arc<Semaphore>,
}

/// What a process that writes the ledger knows about its own writing.
pub(crate) struct Writing {
    pub(crate) movements: Arc<Movements>,
    pub(crate) progress: Arc<CountProgress>,
    pub(crate) clock: Arc<LogClock>,
    pub(crate) files: Arc<LedgerFiles>,
    /// Dropped after the readers: the last connection to close must be one that writes.
    pub(crate) _acceptor: Arc<AcceptorHandle>,
}

impl SqliteScoreboard {
    /// Opens the ledger at `path`, which another process may have open for writing. Changes nothing. It is not notified
    /// of changes, so [`Scoreboard::moved`] returns [`Movement::Any`] every second.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let place = opening::check_for_reading(path)?;
        let readers = Readers::open(place, None).map_err(OpenError::failed(path))?;
        Ok(Self::of(readers, None))
    }

    pub(crate) fn of_writer(readers: Arc<Readers>, writing: Writing) -> Self {
        Self::of(readers, Some(writing))
    }

    fn of(readers: Arc<Readers>, writing: Option<Writing>) -> Self {
        Self { readers, writing, auditing: Semaphore::new(1), publishing: Arc::new(Semaphore::new(2)) }
    }
}

impl SqliteScoreboard {
    /// Passes every entry of the log to `take`, in order, including those that are not counted yet. Returns the result
    /// of such a log, counted again from the ballots, and the trees of present rounds. All from one snapshot.
    ///
    /// The ledger keeps ballots but not every change of a poll, so a poll has one or two entries: its current state,
    /// and before that its state in the round before.
    pub async fn entries(
        &self,
        mut take: impl FnMut(Entry) -> io::Result<()> + Send + 'static,
    ) -> Result<(Audit, Vec<CarriedTree>), Unavailable> {
        let _turn = self.auditing.acquire().await.expect("the semaphore is never closed");
        let place = self.readers.path().clone();
        let read = move |conn: &Connection| {
            let left = uncounted::of_ledger(conn, &place)?.ballots;
            entries::each(conn, &left, &mut take)?;
            Ok((recount::audit(conn, &left)?, trees::carried(conn)?))
        };
        self.readers.read("reading everything", AUDIT_WITHIN, read).await
    }
}

impl Writing {
    /// The count's heartbeat, with what the log's clock shows.
    fn heartbeat(&self) -> Heartbeat {
        let heartbeat = self.progress.heartbeat();
        let log_millis = self.clock.now_millis().checked_add_signed(-heartbeat.age_millis);
        Heartbeat { log_millis, ..heartbeat }
    }

    /// Checks that ballots are accepted and counted: the files are at their paths, nobody else writes, and the count
    /// makes progress.
    fn check(&self) -> Result<(), Unavailable> {
        self.files.check().map_err(|error| Unavailable::failed("looking at the ledger's files", error))?;
        self.progress.keeps_up().map_err(|reason| Unavailable::failed("counting", reason))
    }
}

#[async_trait]
impl Scoreboard for SqliteScoreboard {
    async fn shares(&self, polls: &[PollId]) -> Result<Vec<TallyShare>, Unavailable> {
        let polls = polls.to_vec();
        // Read before the figures: if a batch is counted in between, both are still correct.
        let heartbeat = self.writing.as_ref().map(Writing::heartbeat).unwrap_or_default();
        let read = move |conn: &Connection| shares(conn, &polls, heartbeat);
        self.readers.read("reading tallies", READ_WITHIN, read).await
    }

    async fn partitions(&self) -> Result<Partitions, Unavailable> {
        self.readers.read("reading the number of partitions", READ_WITHIN, installation::partitions).await
    }

    async fn listed(&self) -> Result<Vec<PollId>, Unavailable> {
        self.readers.read("reading the public list", READ_WITHIN, listed).await
    }

    async fn event(&self, id: EventId) -> Result<Option<Event>, Unavailable> {
        self.readers.read("reading an event", READ_WITHIN, move |conn| store::event(conn, id)).await
    }

    async fn events(&self) -> Result<Vec<Event>, Unavailable> {
        self.readers.read("reading the events", READ_WITHIN, |conn| store::events(conn, None, MAX_EVENTS)).await
    }

    async fn inclusion(&self, partition: Partition, poll: PollId, receipt: &Receipt) -> Result<Inclusion, Unavailable> {
        let receipt = *receipt;
        let read = move |conn: &Connection| inclusion(conn, partition, poll, &receipt);
        self.readers.read("looking a receipt up", READ_WITHIN, read).await
    }

    async fn counted_at(&self, partition: Partition, position: Position) -> Result<Option<u64>, Unavailable> {
        let what = "looking up when a ballot was counted";
        self.readers.read(what, READ_WITHIN, move |conn| counted_at(conn, partition, position)).await
    }

    async fn ballots(
        &self,
        poll: PollId,
        round: u32,
        after: Option<VoterId>,
        limit: u32,
    ) -> Result<Vec<CurrentBallot>, Unavailable> {
        self.readers.read("reading ballots", READ_WITHIN, move |conn| ballots(conn, poll, round, after, limit)).await
    }

    async fn audit(&self) -> Result<Audit, Unavailable> {
        let _turn = self.auditing.acquire().await.expect("the semaphore is never closed");
        self.readers.read("counting again", AUDIT_WITHIN, |conn| recount::audit(conn, &[])).await
    }

    async fn moved(&self) -> Movement {
        let Some(writing) = &self.writing else {
            sleep(LOOK_EVERY).await;
            return Movement::Any;
        };
        writing.movements.moved().await
    }

    async fn ready(&self) -> Result<(), Unavailable> {
        self.writing.as_ref().map_or(Ok(()), Writing::check)?;
        let look = |conn: &Connection| Ok(conn.query_row("SELECT 1 FROM polls LIMIT 1", (), |_| Ok(())).optional()?);
        self.readers.read("asking the ledger", READ_WITHIN, look).await.map(|_| ())
    }
}

fn shares(conn: &Connection, polls: &[PollId], heartbeat: Heartbeat) -> Result<Vec<TallyShare>, StoreError> {
    let partitions = installation::partitions(conn)?;
    let mut shares = Vec::with_capacity(polls.len());
    for &id in polls {
        for stored in store::rows_of(conn, id)? {
            shares.push(TallyShare {
                partition: stored.partition,
                partitions,
                round: stored.round,
                figures: stored.figures(conn)?,
                position: store::counted_through(conn, stored.partition)?,
                heartbeat,
                poll: stored.poll,
            });
        }
    }
    Ok(shares)
}

fn listed(conn: &Connection) -> Result<Vec<PollId>, StoreError> {
    let mut select = conn.prepare_cached(
        "SELECT DISTINCT id FROM polls WHERE listed = 1 AND state = 'open' AND NOT EXISTS (
             SELECT 1 FROM polls AS newer WHERE newer.id = polls.id AND newer.version > polls.version
         ) ORDER BY id LIMIT ?1",
    )?;
    let mut rows = select.query([MAX_LISTED])?;
    let mut ids = Vec::new();
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        ids.push(PollId::parse(&id).map_err(|error| StoreError::Data(format!("{id}: {error}")))?);
    }
    Ok(ids)
}

fn inclusion(
    conn: &Connection,
    partition: Partition,
    poll: PollId,
    receipt: &Receipt,
) -> Result<Inclusion, StoreError> {
    let absent = || Ok(Inclusion::of_absent(receipt.position, store::counted_through(conn, partition)?));
    let Some(stored) = store::poll(conn, partition, poll)? else { return absent() };
    let mut select = conn.prepare_cached("SELECT 1 FROM ballots WHERE poll = ?1 AND voter = ?2 AND position = ?3")?;
    let key = (stored.number, receipt.voter.as_bytes(), receipt.position.as_i64());
    if select.query_row(key, |_| Ok(())).optional()?.is_none() {
        return absent();
    }
    let newest = store::newest(conn, stored.number, receipt.voter)?;
    let is_replaced = newest.is_some_and(|newest| newest.position > receipt.position);
    Ok(Inclusion::of_held(receipt.position, stored.since, is_replaced))
}

fn counted_at(conn: &Connection, partition: Partition, position: Position) -> Result<Option<u64>, StoreError> {
    if position > store::counted_through(conn, partition)? {
        return Ok(None);
    }
    let mut select = conn
        .prepare_cached("SELECT at FROM count_times WHERE partition = ?1 AND after < ?2 ORDER BY after DESC LIMIT 1")?;
    let seconds: Option<i64> =
        select.query_row((partition.number(), position.as_i64()), |row| row.get(0)).optional()?;
    Ok(seconds.map(|seconds| seconds.unsigned_abs() * 1_000))
}

/// Each partition's next `limit`, merged: voters are in one partition only.
fn ballots(
    conn: &Connection,
    poll: PollId,
    round: u32,
    after: Option<VoterId>,
    limit: u32,
) -> Result<Vec<CurrentBallot>, StoreError> {
    let mut page = Vec::new();
    for stored in store::rows_of(conn, poll)?.iter().filter(|stored| stored.round == round) {
        page.append(&mut ballots_of(conn, stored, after, limit)?);
    }
    page.sort_by_key(|ballot| ballot.voter);
    page.truncate(limit as usize);
    Ok(page)
}

fn ballots_of(
    conn: &Connection,
    stored: &StoredPoll,
    after: Option<VoterId>,
    limit: u32,
) -> Result<Vec<CurrentBallot>, StoreError> {
    // SQLite takes a bare column from the row that max() found. The empty blob sorts before every voter.
    let mut select = conn.prepare_cached(
        "SELECT voter, max(position), choices FROM ballots WHERE poll = ?1 AND position > ?2 AND voter > ?3
         GROUP BY voter ORDER BY voter LIMIT ?4",
    )?;
    let after = after.as_ref().map_or(&[][..], |voter| voter.as_bytes());
    let rows = select.query_map((stored.number, stored.since.as_i64(), after, limit), |row| {
        Ok(CurrentBallot { voter: voter(row, 0)?, position: position(row, 1)?, choices: choices(row, 2)? })
    })?;
    Ok(rows.collect::<SqlResult<_>>()?)
}
