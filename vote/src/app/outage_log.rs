//! Says in the log that the ballot box does not answer: at once, and then at most once a second with the
//! number of requests that met it meanwhile. Under load an outage would else write a line for each request.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::Unavailable;

/// The shortest time between two lines, in milliseconds.
const BEAT_MILLIS: u64 = 1_000;

/// Remembers when the last line was written.
#[derive(Default)]
pub(crate) struct OutageLog {
    last_millis: AtomicU64,
    unsaid: AtomicU64,
}

impl OutageLog {
    /// Notes one request that could not be done.
    pub(crate) fn note(&self, error: &Unavailable) {
        let unsaid = self.unsaid.fetch_add(1, Ordering::Relaxed) + 1;
        let now = program::now_millis();
        let last = self.last_millis.load(Ordering::Relaxed);
        let due = now.saturating_sub(last) >= BEAT_MILLIS;
        if due && self.last_millis.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.unsaid.fetch_sub(unsaid, Ordering::Relaxed);
            tracing::warn!(%error, requests = unsaid, "the ballot box does not answer: not recorded");
        }
    }
}
