//! The error of every port.

use std::time::Duration;

/// The thing below did not answer as it should. Whether what was asked of it happened is **not known** only where
/// it was sent and got no answer; [`nothing_happened`](Self::nothing_happened) tells the two apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// Nothing was begun yet: no worker has set up the log. Nothing happened.
    #[error("the log has not begun yet")]
    NotBegun,
    /// The log is there, and no leading worker has made its server fit to take ballots since that started, was
    /// promoted, or lost something. Nothing happened.
    #[error("no worker has attached to the log yet")]
    NotAttached,
    /// The queue before it is full. Nothing happened.
    #[error("too much is waiting already")]
    Busy,
    /// What is below is not what it must be to be trusted, so nothing was asked of it. Nothing happened.
    #[error("{0}")]
    Untrusted(String),
    /// There is no room left for what was asked. Nothing happened.
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
    /// No answer in time.
    #[error("{what}: no answer within {} ms", after.as_millis())]
    Timeout {
        /// What was asked.
        what: &'static str,
        /// How long it was waited for.
        after: Duration,
    },
    /// It answered with an error, or the connection broke.
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
