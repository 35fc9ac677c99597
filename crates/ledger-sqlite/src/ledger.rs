//! The ledger's file in the process that writes it, assembled from its parts.

use std::{
    fmt,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::sync::Notify;

use crate::{
    accepted::AcceptedCounts,
    acceptor::Acceptor,
    acceptor_handle::AcceptorHandle,
    connection,
    count_queue::CountQueue,
    lead_registry::Leads,
    log_clock::{Clock, LogClock},
    movements::Movements,
    open_error::OpenError,
    opening::{self, OpenLedger},
    readers::Readers,
    scoreboard::{SqliteScoreboard, Writing},
    turn::LedgerTurn,
};

/// A ledger's file in the one process that writes it: a ballot box, and the ledgers of a worker.
///
/// When this value, its [`scoreboard`](Self::scoreboard) and every lead from [`Ledgers::lead`](domain::Ledgers::lead)
/// are dropped, queued requests are finished, accepted ballots are counted and the files are closed. Then the ledger
/// file alone is complete. This blocks for as long as the disk needs.
pub struct SqliteLedger {
    // Dropped first, so that the writer closes the file last and can clean up.
    pub(crate) scoreboard: Arc<SqliteScoreboard>,
    pub(crate) turn: LedgerTurn,
    pub(crate) acceptor: Arc<AcceptorHandle>,
    pub(crate) leads: Arc<Leads>,
    pub(crate) accepted: Arc<AcceptedCounts>,
    pub(crate) clock: Arc<LogClock>,
    /// Told when a countdown begins or is changed.
    pub(crate) countdowns: Arc<Notify>,
}

impl SqliteLedger {
    /// Opens the file at `path`, creates it if it does not exist, and migrates its tables. Its directory must exist.
    ///
    /// The ring file is `PATH.waiting`, next to the ledger itself if `path` is a link. Both are locked, and so is the
    /// file `PATH.lock`, for earlier releases: no other process can open the ledger for writing until this value and
    /// its scoreboard are dropped. No file is removed.
    pub fn open(path: &Path) -> Result<Arc<Self>, OpenError> {
        let since_1970 = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self::open_with_clock(path, Arc::new(move || u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX)))
    }

    /// The same with another clock. Positions always grow, whatever the clock returns.
    pub fn open_with_clock(path: &Path, clock: Clock) -> Result<Arc<Self>, OpenError> {
        let OpenLedger { ledger, ring, counted_through, files, path: place } = opening::open_for_writing(path)?;
        let clock = Arc::new(LogClock::new(clock, counted_through.millis()));
        let countdowns = Arc::<Notify>::default();
        let (movements, accepted) = (Arc::<Movements>::default(), Arc::<AcceptedCounts>::default());
        let reading = connection::open_for_reading(&place.ledger).map_err(OpenError::failed(path))?;
        let readers = Readers::open(place, Some(Arc::clone(&files))).map_err(OpenError::failed(path))?;
        let counts = CountQueue::start(ledger, Arc::clone(&movements), counted_through, Arc::clone(&files));
        let counts = counts.map_err(OpenError::failed(path))?;
        let (progress, turn) = (counts.progress(), counts.turn());
        let (acceptor_clock, told, of_accepted) = (Arc::clone(&clock), Arc::clone(&countdowns), Arc::clone(&accepted));
        let acceptor = Acceptor::new(reading, ring, counts, acceptor_clock, of_accepted, told, Arc::clone(&files));
        let acceptor = Arc::new(AcceptorHandle::start(acceptor).map_err(OpenError::failed(path))?);
        let writing =
            Writing { movements, progress, clock: Arc::clone(&clock), files, _acceptor: Arc::clone(&acceptor) };
        let scoreboard = Arc::new(SqliteScoreboard::of_writer(readers, writing));
        Ok(Arc::new(Self { scoreboard, turn, acceptor, leads: Arc::default(), accepted, clock, countdowns }))
    }

    /// The scoreboard, which reads the ledger.
    pub fn scoreboard(&self) -> Arc<SqliteScoreboard> {
        Arc::clone(&self.scoreboard)
    }

    pub(crate) fn readers(&self) -> &Arc<Readers> {
        &self.scoreboard.readers
    }
}

impl fmt::Debug for SqliteLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteLedger").finish_non_exhaustive()
    }
}
