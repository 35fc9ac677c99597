//! Time limits of calls.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How long a caller waits for a reply, including the time to connect. A blocking read may take longer, by the time
/// that it asks Redis to block.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// When a caller stops waiting, however many commands it sends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    pub(crate) within: Duration,
}

impl Deadline {
    /// A deadline after this duration.
    pub(crate) fn within(within: Duration) -> Self {
        Self { at: Instant::now() + within, within }
    }

    /// The usual deadline.
    pub(crate) fn usual() -> Self {
        Self::within(ANSWER_TIMEOUT)
    }

    /// Whether the deadline has passed.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.at
    }

    /// Waits until the deadline has passed.
    pub(crate) async fn passed(&self) {
        sleep_until(self.at).await;
    }

    /// The usual deadline for a caller that has waited since `begun`.
    pub(crate) fn since(begun: Instant) -> Self {
        Self { at: begun + ANSWER_TIMEOUT, within: ANSWER_TIMEOUT }
    }
}
