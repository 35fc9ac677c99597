//! Measurements of a run: latencies, rates, errors by kind.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::time::Instant;

/// Latencies beyond this are recorded as this, in microseconds: ten minutes.
const MAX_MICROS: u64 = 600_000_000;

/// Times, exact to three digits.
pub(crate) struct Times(Mutex<Histogram<u64>>);

/// How long something took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latency {
    /// How many times it was measured.
    pub count: u64,
    /// Half took at most this.
    pub p50_ms: f64,
    /// 99 of 100 took at most this.
    pub p99_ms: f64,
    /// 999 of 1,000 took at most this.
    pub p999_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Default for Times {
    fn default() -> Self {
        Self(Mutex::new(Histogram::new_with_bounds(1, MAX_MICROS, 3).expect("the bounds are in order")))
    }
}

impl Times {
    /// Adds a time.
    pub(crate) fn add(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(MAX_MICROS);
        self.lock().saturating_record(micros.clamp(1, MAX_MICROS));
    }

    /// What was measured so far.
    pub(crate) fn latency(&self) -> Latency {
        let times = self.lock();
        #[expect(clippy::cast_precision_loss, reason = "at most ten minutes in microseconds")]
        let ms = |micros: u64| micros as f64 / 1_000.0;
        Latency {
            count: times.len(),
            p50_ms: ms(times.value_at_quantile(0.5)),
            p99_ms: ms(times.value_at_quantile(0.99)),
            p999_ms: ms(times.value_at_quantile(0.999)),
            max_ms: ms(times.max()),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Histogram<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everything that is counted and measured.
#[derive(Default)]
pub(crate) struct Measurements {
    /// From when a ballot was due to its acknowledgement, including retries.
    pub(crate) ballots: Times,
    /// From when a page was due to the page.
    pub(crate) pages: Times,
    /// From sending a ballot to a screen that shows scores with it.
    pub(crate) to_screen: Times,
    /// Probes that no screen showed in time.
    pub(crate) never_on_screen: AtomicU64,
    /// Ballots acknowledged.
    pub(crate) acknowledged: AtomicU64,
    /// Ballots sent whose outcome is not known.
    pub(crate) unknown: AtomicU64,
    /// Ballots that were due when every voter was busy, and were not cast.
    pub(crate) nobody_free: AtomicU64,
    /// Frames with scores that came to the screens.
    pub(crate) frames: AtomicU64,
    /// Screens connected now.
    pub(crate) connected: AtomicI64,
    /// Connections of screens that were lost.
    pub(crate) lost_screens: AtomicU64,
    /// Accepted and not counted, when last asked.
    pub(crate) lag: AtomicI64,
    /// The largest lag seen.
    pub(crate) most_lag: AtomicI64,
    last_acknowledged: Mutex<Option<Instant>>,
    errors: Mutex<BTreeMap<String, u64>>,
}

impl Measurements {
    /// Counts an acknowledged ballot.
    pub(crate) fn acknowledge(&self) {
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
        *self.last_acknowledged.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// When the last ballot was acknowledged.
    pub(crate) fn last_acknowledged(&self) -> Option<Instant> {
        *self.last_acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one error of this kind.
    pub(crate) fn error(&self, kind: impl Into<String>) {
        *self.errors.lock().unwrap_or_else(PoisonError::into_inner).entry(kind.into()).or_default() += 1;
    }

    /// Errors by kind.
    pub(crate) fn errors(&self) -> BTreeMap<String, u64> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes the lag.
    pub(crate) fn lagging(&self, ballots: i64) {
        self.lag.store(ballots, Ordering::Relaxed);
        self.most_lag.fetch_max(ballots, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_of_one_in_a_hundred_shows_in_the_tail_only() {
        let times = Times::default();
        (0..1_980).for_each(|_| times.add(Duration::from_millis(2)));
        (0..20).for_each(|_| times.add(Duration::from_secs(1)));
        let latency = times.latency();
        assert!((latency.p50_ms - 2.0).abs() < 0.01 && (latency.p99_ms - 2.0).abs() < 0.01, "{latency:?}");
        assert!(latency.p999_ms > 999.0 && latency.max_ms > 999.0, "{latency:?}");
    }
}
