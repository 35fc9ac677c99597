//! Positions in the log.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Bits of a position that hold the sequence within one millisecond.
const SEQUENCE_BITS: u32 = 20;
const SEQUENCE_MASK: i64 = (1 << SEQUENCE_BITS) - 1;

/// A position in one partition of the log: `milliseconds since 1970 << 20 | sequence`.
///
/// Positions of one partition are strictly increasing and never reused, also after a log was lost and another begun.
/// A position holds the time at which its entry was accepted ([`Position::millis`]). Twenty bits of sequence are enough
/// for a million entries in a millisecond; 43 bits of milliseconds last until 2248.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(i64);

impl Position {
    /// Before every entry.
    pub const ZERO: Self = Self(0);
    /// The largest time a position can hold, in milliseconds since 1970.
    pub const MAX_MILLIS: u64 = (i64::MAX >> SEQUENCE_BITS) as u64;
    /// The largest sequence within one millisecond.
    pub const MAX_SEQUENCE: u64 = SEQUENCE_MASK as u64;

    /// The position of an entry with this time and sequence; `None` where one of them does not fit.
    pub fn new(millis: u64, sequence: u64) -> Option<Self> {
        if millis > Self::MAX_MILLIS || sequence > Self::MAX_SEQUENCE {
            return None;
        }
        let millis = i64::try_from(millis).ok()?;
        let sequence = i64::try_from(sequence).ok()?;
        Some(Self((millis << SEQUENCE_BITS) | sequence))
    }

    /// A position read back from a ledger; `None` if negative.
    pub fn from_i64(value: i64) -> Option<Self> {
        (value >= 0).then_some(Self(value))
    }

    /// The number that ledgers store.
    pub fn as_i64(self) -> i64 {
        self.0
    }

    /// When the entry was accepted, in milliseconds since 1970.
    pub fn millis(self) -> u64 {
        self.0.unsigned_abs() >> SEQUENCE_BITS
    }

    /// The sequence within its millisecond.
    pub fn sequence(self) -> u64 {
        (self.0 & SEQUENCE_MASK).unsigned_abs()
    }

    /// The position with a sequence that is higher by `more`; `None` if the millisecond has none.
    pub fn checked_add(self, more: u64) -> Option<Self> {
        Self::new(self.millis(), self.sequence().checked_add(more)?)
    }

    /// The next free position at time `millis`: later than `self`, and never before `millis`.
    pub fn following(self, millis: u64) -> Self {
        let now = Self::new(millis.min(Self::MAX_MILLIS), 0).unwrap_or(self);
        if now > self { now } else { Self(self.0.saturating_add(1)) }
    }
}

/// Written as Redis writes a stream id, `milliseconds-sequence`, so that a log line can be looked up there.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis(), self.sequence())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_time_and_sequence() {
        let position = Position::new(1_700_000_000_123, 45).unwrap();
        assert_eq!(position.millis(), 1_700_000_000_123);
        assert_eq!(position.sequence(), 45);
        assert_eq!(position.as_i64(), 1_700_000_000_123 * 1_048_576 + 45);
        assert_eq!(position.to_string(), "1700000000123-45");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(Position::new(1 << 43, 0), None);
        assert_eq!(Position::new(1, 1 << 20), None);
        assert_eq!(Position::from_i64(-1), None);
        assert!(Position::new(Position::MAX_MILLIS, Position::MAX_SEQUENCE).is_some());
    }

    #[test]
    fn adding_to_a_position_stays_in_the_same_millisecond() {
        let position = Position::new(1_000, 7).unwrap();
        assert_eq!(position.checked_add(0), Some(position));
        assert_eq!(position.checked_add(5), Position::new(1_000, 12));
        assert_eq!(position.checked_add(Position::MAX_SEQUENCE - 7), Position::new(1_000, Position::MAX_SEQUENCE));
        assert_eq!(position.checked_add(Position::MAX_SEQUENCE - 6), None);
        assert_eq!(position.checked_add(u64::MAX), None);
    }

    #[test]
    fn the_following_position_is_always_later_even_when_the_clock_goes_back() {
        let position = Position::new(1_000, 7).unwrap();
        assert_eq!(position.following(2_000), Position::new(2_000, 0).unwrap());
        assert_eq!(position.following(1_000), Position::new(1_000, 8).unwrap());
        assert_eq!(position.following(500), Position::new(1_000, 8).unwrap());
    }
}
