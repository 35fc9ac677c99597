//! Limits log lines about what many requests meet: the first is written at once, later ones from time to time with the
//! number of requests. Otherwise an outage, or an attacker, could fill the log.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// One kind of line.
pub struct LogThrottle {
    between: Duration,
    state: Mutex<State>,
}

struct State {
    written: Option<Instant>,
    unsaid: u64,
}

impl LogThrottle {
    /// At most one line each time this has passed.
    pub const fn new(between: Duration) -> Self {
        Self { between, state: Mutex::new(State { written: None, unsaid: 0 }) }
    }

    /// Counts one event. If a line is due: how many events there were since the last line.
    pub fn due(&self) -> Option<u64> {
        self.due_at(Instant::now())
    }

    fn due_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock();
        state.unsaid += 1;
        if state.written.is_some_and(|written| now < written + self.between) {
            return None;
        }
        state.written = Some(now);
        Some(std::mem::take(&mut state.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_event_is_due_at_once_and_the_others_together() {
        let (line, begun) = (LogThrottle::new(Duration::from_mins(1)), Instant::now());
        assert_eq!(line.due_at(begun), Some(1));
        assert!((0..999).all(|_| line.due_at(begun).is_none()));
        assert_eq!(line.due_at(begun + Duration::from_mins(1)), Some(1_000));
        assert_eq!(line.due_at(begun + Duration::from_mins(1)), None);
    }
}
