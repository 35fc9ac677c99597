//! How far the count is, as seen by the ledger's thread, the acceptor and the scoreboard.

use std::{
    sync::atomic::{AtomicI64, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use domain::{Heartbeat, Position};
use parking_lot::Mutex;

/// Longer than any batch takes: without progress for so long, counting is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(10);

/// Shared by all of them.
#[derive(Debug)]
pub(crate) struct CountProgress {
    /// Ballots that are not counted yet.
    queued: AtomicUsize,
    /// Everything up to this position is counted, and on the disk.
    counted_through: AtomicI64,
    /// Since when ballots are queued and none was counted; `None` where none is queued.
    idle_since: Mutex<Option<Instant>>,
    begun: Instant,
    /// Why counting failed the last time; `None` where it did not.
    failure: Mutex<Option<String>>,
}

impl CountProgress {
    pub(crate) fn new(counted_through: Position) -> Self {
        Self {
            queued: AtomicUsize::new(0),
            counted_through: AtomicI64::new(counted_through.as_i64()),
            idle_since: Mutex::new(None),
            begun: Instant::now(),
            failure: Mutex::new(None),
        }
    }

    /// How many ballots are not counted yet.
    pub(crate) fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// Everything up to this position is counted, and on the disk.
    pub(crate) fn counted_through(&self) -> Position {
        Position::from_i64(self.counted_through.load(Ordering::Acquire)).expect("it was a position")
    }

    /// Notes how far it is counted.
    pub(crate) fn count_to(&self, position: Position) {
        self.counted_through.store(position.as_i64(), Ordering::Release);
    }

    /// Notes that more ballots were queued.
    pub(crate) fn queue(&self, ballots: usize) {
        // Under the lock: the other thread may count the last ballot at the same time, and must not take this for
        // counted.
        let mut since = self.idle_since.lock();
        self.queued.fetch_add(ballots, Ordering::Relaxed);
        since.get_or_insert_with(Instant::now);
    }

    /// Notes that so many queued ballots were counted.
    pub(crate) fn counted(&self, ballots: usize) {
        let mut since = self.idle_since.lock();
        let before = self.queued.fetch_sub(ballots, Ordering::Relaxed);
        *since = (before > ballots).then(Instant::now);
    }

    /// For how long ballots are queued and none was counted; `None` where none is queued.
    pub(crate) fn behind(&self) -> Option<Duration> {
        self.idle_since.lock().map(|since| since.elapsed())
    }

    /// Notes that counting failed. Returns whether it had not failed before.
    pub(crate) fn failed(&self, reason: &str) -> bool {
        self.failure.lock().replace(reason.to_owned()).is_none()
    }

    /// Notes that counting succeeded. Returns whether it had failed before.
    pub(crate) fn recovered(&self) -> bool {
        self.failure.lock().take().is_some()
    }

    /// Why counting failed the last time, if it did.
    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.lock().clone()
    }

    /// Whether accepted ballots are counted; the error says why not.
    pub(crate) fn keeps_up(&self) -> Result<(), String> {
        let Some(behind) = self.behind() else { return Ok(()) };
        let failure = self.failure().or_else(|| (behind > STUCK_AFTER).then(|| "counting does not end".into()));
        failure.map_or(Ok(()), |reason| {
            Err(format!("{} ballots wait to be counted, for {} s: {reason}", self.queued(), behind.as_secs()))
        })
    }

    /// Sets the metrics of the lag.
    pub(crate) fn show(&self) {
        metrics::gauge!("scrutin_ledger_lag_ballots").set(u32::try_from(self.queued()).unwrap_or(u32::MAX));
        metrics::gauge!("scrutin_ledger_lag_seconds").set(self.behind().unwrap_or_default().as_secs_f64());
    }

    /// The count's heartbeat. Where nothing is queued there is nothing to count, and it is as good as counting.
    pub(crate) fn heartbeat(&self) -> Heartbeat {
        let age = self.behind().unwrap_or_default();
        let at = self.begun.elapsed().saturating_sub(age);
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        Heartbeat { at_millis: millis(at), age_millis: millis(age) }
    }
}
