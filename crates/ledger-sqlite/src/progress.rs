//! How far the count is: what its thread, the one that accepts, and whoever shows the scores see of it.

use std::{
    sync::atomic::{AtomicI64, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use domain::{Heartbeat, Position};
use parking_lot::Mutex;

/// Longer than any batch takes.
const STANDS_STILL: Duration = Duration::from_secs(10);

/// Shared by both sides.
#[derive(Debug)]
pub(crate) struct Progress {
    /// Ballots that wait to be counted.
    waiting: AtomicUsize,
    /// Everything up to here is counted, and on the disk.
    counted: AtomicI64,
    /// Since when ballots wait of which none was counted; absent where none waits.
    idle_since: Mutex<Option<Instant>>,
    begun: Instant,
    /// Why the count does not go on; absent where it does.
    failure: Mutex<Option<String>>,
}

impl Progress {
    pub(crate) fn new(counted: Position) -> Self {
        Self {
            waiting: AtomicUsize::new(0),
            counted: AtomicI64::new(counted.as_i64()),
            idle_since: Mutex::new(None),
            begun: Instant::now(),
            failure: Mutex::new(None),
        }
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Everything up to here is counted, and on the disk.
    pub(crate) fn counted(&self) -> Position {
        Position::from_i64(self.counted.load(Ordering::Acquire)).expect("it was a position")
    }

    /// Notes how far it is counted.
    pub(crate) fn count_to(&self, position: Position) {
        self.counted.store(position.as_i64(), Ordering::Release);
    }

    /// More wait.
    pub(crate) fn wait(&self, ballots: usize) {
        // Under the lock, so that whoever counts the last one at the same time does not take this for counted.
        let mut since = self.idle_since.lock();
        self.waiting.fetch_add(ballots, Ordering::Relaxed);
        since.get_or_insert_with(Instant::now);
    }

    /// So many of those that wait were counted.
    pub(crate) fn done(&self, ballots: usize) {
        let mut since = self.idle_since.lock();
        let before = self.waiting.fetch_sub(ballots, Ordering::Relaxed);
        *since = (before > ballots).then(Instant::now);
    }

    /// For how long ballots wait of which none was counted; absent where none waits.
    pub(crate) fn behind(&self) -> Option<Duration> {
        self.idle_since.lock().map(|since| since.elapsed())
    }

    /// The count failed; whether that is news.
    pub(crate) fn failed(&self, reason: &str) -> bool {
        self.failure.lock().replace(reason.to_owned()).is_none()
    }

    /// The count went well; whether that is news.
    pub(crate) fn recovered(&self) -> bool {
        self.failure.lock().take().is_some()
    }

    /// Why what waits can't be counted, if so.
    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.lock().clone()
    }

    /// Whether what is accepted is counted; else what is the matter with it.
    pub(crate) fn keeps_up(&self) -> Result<(), String> {
        let Some(behind) = self.behind() else { return Ok(()) };
        let failure = self.failure().or_else(|| (behind > STANDS_STILL).then(|| "it does not come to an end".into()));
        failure.map_or(Ok(()), |reason| {
            Err(format!("{} ballots wait to be counted, for {} s: {reason}", self.waiting(), behind.as_secs()))
        })
    }

    /// Shows how far it is behind.
    pub(crate) fn show(&self) {
        metrics::gauge!("scrutin_ledger_lag_ballots").set(u32::try_from(self.waiting()).unwrap_or(u32::MAX));
        metrics::gauge!("scrutin_ledger_lag_seconds").set(self.behind().unwrap_or_default().as_secs_f64());
    }

    /// Where nothing waits, the count has nothing to show and is as good as at work.
    pub(crate) fn heartbeat(&self) -> Heartbeat {
        let age = self.behind().unwrap_or_default();
        let at = self.begun.elapsed().saturating_sub(age);
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        Heartbeat { at_millis: millis(at), age_millis: millis(age) }
    }
}
