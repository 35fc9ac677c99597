//! The copies of polls, as workers keep them equal.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{Partition, Partitions, PollCopies, PollCopy, PollId, Unavailable};

use crate::{addresses::RedisAddresses, copies::Copies, deadline::Deadline, link::Link};

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
    async fn held_by(&self, partition: Partition) -> Result<Vec<PollCopy>, Unavailable> {
        self.0.all(partition, "reading the polls", Deadline::usual()).await
    }

    async fn spread(&self, poll: PollId) -> Result<(), Unavailable> {
        self.0.spread_from_home(Deadline::usual(), poll).await
    }
}
