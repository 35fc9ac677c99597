//! When an open poll closes by itself.
//!
//! The moment is one of the log's clock, in milliseconds since 1970. Each partition of the log decides by the clock of
//! its own server, in the step that appends: what comes at or after the moment is refused. The close itself follows as
//! a record, and until that is there everybody who reads the poll applies it ([`Poll::as_of`](super::Poll::as_of)).

use serde::{Deserialize, Serialize};

/// The longest countdown: a day.
pub const MAX_COUNTDOWN_SECONDS: u32 = 24 * 60 * 60;

/// Why a countdown can't be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CountdownError {
    /// Not between a second and [`MAX_COUNTDOWN_SECONDS`].
    #[error("a countdown takes 1 to {MAX_COUNTDOWN_SECONDS} seconds")]
    Length,
    /// It would end at or before this moment of the log's clock.
    #[error("the countdown would have ended already")]
    Past,
}

/// How long a countdown takes: 1 to [`MAX_COUNTDOWN_SECONDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct CountdownSeconds(u32);

impl CountdownSeconds {
    /// The number itself.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for CountdownSeconds {
    type Error = CountdownError;
    fn try_from(seconds: u32) -> Result<Self, CountdownError> {
        if (1..=MAX_COUNTDOWN_SECONDS).contains(&seconds) { Ok(Self(seconds)) } else { Err(CountdownError::Length) }
    }
}

impl From<CountdownSeconds> for u32 {
    fn from(seconds: CountdownSeconds) -> Self {
        seconds.0
    }
}

/// When a poll that is opened is to close by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Countdown {
    /// So long after the moment at which the log opens it.
    For(CountdownSeconds),
    /// At this moment of the log's clock, in milliseconds since 1970; at most [`MAX_COUNTDOWN_SECONDS`] away.
    Until(u64),
}

impl Countdown {
    /// The moment at which it ends if it begins now.
    pub(super) fn ends_at(self, now_millis: u64) -> Result<u64, CountdownError> {
        let after = |seconds: u32| now_millis.saturating_add(u64::from(seconds) * 1_000);
        match self {
            Self::For(seconds) => Ok(after(seconds.0)),
            Self::Until(moment) if moment <= now_millis => Err(CountdownError::Past),
            Self::Until(moment) if moment > after(MAX_COUNTDOWN_SECONDS) => Err(CountdownError::Length),
            Self::Until(moment) => Ok(moment),
        }
    }
}
