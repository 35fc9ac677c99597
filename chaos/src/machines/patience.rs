//! Waiting for a condition with a limit, after which the run has failed and says for what it waited.

use std::time::Duration;

use anyhow::anyhow;
use tokio::time::{Instant, sleep};

/// How long anything may take to become whole again.
const LIMIT: Duration = Duration::from_secs(90);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Waits until `look` returns a value.
///
/// # Errors
/// If it has not within [`LIMIT`]; with the last error of `look`.
pub(crate) async fn until_ok<T>(what: &str, mut look: impl AsyncFnMut() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let deadline = Instant::now() + LIMIT;
    loop {
        match look().await {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() > deadline => {
                return Err(error.context(format!("waited {} s in vain for {what}", LIMIT.as_secs())));
            }
            Err(_) => sleep(LOOK_EVERY).await,
        }
    }
}

/// Waits until `look` is true; an error is as good as false.
///
/// # Errors
/// As [`until_ok`].
pub(crate) async fn until(what: &str, mut look: impl AsyncFnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    until_ok(what, async || if look().await? { Ok(()) } else { Err(anyhow!("not yet")) }).await
}
