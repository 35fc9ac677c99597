//! Time limits of calls.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How long a caller waits for an answer, including the time to connect. A blocking read waits longer
/// by as much as it asked Redis to wait.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Until when a caller waits, over all that it has to ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    pub(crate) within: Duration,
}

impl Deadline {
    /// This much from now.
    pub(crate) fn within(within: Duration) -> Self {
        Self { at: Instant::now() + within, within }
    }

    /// The usual one.
    pub(crate) fn usual() -> Self {
        Self::within(ANSWER_TIMEOUT)
    }

    /// Whether it has passed.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.at
    }

    /// Waits until it has passed.
    pub(crate) async fn passed(&self) {
        sleep_until(self.at).await;
    }

    /// The usual one for somebody who has waited since `begun` already.
    pub(crate) fn since(begun: Instant) -> Self {
        Self { at: begun + ANSWER_TIMEOUT, within: ANSWER_TIMEOUT }
    }
}
