//! How soon a partition's next call may follow: with many partitions each of them has few ballots at a time, and a call
//! costs as much for few ballots as for many.
//!
//! May import: nothing of this crate.

use std::time::Duration;

use tokio::{sync::mpsc, time::Instant};

/// With several partitions, each has one call in so many milliseconds for each of them. Together they get at most a
/// thousand a second, which is what one partition has under load.
const FOR_EACH_PARTITION: Duration = Duration::from_millis(1);
/// What a voter waits at most for others.
const LONGEST: Duration = Duration::from_millis(10);

/// The time from the beginning of one call to that of the next.
#[derive(Debug)]
pub(super) struct Spacing {
    between: Duration,
    next: Instant,
}

impl Spacing {
    /// The spacing of one of so many partitions. Calls of the only one follow at once: Redis has nothing else to do.
    pub(super) fn of_one_of(partitions: usize) -> Self {
        let all = FOR_EACH_PARTITION.saturating_mul(u32::try_from(partitions).unwrap_or(u32::MAX));
        let between = if partitions > 1 { all.min(LONGEST) } else { Duration::ZERO };
        Self { between, next: Instant::now() }
    }

    /// Waits for an item, and then until the next call may begin. Takes what is in the queue then, `most` items at
    /// most; none if the queue is closed and empty. As soon as there are `most`, the call may begin.
    pub(super) async fn take<T>(&mut self, queue: &mut mpsc::Receiver<T>, most: usize) -> Vec<T> {
        let mut taken = Vec::with_capacity(most);
        if queue.recv_many(&mut taken, most).await > 0 && !self.between.is_zero() {
            let gathering = async {
                while let room @ 1.. = most - taken.len()
                    // None where the queue is closed.
                    && queue.recv_many(&mut taken, room).await > 0
                {}
            };
            // What it has taken stays.
            let _ = tokio::time::timeout_at(self.next, gathering).await;
            self.next = Instant::now() + self.between;
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 4;

    async fn taken_after(partitions: usize, items: &[(u64, u32)]) -> Vec<(u64, Vec<u32>)> {
        let (sender, mut queue) = mpsc::channel(16);
        let items = items.to_vec();
        tokio::spawn(async move {
            for (pause, item) in items {
                tokio::time::sleep(Duration::from_millis(pause)).await;
                sender.send(item).await.unwrap();
            }
        });
        let (mut spacing, begun, mut calls) = (Spacing::of_one_of(partitions), Instant::now(), Vec::new());
        loop {
            let taken = spacing.take(&mut queue, MOST).await;
            if taken.is_empty() {
                return calls;
            }
            calls.push((u64::try_from(begun.elapsed().as_millis()).unwrap(), taken));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_ballot_after_a_quiet_time_is_sent_at_once_and_the_next_ones_together() {
        let calls = taken_after(8, &[(20, 1), (2, 2), (2, 3), (30, 4)]).await;
        assert_eq!(calls, [(20, vec![1]), (28, vec![2, 3]), (54, vec![4])]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_full_waits_no_longer() {
        let calls = taken_after(8, &[(20, 0), (1, 1), (1, 2), (1, 3), (1, 4), (1, 5)]).await;
        assert_eq!(calls, [(20, vec![0]), (24, vec![1, 2, 3, 4]), (25, vec![5])]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_voter_waits_ten_milliseconds_at_most_with_any_number_of_partitions() {
        let calls = taken_after(1_000, &[(20, 1), (1, 2), (50, 3)]).await;
        assert_eq!(calls, [(20, vec![1]), (30, vec![2]), (71, vec![3])]);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_of_the_only_partition_follow_at_once() {
        let calls = taken_after(1, &[(20, 1), (1, 2), (1, 3)]).await;
        assert_eq!(calls, [(20, vec![1]), (21, vec![2]), (22, vec![3])]);
    }
}
