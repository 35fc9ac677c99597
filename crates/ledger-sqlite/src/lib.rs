//! The log and the ledger in one SQLite file, for the all-in-one.
//!
//! What takes a Redis log, a worker and a PostgreSQL ledger elsewhere is one step here: the transaction that
//! accepts a ballot also counts it. The promise is kept by that transaction: a ballot is acknowledged after
//! its COMMIT, with the file in WAL mode and `synchronous=FULL`, so whatever is killed afterwards, it is counted.
//! Deciding whether a poll is open, appending and counting happen in one transaction of one thread
//! (`writer`), so no ballot is taken after a close, and positions only grow.
//!
//! The count itself is `domain::count`, as for every ledger; this crate never decides what a ballot is worth.

mod apply;
mod ballot_box;
mod casting;
mod entries;
mod leading;
mod migrations;
mod movements;
mod opening;
mod readers;
mod recount;
mod scoreboard;
mod store;
mod writer;

use std::{
    fmt,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use domain::{Audit, CurrentBallot, Inclusion, Movement, PollId, Receipt, Scoreboard, Tally, Unavailable, VoterId};

pub use opening::OpenError;
pub use scoreboard::SqliteScoreboard;

use crate::{leading::Leads, movements::Movements, readers::Readers, writer::Writer};

/// A clock: milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The one process that writes a ledger's file. It is a ballot box, a scoreboard and a place to lead from.
///
/// Dropping it, and whatever [`Ledgers::lead`](domain::Ledgers::lead) gave out, finishes what is queued, takes
/// the write-ahead log into the file and closes it. This blocks for as long as the disk needs.
pub struct SqliteLedger {
    // Readers first, so that the writer is the last to close the file and can tidy up.
    board: SqliteScoreboard,
    writer: Arc<Writer>,
    leads: Arc<Leads>,
}

impl SqliteLedger {
    /// Opens the file at `path`, which is made if it is not there, and brings its tables up to date. Its
    /// directory must exist. No other process can open it until this one lets go; it is marked by a lock on the
    /// file `PATH.lock`, which stays.
    pub fn open(path: &Path) -> Result<Arc<Self>, OpenError> {
        let since_1970 = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self::open_with_clock(path, Arc::new(move || u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX)))
    }

    /// The same, with another clock. Positions grow whatever it says.
    pub fn open_with_clock(path: &Path, clock: Clock) -> Result<Arc<Self>, OpenError> {
        let (conn, lock) = opening::open_for_writing(path)?;
        let movements = Arc::new(Movements::default());
        let readers = Readers::open(path).map_err(OpenError::failed(path))?;
        let writer = Writer::start(conn, lock, clock, Arc::clone(&movements)).map_err(OpenError::failed(path))?;
        let board = SqliteScoreboard::new(readers, Some(movements));
        Ok(Arc::new(Self { board, writer: Arc::new(writer), leads: Arc::default() }))
    }

    fn readers(&self) -> &Arc<Readers> {
        &self.board.readers
    }
}

impl fmt::Debug for SqliteLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteLedger").finish_non_exhaustive()
    }
}

#[async_trait]
impl Scoreboard for SqliteLedger {
    async fn tallies(&self, polls: &[PollId]) -> Result<Vec<Tally>, Unavailable> {
        self.board.tallies(polls).await
    }

    async fn listed(&self) -> Result<Vec<PollId>, Unavailable> {
        self.board.listed().await
    }

    async fn inclusion(&self, poll: PollId, receipt: &Receipt) -> Result<Inclusion, Unavailable> {
        self.board.inclusion(poll, receipt).await
    }

    async fn ballots(
        &self,
        poll: PollId,
        after: Option<VoterId>,
        limit: u32,
    ) -> Result<Vec<CurrentBallot>, Unavailable> {
        self.board.ballots(poll, after, limit).await
    }

    async fn audit(&self) -> Result<Audit, Unavailable> {
        self.board.audit().await
    }

    async fn moved(&self) -> Movement {
        self.board.moved().await
    }

    async fn ready(&self) -> Result<(), Unavailable> {
        self.board.ready().await
    }
}
