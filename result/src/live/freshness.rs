//! Whether a score is up to date: how long ago the count last showed that it works.
//!
//! Only the steady clock of this machine decides. So a clock that is set, here or at the ledger, makes no score stale
//! and none fresh. The ledger's clock says how old a heartbeat was when it was first read, and nothing after that.

use std::time::Duration;

use domain::{Heartbeat, Partition, Tally};
use tokio::time::Instant;

/// Without a heartbeat for so long, scores are stale. One comes every second or so.
pub(crate) const STALE_AFTER: Duration = Duration::from_secs(4);

/// The last heartbeat that was read of each partition of a poll, in the order of the partitions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heartbeats(Vec<(Partition, LastHeartbeat)>);

impl Heartbeats {
    /// What is known after a read that began at `asked_at` and found this, where `before` was known before. A partition
    /// without a share was last heard of when the share was seen last, or else when it was missed first.
    pub(crate) fn after(before: Option<&Self>, tally: &Tally, asked_at: Instant) -> Self {
        let heard = |partition| {
            let before = before.and_then(|before| before.of(partition));
            let share = tally.shares.iter().find(|share| share.partition == partition);
            let now = match share {
                Some(share) => LastHeartbeat::after(before, share.heartbeat, asked_at),
                None => before.unwrap_or_else(|| LastHeartbeat::of_nothing(asked_at)),
            };
            (partition, now)
        };
        // Shares of partitions beyond the installation's number may be left from another one.
        let beyond =
            tally.shares.iter().map(|share| share.partition).filter(|it| it.number() >= tally.partitions.count());
        Self(tally.partitions.all().chain(beyond).map(heard).collect())
    }

    /// Of one partition.
    pub(crate) fn of(&self, partition: Partition) -> Option<LastHeartbeat> {
        self.0.iter().find(|(of, _)| *of == partition).map(|(_, heartbeat)| *heartbeat)
    }

    /// How long ago each partition's was.
    pub(crate) fn ages(&self) -> impl Iterator<Item = (Partition, Duration)> {
        self.0.iter().map(|(partition, heartbeat)| (*partition, heartbeat.age()))
    }
}

/// The last heartbeat that was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastHeartbeat {
    heartbeat: Heartbeat,
    /// How old it was at `read_at`.
    age: Duration,
    /// When it was read first.
    read_at: Instant,
    /// When that read began.
    asked_at: Instant,
}

impl LastHeartbeat {
    /// What is known after a read that began at `asked_at`, where `before` was known before.
    pub(crate) fn after(before: Option<Self>, heartbeat: Heartbeat, asked_at: Instant) -> Self {
        // If the clock was set back, its age is not known. A time in the future is as doubtful.
        let age = Duration::from_millis(heartbeat.age_millis.unsigned_abs());
        let read_at = Instant::now();
        let age = match before {
            Some(before) if heartbeat.at_millis == before.heartbeat.at_millis => return before,
            // It came after the read before began, whatever the clock says.
            Some(before) if heartbeat.at_millis > before.heartbeat.at_millis => {
                age.min(read_at.saturating_duration_since(before.asked_at))
            }
            // The clock was set back, or another ledger answers.
            _ => age,
        };
        Self { heartbeat, age, read_at, asked_at }
    }

    /// Of a partition of which nothing is known yet. Any heartbeat is newer.
    fn of_nothing(asked_at: Instant) -> Self {
        let heartbeat = Heartbeat { at_millis: i64::MIN, age_millis: 0, log_millis: None };
        Self { heartbeat, age: Duration::ZERO, read_at: asked_at, asked_at }
    }

    /// How long ago the ledger got it.
    pub(crate) fn age(&self) -> Duration {
        self.age.saturating_add(self.read_at.elapsed())
    }

    /// Whether both are the same heartbeat.
    pub(crate) fn is_the_same_as(&self, other: &Self) -> bool {
        self.heartbeat.at_millis == other.heartbeat.at_millis
    }
}

