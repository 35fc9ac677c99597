//! Checks the server every second while a program depends on it.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use domain::{Durability, Partitions, Unavailable};

use crate::{
    addresses::RedisAddresses,
    fitness::{Fitness, warn_if_unchecked},
    link::Link,
};

/// How soon a changed setting is noticed under open connections.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Checks the server of each partition without blocking calls to it. The worker uses this: it counts ballots whatever
/// a server's settings are, but is not ready while they are wrong.
#[derive(Clone)]
pub struct ServerWatch(Arc<[Arc<Link>]>);

impl ServerWatch {
    /// Starts checking. Must be called within a Tokio runtime.
    pub fn start(addresses: &RedisAddresses, partitions: Partitions, durability: Durability) -> Self {
        warn_if_unchecked(durability);
        let watched = |partition| {
            let link = Arc::new(Link::to_fit_server(addresses, Arc::new(Fitness::new(partition, durability, None))));
            keep_looking(&link);
            link
        };
        Self(partitions.all().map(watched).collect())
    }

    /// Whether all servers passed the last check. A server that was not checked yet passes.
    pub fn ready(&self) -> Result<(), Unavailable> {
        self.0.iter().filter_map(|link| link.fitness()).try_for_each(Fitness::was_fit)
    }
}

/// Checks every second, until the link is dropped.
pub(crate) fn keep_looking(link: &Arc<Link>) {
    let link: Weak<Link> = Arc::downgrade(link);
    tokio::spawn(async move {
        let mut beat = tokio::time::interval(LOOK_EVERY);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            let Some(link) = link.upgrade() else { return };
            // The link logs when a server does not answer.
            if link.look().await.is_ok() {
                let _ = link.probe().await;
            }
        }
    });
}
