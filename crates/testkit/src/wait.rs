//! Waits for a condition, with a deadline after which the test fails. Tests never sleep for a fixed time.

use std::{fmt::Debug, time::Duration};

use tokio::time::Instant;

/// How long a test waits for something that should happen soon. Generous, because it only limits a failing test.
pub const DEADLINE: Duration = Duration::from_mins(1);
/// How often the condition is checked.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Waits until `attempt` succeeds, and returns its value.
///
/// # Panics
/// If it has not before [`DEADLINE`]; the message names what is waited for, and the last error.
pub async fn until_ok<T, E: Debug>(what: &str, mut attempt: impl AsyncFnMut() -> Result<T, E>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match attempt().await {
            Ok(value) => return value,
            Err(error) => assert!(
                Instant::now() < deadline,
                "waited {} s in vain for: {what}; last it was {error:?}",
                DEADLINE.as_secs()
            ),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Waits until `look` returns something, and returns it.
///
/// # Panics
/// As [`until_ok`].
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    until_ok(what, async || look().await.ok_or("not there")).await
}

/// Waits until `look` is true.
///
/// # Panics
/// As [`until_ok`].
pub async fn until_true(what: &str, mut look: impl AsyncFnMut() -> bool) {
    until_ok(what, async || if look().await { Ok(()) } else { Err("false") }).await;
}
