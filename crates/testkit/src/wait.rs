//! Waits for a condition, with a deadline after which the test fails. Tests never sleep for a fixed time.

use std::{future::Future, time::Duration};

use tokio::time::Instant;

/// How long a test waits for something that should happen soon. Generous, because it only limits a failing test.
pub const DEADLINE: Duration = Duration::from_mins(1);
/// How often the condition is checked.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits until `look` returns something, and returns it.
///
/// # Panics
/// If it has not before [`DEADLINE`]; the message names the condition.
pub async fn until<T, F, Fut>(what: &str, mut look: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = look().await {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {} s in vain for: {what}", DEADLINE.as_secs());
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Waits until `look` is true.
///
/// # Panics
/// As [`until`].
pub async fn until_true<F, Fut>(what: &str, mut look: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    until(what, || {
        let looked = look();
        async move { looked.await.then_some(()) }
    })
    .await;
}
