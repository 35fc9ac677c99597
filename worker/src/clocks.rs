//! The clocks of the log's servers: each decides for its partition when a countdown has ended, so they should agree.

use std::time::Duration;

use domain::Partition;
use tracing::warn;

/// Clocks that differ by more than this are told.
const MOST_SKEW: Duration = Duration::from_secs(1);

/// How far a server's clock is ahead of this machine's, in milliseconds; negative if it is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClockOffset(i64);

impl ClockOffset {
    /// Of a server whose answer has just arrived: its clock showed this, in milliseconds since 1970.
    pub(crate) fn of_answer(server_millis: u64) -> Self {
        Self::between(server_millis, program::now_millis())
    }

    fn between(server_millis: u64, own_millis: u64) -> Self {
        let millis = |millis: u64| i64::try_from(millis).unwrap_or(i64::MAX);
        Self(millis(server_millis).saturating_sub(millis(own_millis)))
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge of more than 2^53 milliseconds may be off by one")]
    pub(crate) fn seconds(self) -> f64 {
        self.0 as f64 / 1_000.0
    }
}

/// Another clock, and by how much the partition's own is ahead of it.
#[derive(Debug, PartialEq, Eq)]
struct Skew {
    /// `None`: this machine.
    of: Option<Partition>,
    ahead_millis: i64,
}

/// Warns with one line if this partition's clock differs too much from another partition's, or from this machine's.
pub(crate) fn tell_skew(partition: Partition, own: ClockOffset, others: &[(Partition, ClockOffset)]) {
    let Some(Skew { of, ahead_millis }) = worst(own, others) else { return };
    let other = of.map_or_else(|| "this machine".to_owned(), |of| format!("partition {of}"));
    warn!(
        event = "log.clock_skew",
        partition = partition.number(),
        ahead_ms = ahead_millis,
        of = other,
        "the clock of this partition's server differs from another by more than a second. Each partition ends a \
         countdown by its own clock; set the clocks (NTP)"
    );
}

/// The clock that differs most, if that is too much: another partition's before this machine's, which decides nothing.
fn worst(own: ClockOffset, others: &[(Partition, ClockOffset)]) -> Option<Skew> {
    let of_others =
        others.iter().map(|(of, offset)| Skew { of: Some(*of), ahead_millis: own.0.saturating_sub(offset.0) });
    let is_too_much = |skew: &Skew| u128::from(skew.ahead_millis.unsigned_abs()) > MOST_SKEW.as_millis();
    let worst = of_others.filter(is_too_much).max_by_key(|skew| skew.ahead_millis.unsigned_abs());
    worst.or_else(|| Some(Skew { of: None, ahead_millis: own.0 }).filter(is_too_much))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_that_differs_most_is_told_and_small_differences_are_not() {
        let at = |millis: u64| ClockOffset::between(10_000_000 + millis, 10_000_000 + 2_000);
        let other = |number, millis| (Partition::new(number), at(millis));
        assert_eq!(worst(at(2_000), &[other(1, 1_000), other(2, 3_000)]), None);
        let ahead = Skew { of: Some(Partition::new(1)), ahead_millis: 1_001 };
        assert_eq!(worst(at(2_001), &[other(1, 1_000), other(2, 3_000)]), Some(ahead));
        let behind = Skew { of: Some(Partition::new(2)), ahead_millis: -4_000 };
        assert_eq!(worst(at(2_000), &[other(1, 500), other(2, 6_000)]), Some(behind));
        assert_eq!(worst(at(500), &[other(1, 500)]), Some(Skew { of: None, ahead_millis: -1_500 }));
    }
}
