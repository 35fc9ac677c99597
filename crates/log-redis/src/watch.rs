//! Looking at the server again and again, for as long as somebody relies on it.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use domain::{Durability, Unavailable};

use crate::{fitness::Fitness, link::Link, url::RedisUrl};

/// How soon a setting that was changed under live connections is noticed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks at a server for a program that relies on it and leaves its calls alone: the worker, which counts what is there
/// whatever the server's settings are, and is not ready while they are wrong.
#[derive(Clone)]
pub struct ServerWatch(Arc<Link>);

impl ServerWatch {
    /// Begins to look. Must be called within a Tokio runtime.
    pub fn start(url: &RedisUrl, durability: Durability) -> Self {
        let link = Arc::new(Link::to_fit_server(url, Arc::new(Fitness::new(durability, None))));
        keep_looking(&link);
        Self(link)
    }

    /// Whether the server was what it must be when it was seen last. One that was not seen yet passes.
    pub fn ready(&self) -> Result<(), Unavailable> {
        self.0.fitness().map_or(Ok(()), Fitness::was_fit)
    }
}

/// Looks every second, until the link is gone.
pub(crate) fn keep_looking(link: &Arc<Link>) {
    let link: Weak<Link> = Arc::downgrade(link);
    tokio::spawn(async move {
        let mut beat = tokio::time::interval(LOOK_EVERY);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            let Some(link) = link.upgrade() else { return };
            // The link logs that a server does not answer.
            if link.look().await.is_ok() {
                let _ = link.probe().await;
            }
        }
    });
}
