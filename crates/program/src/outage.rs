//! An outage of log or ledger: when to try again, and when to log it.

use std::time::Duration;

use tokio::time::Instant;

/// The first pause before trying again.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause. Short enough for a take-over within five seconds.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// After this many doublings a pause is the longest.
const MOST_DOUBLINGS: u32 = 3;

/// Counts consecutive failures.
#[derive(Debug)]
pub struct Outage {
    longest_pause: Duration,
    since: Option<Instant>,
    failures: u32,
}

impl Default for Outage {
    fn default() -> Self {
        Self::with_pauses_up_to(LONGEST_PAUSE)
    }
}

impl Outage {
    /// No pause is longer than this.
    pub fn with_pauses_up_to(longest_pause: Duration) -> Self {
        Self { longest_pause, since: None, failures: 0 }
    }

    /// It failed. True for the first failure, which is to be logged.
    pub fn failed(&mut self) -> bool {
        self.failures = self.failures.saturating_add(1);
        let first = self.since.is_none();
        self.since.get_or_insert_with(Instant::now);
        first
    }

    /// The pause before the next try: twice as long after each failure, up to the limit.
    pub fn pause(&self) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(MOST_DOUBLINGS);
        (SHORTEST_PAUSE * 2_u32.pow(doublings)).min(self.longest_pause)
    }

    /// It works. Returns how long it did not, if it had failed.
    pub fn over(&mut self) -> Option<Duration> {
        self.failures = 0;
        self.since.take().map(|since| since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn outage_is_logged_once_with_growing_pauses_and_its_length() {
        let mut outage = Outage::default();
        assert_eq!(outage.over(), None);
        let mut pauses = Vec::new();
        for failure in 0..6 {
            assert_eq!(outage.failed(), failure == 0);
            pauses.push(outage.pause().as_millis());
            tokio::time::advance(outage.pause()).await;
        }
        assert_eq!(pauses, [250, 500, 1000, 2000, 2000, 2000]);
        assert_eq!(outage.over(), Some(Duration::from_millis(7750)));
        assert!(outage.failed());
        assert_eq!(outage.pause(), SHORTEST_PAUSE);
    }
}
