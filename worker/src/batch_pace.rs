//! How soon a partition's next batch may follow: with many partitions each of them has few ballots at a time, and the
//! transaction of a batch costs the ledger as much for few ballots as for many.
//!
//! No I/O.

use std::time::Duration;

use domain::Partitions;
use tokio::time::Instant;

/// Each partition has one batch in so many milliseconds for each of them: together at most a hundred a second.
const FOR_EACH_PARTITION: Duration = Duration::from_millis(10);
/// What this adds at most to the time until a ballot is on the screens.
const LONGEST: Duration = Duration::from_millis(100);

/// The time from one page of the log to the next.
#[derive(Debug)]
pub(crate) struct BatchPace {
    between: Duration,
    next: Instant,
}

impl BatchPace {
    /// The pace of one of these partitions. The first page may be read at once.
    pub(crate) fn of_one_of(partitions: Partitions) -> Self {
        let between = (FOR_EACH_PARTITION * u32::from(partitions.count())).min(LONGEST);
        Self { between, next: Instant::now() }
    }

    /// A page was read, with so many ballots, and so many more were in the log: the next one may follow at once if it
    /// has as many.
    pub(crate) fn read(&mut self, ballots: u64, more: u64) {
        let is_behind = more >= ballots && more > 0;
        self.next = if is_behind || ballots == 0 { Instant::now() } else { Instant::now() + self.between };
    }

    /// Waits until the next page may be read.
    pub(crate) async fn pause(&self) {
        tokio::time::sleep_until(self.next).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn paused(partitions: u16, ballots: u64, more: u64) -> u128 {
        let mut pace = BatchPace::of_one_of(Partitions::new(partitions).unwrap());
        let begun = Instant::now();
        pace.read(ballots, more);
        pace.pause().await;
        begun.elapsed().as_millis()
    }

    #[tokio::test(start_paused = true)]
    async fn all_partitions_together_have_a_hundred_batches_a_second() {
        assert_eq!(paused(1, 5, 0).await, 10);
        assert_eq!(paused(8, 5, 4).await, 80);
        assert_eq!(paused(64, 5, 4).await, 100, "and screens wait a tenth of a second at most");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_behind_or_comes_after_a_quiet_time_does_not_wait() {
        assert_eq!(paused(8, 5, 5).await, 0);
        assert_eq!(paused(8, 0, 0).await, 0);
        let mut pace = BatchPace::of_one_of(Partitions::ONE);
        pace.read(5, 0);
        tokio::time::advance(Duration::from_secs(1)).await;
        let begun = Instant::now();
        pace.pause().await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
