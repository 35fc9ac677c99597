//! The clock of the all-in-one's log: it gives ballots their positions, and decides when a countdown has ended.
//!
//! It never runs backwards and never stands still. While the system's clock is behind what it has shown (it was set
//! back, or the ledger was written on a machine that was ahead), it goes on from there at the pace of time. So no
//! ballot that is accepted after a countdown has ended has a position before the moment.

use std::{sync::Arc, time::Instant};

use parking_lot::Mutex;

/// A clock: milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// See the module.
pub(crate) struct LogClock {
    system: Clock,
    /// What it showed last, and when.
    last: Mutex<(u64, Instant)>,
}

impl LogClock {
    /// It shows `at_least` milliseconds since 1970 from now on.
    pub(crate) fn new(system: Clock, at_least: u64) -> Self {
        Self { system, last: Mutex::new((at_least, Instant::now())) }
    }

    /// Milliseconds since 1970.
    pub(crate) fn now_millis(&self) -> u64 {
        let mut last = self.last.lock();
        let (shown, at) = *last;
        let elapsed = at.elapsed();
        let system = (self.system)();
        if system >= shown {
            *last = (system, at + elapsed);
            return system;
        }
        // Kept as it is: whole milliseconds would be lost if it were read often.
        shown.saturating_add(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)).max(system)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn it_follows_the_system_and_goes_on_alone_when_that_is_set_back() {
        let system = Arc::new(AtomicU64::new(1_000_000));
        let of_system = Arc::clone(&system);
        let clock = LogClock::new(Arc::new(move || of_system.load(Ordering::Relaxed)), 0);
        assert_eq!(clock.now_millis(), 1_000_000);
        system.store(2_000_000, Ordering::Relaxed);
        assert_eq!(clock.now_millis(), 2_000_000);
        system.store(1_000_000, Ordering::Relaxed);
        let mut before = clock.now_millis();
        assert!(before >= 2_000_000, "it was set back");
        while before < 2_000_005 {
            let now = clock.now_millis();
            assert!(now >= before, "{now} after {before}");
            before = now;
        }
    }

    #[test]
    fn it_begins_after_what_the_ledger_has_seen() {
        let clock = LogClock::new(Arc::new(|| 1_000), 5_000);
        assert!(clock.now_millis() >= 5_000);
    }
}
