//! The copies of polls, as workers keep them equal.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{CountdownEnd, HeldPolls, Partition, Partitions, PollCopies, PollCopy, PollId, Unavailable};

use crate::{
    addresses::RedisAddresses,
    copies::{Copies, Holder, PollsRead, Precondition},
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
        let PollsRead { copies, now_millis } = self.0.all(partition, WHAT, deadline).await?;
        Ok(HeldPolls { copies, is_attached, now_millis })
    }

    async fn spread(&self, poll: PollId) -> Result<(), Unavailable> {
        self.0.spread_from_home(Deadline::usual(), poll).await
    }

    async fn close_in_time(&self, poll: PollId) -> Result<CountdownEnd, Unavailable> {
        let deadline = Deadline::usual();
        let Some(found) = self.0.at_home("reading a poll", deadline, poll).await? else {
            return Ok(CountdownEnd::None);
        };
        let (Some(moment), next) = (found.copy.poll.closes_at(), found.poll()) else { return Ok(CountdownEnd::None) };
        if next.is_open() {
            return Ok(CountdownEnd::In(Duration::from_millis(moment.saturating_sub(found.now_millis))));
        }
        let closed =
            self.0.put(deadline, Some(&found.copy), &PollCopy::of(next.clone()), Precondition::SamePoll).await?;
        // Somebody else changed it in between, and may have given it more time.
        Ok(if closed { CountdownEnd::Closed(Box::new(next)) } else { CountdownEnd::In(Duration::ZERO) })
    }
}
