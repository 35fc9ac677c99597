//! Waiting for a condition, with a deadline that fails loudly. Tests never sleep for a fixed time.

use std::{future::Future, time::Duration};

use tokio::time::Instant;

/// How long a test waits for something that should happen soon. Generous: it only bounds a failing test.
pub const DEADLINE: Duration = Duration::from_mins(1);
/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits until `look` returns something, and returns it.
///
/// # Panics
/// If it has not after [`DEADLINE`]; the message says what was waited for.
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