#[cfg(test)]
mod tests {
    use domain::{Partitions, Poll, PollId, PollSpec, Position, ShareProgress, VoteCounts};

    use super::*;

    const DAY_MS: i64 = 86_400_000;

    fn heartbeat(at_millis: i64, age_millis: i64) -> Heartbeat {
        Heartbeat { at_millis, age_millis, log_millis: None }
    }

    #[tokio::test(start_paused = true)]
    async fn a_heartbeat_ages_by_the_steady_clock_whatever_the_ledgers_clock_says() {
        let mut last = LastHeartbeat::after(None, heartbeat(1_000, 300), Instant::now());
        for (age, skewed) in [(1_300, 1_300), (2_300, DAY_MS), (3_300, -DAY_MS)] {
            tokio::time::advance(Duration::from_secs(1)).await;
            last = LastHeartbeat::after(Some(last), heartbeat(1_000, skewed), Instant::now());
            assert_eq!(last.age().as_millis(), age);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_heartbeat_is_no_older_than_the_last_look() {
        let last = LastHeartbeat::after(None, heartbeat(1_000, 0), Instant::now());
        tokio::time::advance(Duration::from_secs(1)).await;
        // It came, and then the clock was set forward by a day.
        let later = LastHeartbeat::after(Some(last), heartbeat(2_000, DAY_MS), Instant::now());
        assert_eq!(later.age().as_millis(), 1_000);
        // The clock was set back by a day, and then one came.
        let back = LastHeartbeat::after(Some(later), heartbeat(2_000 - DAY_MS, 10), Instant::now());
        assert_eq!(back.age().as_millis(), 10);
        // An older ledger answers: that its count worked a day ago is no sign of life.
        let older = LastHeartbeat::after(Some(back), heartbeat(1_000 - 2 * DAY_MS, DAY_MS), Instant::now());
        assert!(older.age() > STALE_AFTER);
    }

    #[tokio::test(start_paused = true)]
    async fn a_heartbeat_that_lies_ahead_of_the_clock_is_not_taken_for_a_young_one() {
        let last = LastHeartbeat::after(None, heartbeat(DAY_MS, -DAY_MS), Instant::now());
        assert!(last.age() > STALE_AFTER);
    }

    fn tally(shares: &[(u16, Heartbeat)]) -> Tally {
        let poll = Poll::new(PollId::MAIN, PollSpec::simple("Which?", ["x", "y"])).unwrap();
        let shares = shares.iter().map(|&(number, heartbeat)| ShareProgress {
            partition: Partition::new(number),
            position: Position::ZERO,
            heartbeat,
        });
        let (partitions, figures) = (Partitions::new(2).unwrap(), VoteCounts::default());
        Tally { poll, round: 1, figures, shares: shares.collect(), partitions, is_complete: false }
    }

    #[tokio::test(start_paused = true)]
    async fn a_share_that_is_missing_ages_from_when_it_was_missed_or_seen_last() {
        let second = |heartbeats: &Heartbeats| heartbeats.of(Partition::new(1)).unwrap().age().as_millis();
        let both = tally(&[(0, heartbeat(1_000, 0)), (1, heartbeat(1_000, 500))]);
        let first_alone = tally(&[(0, heartbeat(2_000, 0))]);
        for (begin, at_first) in [(&both, 500), (&first_alone, 0)] {
            let mut heard = Heartbeats::after(None, begin, Instant::now());
            assert_eq!(second(&heard), at_first);
            for seconds in 1..=5 {
                tokio::time::advance(Duration::from_secs(1)).await;
                heard = Heartbeats::after(Some(&heard), &first_alone, Instant::now());
                assert_eq!(second(&heard), at_first + seconds * 1_000);
            }
            let back = tally(&[(0, heartbeat(7_000, 0)), (1, heartbeat(7_000, 10))]);
            assert_eq!(second(&Heartbeats::after(Some(&heard), &back, Instant::now())), 10);
        }
    }
}
