//! The copies of polls, as workers keep them equal.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{Partition, Partitions, PollCopies, PollCopy, PollId, Unavailable};

use crate::{copies::Copies, deadline::Deadline, link::Link, url::RedisUrl};

/// All partitions of the log on Redis, as holders of polls.
pub struct RedisPollCopies(Copies);

impl RedisPollCopies {
    /// On this Redis, which need not be reachable yet.
    pub fn new(url: &RedisUrl, partitions: Partitions) -> Self {
        Self(Copies::new(partitions, partitions.all().map(|_| Arc::new(Link::new(url)))))
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
