//! What the clock of a partition's server shows, as far as its answers say.
//!
//! Our own clock has no part in it but to measure how long ago an answer was.

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::connection::RedisClock;

/// The last reading of one server's clock; none before its first answer.
#[derive(Default)]
pub(crate) struct ServerClock(Mutex<Option<RedisClock>>);

impl ServerClock {
    /// An answer that has just arrived says that the clock showed this, in milliseconds since 1970.
    pub(crate) fn saw(&self, millis: u64) {
        *self.0.lock() = Some(RedisClock { millis, at: Instant::now() });
    }

    /// What it shows now, less the time that the last answer took.
    pub(crate) fn now_millis(&self) -> Option<u64> {
        self.0.lock().map(|clock| clock.at(Instant::now()))
    }
}
