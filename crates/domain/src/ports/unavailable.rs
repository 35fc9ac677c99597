//! The error of every port.

use std::time::Duration;

/// An operation failed. Either nothing happened, or the outcome is **unknown**: the request was sent and got no answer.
/// [`nothing_happened`](Self::nothing_happened) tells the two apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// No worker has begun the log yet. Nothing happened.
    #[error("the log has not begun yet")]
    NotBegun,
    /// The log has begun, but its server was started or promoted, or lost entries, and no leading worker has attached
    /// to it since. Nothing happened.
    #[error("no worker has attached to the log yet")]
    NotAttached,
    /// The queue is full. Nothing happened.
    #[error("too much is waiting already")]
    Busy,
    /// The server or the files are not as they must be, so nothing was sent. Nothing happened.
    #[error("{0}")]
    Untrusted(String),
    /// There is no memory or space left. Nothing happened.
    #[error("the log has no memory left for ballots")]
    Full,
    /// It was never sent, or certainly refused. Nothing happened.
    #[error("{what}: {reason}")]
    NotDone {
        /// What was asked.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// No answer in time. The outcome is unknown.
    #[error("{what}: no answer within {} ms", after.as_millis())]
    Timeout {
        /// What was asked.
        what: &'static str,
        /// How long it was waited for.
        after: Duration,
    },
    /// It answered with an error, or the connection broke. The outcome is unknown.
    #[error("{what}: {reason}")]
    Failed {
        /// What was asked.
        what: &'static str,
        /// The driver's words.
        reason: String,
    },
}

impl Unavailable {
    /// `what` failed for `reason`; for `map_err` at the edge of an adapter.
    pub fn failed(what: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Failed { what, reason: reason.to_string() }
    }

    /// `what` was not done, for certain, for `reason`.
    pub fn not_done(what: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::NotDone { what, reason: reason.to_string() }
    }

    /// The same where what failed only came before the thing that was to be done.
    #[must_use]
    pub fn before_anything(self) -> Self {
        if self.nothing_happened() { self } else { Self::not_done("nothing was done", self) }
    }

    /// The same where something was done before what failed: the outcome of the whole is unknown.
    #[must_use]
    pub fn after_something(self, what: &'static str) -> Self {
        if self.nothing_happened() { Self::failed(what, self) } else { self }
    }

    /// Whether it is certain that nothing was done.
    pub fn nothing_happened(&self) -> bool {
        match self {
            Self::NotBegun
            | Self::NotAttached
            | Self::Busy
            | Self::Untrusted(_)
            | Self::Full
            | Self::NotDone { .. } => true,
            Self::Timeout { .. } | Self::Failed { .. } => false,
        }
    }
}
