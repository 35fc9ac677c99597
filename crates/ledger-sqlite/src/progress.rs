//! The progress of the count, shared by the ledger's thread, the acceptor and the scoreboard.

use std::{
    sync::atomic::{AtomicI64, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use domain::{Heartbeat, Position};
use parking_lot::Mutex;

/// Longer than any batch takes: without progress for this long, counting is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(10);

/// The progress of the count.
#[derive(Debug)]
pub(crate) struct CountProgress {
    /// The number of ballots that are not counted yet.
    queued: AtomicUsize,
    /// Everything up to this position is counted and on disk.
    counted_through: AtomicI64,
    /// The time since which ballots are queued and none was counted; `None` if none is queued.
    idle_since: Mutex<Option<Instant>>,
    begun: Instant,
    /// Why the last count failed; `None` if it did not.
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

    /// The number of ballots that are not counted yet.
    pub(crate) fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// Everything up to this position is counted and on disk.
    pub(crate) fn counted_through(&self) -> Position {
        Position::from_i64(self.counted_through.load(Ordering::Acquire)).expect("it was a position")
    }

    /// Records that everything up to this position is counted.
    pub(crate) fn count_to(&self, position: Position) {
        self.counted_through.store(position.as_i64(), Ordering::Release);
    }

    /// Records that more ballots were queued.
    pub(crate) fn queue(&self, ballots: usize) {
        // Under the lock, because the other thread may count the last ballot at the same time, and must not treat the
        // new ballots as counted.
        let mut since = self.idle_since.lock();
        self.queued.fetch_add(ballots, Ordering::Relaxed);
        since.get_or_insert_with(Instant::now);
    }

    /// Records that this many queued ballots were counted.
    pub(crate) fn counted(&self, ballots: usize) {
        let mut since = self.idle_since.lock();
        let before = self.queued.fetch_sub(ballots, Ordering::Relaxed);
        *since = (before > ballots).then(Instant::now);
    }

    /// How long ballots have been queued without any being counted; `None` if none is queued.
    pub(crate) fn behind(&self) -> Option<Duration> {
        self.idle_since.lock().map(|since| since.elapsed())
    }

    /// Records that counting failed. Returns whether this is the first failure in a row.
    pub(crate) fn failed(&self, reason: &str) -> bool {
        self.failure.lock().replace(reason.to_owned()).is_none()
    }

    /// Records that counting succeeded. Returns whether it had failed before.
    pub(crate) fn recovered(&self) -> bool {
        self.failure.lock().take().is_some()
    }

    /// Why the last count failed, if it did.
    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.lock().clone()
    }

    /// Whether accepted ballots are being counted; the error gives the reason if not.
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

    /// The count's heartbeat. With nothing queued there is nothing to count, so the count is healthy.
    pub(crate) fn heartbeat(&self) -> Heartbeat {
        let age = self.behind().unwrap_or_default();
        let at = self.begun.elapsed().saturating_sub(age);
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        Heartbeat { at_millis: millis(at), age_millis: millis(age), log_millis: None }
    }
}
