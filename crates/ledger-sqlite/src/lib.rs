//! The log and the ledger of the all-in-one: a file of the ballots that wait to be counted, and a SQLite file.
//!
//! One thread accepts (`writer`): a ballot is acknowledged once it is appended to the file of those that wait (`waiting`), and
//! that is synced. Deciding whether a poll is open and appending happen one after the other in that thread, so no ballot is
//! taken after a close, and positions only grow. Another thread takes what waits into the ledger's tables (`counting`), ballots,
//! figures and position in one transaction with `synchronous=FULL`. After a kill, what waits is counted before anything else
//! (`opening`); so whatever is killed, a ballot is counted once. See `docs/adr/0006-accepted-first-counted-a-moment-later.md`.
//!
//! The count itself is `domain::count`, as for every ledger; this crate never decides what a ballot is worth.

mod accepted;
mod apply;
mod ballot_box;
mod casting;
mod counting;
mod entries;
mod files;
mod installation;
mod leading;
mod ledger_path;
mod migrations;
mod movements;
mod opening;
mod progress;
mod readers;
mod recount;
mod reply;
mod requests;
mod scoreboard;
mod store;
mod turn;
mod uncounted;
mod waiting;
mod writer;

use std::{
    fmt,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

pub use opening::OpenError;
pub use scoreboard::SqliteScoreboard;
pub use uncounted::Uncounted;

use crate::{
    accepted::AcceptedCounts, counting::Counter, leading::Leads, movements::Movements, opening::Opened,
    readers::Readers, requests::Writer, scoreboard::Writing, turn::LedgerTurn, writer::Desk,
};

/// A clock: milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// A ledger's file in the one process that writes it: a ballot box, and the ledgers of a worker.
///
/// When it is dropped, and with it its [`scoreboard`](Self::scoreboard) and whatever
/// [`Ledgers::lead`](domain::Ledgers::lead) gave out, what is queued is finished, what waits is counted and the files
/// are closed; then the ledger's file alone is complete. This blocks for as long as the disk needs.
pub struct SqliteLedger {
    // Dropped first, so that the writer is the last to close the file and can tidy up.
    scoreboard: Arc<SqliteScoreboard>,
    turn: LedgerTurn,
    writer: Arc<Writer>,
    leads: Arc<Leads>,
    accepted: Arc<AcceptedCounts>,
}

impl SqliteLedger {
    /// Opens the file at `path`, which is made if it is not there, and brings its tables up to date. Its
    /// directory must exist. What waits to be counted is kept in `PATH.waiting`, where links lead to. No other process
    /// can open them until this one lets go: both are locked, and so is the file `PATH.lock`, for earlier releases. All
    /// stay.
    pub fn open(path: &Path) -> Result<Arc<Self>, OpenError> {
        let since_1970 = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self::open_with_clock(path, Arc::new(move || u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX)))
    }

    /// The same, with another clock. Positions grow whatever it says.
    pub fn open_with_clock(path: &Path, clock: Clock) -> Result<Arc<Self>, OpenError> {
        let Opened { ledger, waiting, counted, files, place } = opening::open_for_writing(path)?;
        let (movements, accepted) = (Arc::<Movements>::default(), Arc::<AcceptedCounts>::default());
        let looking_up = readers::connect(&place.ledger).map_err(OpenError::failed(path))?;
        let readers = Readers::open(place, Some(Arc::clone(&files))).map_err(OpenError::failed(path))?;
        let counter = Counter::start(ledger, Arc::clone(&movements), counted, Arc::clone(&files));
        let counter = counter.map_err(OpenError::failed(path))?;
        let (progress, turn) = (counter.progress(), counter.turn());
        let desk = Desk::new(looking_up, waiting, counter, clock, Arc::clone(&accepted), Arc::clone(&files));
        let writer = Arc::new(Writer::start(desk).map_err(OpenError::failed(path))?);
        let writing = Writing { movements, progress, files, _writer: Arc::clone(&writer) };
        let scoreboard = Arc::new(SqliteScoreboard::of_writer(readers, writing));
        Ok(Arc::new(Self { scoreboard, turn, writer, leads: Arc::default(), accepted }))
    }

    /// Where the ledger is read.
    pub fn scoreboard(&self) -> Arc<SqliteScoreboard> {
        Arc::clone(&self.scoreboard)
    }

    fn readers(&self) -> &Arc<Readers> {
        &self.scoreboard.readers
    }
}

impl fmt::Debug for SqliteLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteLedger").finish_non_exhaustive()
    }
}
