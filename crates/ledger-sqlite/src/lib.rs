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

use async_trait::async_trait;
use domain::{
    Audit, CurrentBallot, Inclusion, Movement, PollId, Position, Receipt, Scoreboard, Tally, Unavailable, VoterId,
};

pub use opening::OpenError;
pub use scoreboard::SqliteScoreboard;
pub use uncounted::Uncounted;

use crate::{
    accepted::AcceptedCounts, counting::Counter, files::LedgerFiles, leading::Leads, movements::Movements,
    opening::Opened, readers::Readers, requests::Writer, turn::LedgerTurn, writer::Desk,
};

/// A clock: milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The one process that writes a ledger's file. It is a ballot box, a scoreboard and a place to lead from.
///
/// Dropping it, and whatever [`Ledgers::lead`](domain::Ledgers::lead) gave out, finishes what is queued, counts what
/// waits and closes the files; then the ledger's alone holds everything. This blocks for as long as the disk needs.
pub struct SqliteLedger {
    // Readers first, so that the writer is the last to close the file and can tidy up.
    board: SqliteScoreboard,
    turn: LedgerTurn,
    writer: Arc<Writer>,
    leads: Arc<Leads>,
    accepted: Arc<AcceptedCounts>,
    files: Arc<LedgerFiles>,
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
        let board = SqliteScoreboard::new(readers, movements, progress);
        Ok(Arc::new(Self { board, turn, writer, leads: Arc::default(), accepted, files }))
    }

    /// Whether ballots are taken and counted: the files are where they were, nobody else writes, and the count goes on.
    fn works(&self) -> Result<(), Unavailable> {
        self.files.check().map_err(|error| Unavailable::failed("looking at the ledger's files", error))?;
        self.board.keeps_up().map_err(|reason| Unavailable::failed("counting", reason))
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

    async fn counted_at(&self, poll: PollId, position: Position) -> Result<Option<u64>, Unavailable> {
        self.board.counted_at(poll, position).await
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
        self.works()?;
        self.board.ready().await
    }
}
