//! How long the log keeps counted entries, so that an older ledger can count them again.
//!
//! The time counts from when an entry was *counted*, not from when it was accepted; after a long outage of the ledger
//! these are far apart. It must not depend on a clock that can be set. So the leader records, by a monotonic clock, how
//! far the count was at some past moments. The record begins empty at each lead, and when another leader was attached:
//! only a leader that has led for the whole retention trims anything.

use std::{collections::VecDeque, time::Duration};

use domain::{Position, ReplicationState};
use tokio::time::Instant;

/// About how many moments are remembered.
const MARKS: u32 = 64;

/// How far the count was, and when.
#[derive(Debug)]
pub(crate) struct Retention {
    keep: Duration,
    marks: VecDeque<Mark>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Instant,
    counted: Position,
    /// How far the ledger's write-ahead log was written.
    written: u64,
}

impl Retention {
    /// Entries are kept for this long after they were counted.
    pub(crate) fn new(keep: Duration) -> Self {
        Self { keep, marks: VecDeque::new() }
    }

    /// Begins the record again: another leader was attached, or may have been.
    pub(crate) fn restart(&mut self) {
        self.marks.clear();
    }

    /// Everything up to `counted` is counted, in a ledger that is written and replicated this far. Returns up to where
    /// the log may be trimmed: what was counted long enough ago, unless a standby lacks what was committed half as long
    /// ago.
    pub(crate) fn counted(&mut self, counted: Position, ledger: ReplicationState) -> Option<Position> {
        let at = Instant::now();
        // An older ledger was restored. What it counts again was not counted long ago.
        if self.marks.back().is_some_and(|last| counted < last.counted) {
            self.marks.clear();
        }
        if self.marks.back().is_none_or(|last| at.duration_since(last.at) >= self.keep / MARKS) {
            self.marks.push_back(Mark { at, counted, written: ledger.written });
        }
        let older_than = |age: Duration| self.marks.iter().rposition(|mark| at.duration_since(mark.at) >= age);
        let long_ago = older_than(self.keep)?;
        let half = older_than(self.keep / 2).unwrap_or(long_ago);
        let behind = ledger.standbys.is_some_and(|standbys| standbys < self.marks[half].written);
        let through = self.marks[long_ago].counted;
        self.marks.drain(..long_ago);
        (!behind).then_some(through)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(place: u64) -> Position {
        Position::new(1, place).unwrap()
    }

    async fn after(retention: &mut Retention, seconds: u64, counted: u64) -> Option<Position> {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        retention.counted(at(counted), ReplicationState::default())
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_was_counted_long_enough_ago_may_be_forgotten() {
        let mut retention = Retention::new(Duration::from_mins(1));
        assert_eq!(after(&mut retention, 0, 10).await, None, "whoever has led for a moment lets nothing be forgotten");
        assert_eq!(after(&mut retention, 30, 20).await, None);
        assert_eq!(after(&mut retention, 30, 30).await, Some(at(10)));
        assert_eq!(after(&mut retention, 29, 40).await, Some(at(10)));
        assert_eq!(after(&mut retention, 1, 40).await, Some(at(20)));
        assert_eq!(after(&mut retention, 600, 50).await, Some(at(40)));
        retention.restart();
        assert_eq!(after(&mut retention, 59, 60).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_ledger_that_went_back_gets_as_much_time_again() {
        let mut retention = Retention::new(Duration::from_mins(1));
        after(&mut retention, 0, 10).await;
        assert_eq!(after(&mut retention, 61, 9).await, None);
        assert_eq!(after(&mut retention, 59, 30).await, None);
        assert_eq!(after(&mut retention, 1, 30).await, Some(at(9)));
    }

    #[tokio::test(start_paused = true)]
    async fn while_a_standby_is_half_of_it_behind_nothing_is_forgotten() {
        let mut retention = Retention::new(Duration::from_mins(1));
        let mut step = async |written, standby: Option<u64>| {
            tokio::time::advance(Duration::from_secs(10)).await;
            retention.counted(at(written), ReplicationState { written, standbys: standby })
        };
        for written in 1..=6 {
            assert_eq!(step(written, Some(0)).await, None);
        }
        assert_eq!(step(7, Some(3)).await, None, "it has what was written 40 s ago, not what was 30 s ago");
        assert_eq!(step(8, Some(5)).await, Some(at(2)));
        assert_eq!(step(9, None).await, Some(at(3)), "it is gone, and PostgreSQL shows none");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_bounded() {
        let mut retention = Retention::new(Duration::from_hours(1));
        for place in 0..10_000 {
            after(&mut retention, 1, place).await;
        }
        assert!(retention.marks.len() <= 66, "{}", retention.marks.len());
    }
}
