//! The copies of polls, as workers keep them equal.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{HeldPolls, Partition, Partitions, PollCopies, PollId, Unavailable};

use crate::{
    addresses::RedisAddresses,
    copies::{Copies, Holder},
    deadline::Deadline,
    fence,
    link::Link,
};

/// All partitions of the log on Redis, as holders of polls.
pub struct RedisPollCopies(Copies);

impl RedisPollCopies {
    /// On these servers, which need not be reachable yet.
    pub fn new(addresses: &RedisAddresses, partitions: Partitions) -> Self {
        Self(Copies::new(partitions, partitions.all().map(|partition| Arc::new(Link::new(addresses, partition)))))
    }
}

#[async_trait]
impl PollCopies for RedisPollCopies {
    async fn held_by(&self, partition: Partition) -> Result<HeldPolls, Unavailable> {
        const WHAT: &str = "reading the polls";
        let (deadline, Holder { link, keys, .. }) = (Deadline::usual(), self.0.holder(partition));
        // Before the polls: whoever attaches in between has taken over what was newer.
        let connection = link.connected(WHAT, deadline).await?;
        let is_attached = fence::token(&connection, WHAT, deadline, keys).await.is_ok();
        Ok(HeldPolls { copies: self.0.all(partition, WHAT, deadline).await?, is_attached })
    }

    async fn spread(&self, poll: PollId) -> Result<(), Unavailable> {
        self.0.spread_from_home(Deadline::usual(), poll).await
    }
}
