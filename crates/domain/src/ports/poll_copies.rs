//! The port through which workers keep the copies of polls equal.

use std::time::Duration;

use async_trait::async_trait;

use super::unavailable::Unavailable;
use crate::{partition::Partition, poll::Poll, poll_id::PollId};

/// A poll as a partition of the log holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollCopy {
    /// The poll.
    pub poll: Poll,
    /// The stored bytes. A later release may have stored more than `poll` shows, and copies must stay equal.
    pub stored: Vec<u8>,
}

impl PollCopy {
    /// A copy as this release stores it.
    pub fn of(poll: Poll) -> Self {
        let stored = serde_json::to_vec(&poll).expect("a poll is plain data with text keys");
        Self { poll, stored }
    }
}

/// What one partition holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldPolls {
    /// Its polls.
    pub copies: Vec<PollCopy>,
    /// A leader is attached to its server: it has every change that was acknowledged. Another server may have come back
    /// with less than it had.
    pub is_attached: bool,
    /// What its server's clock showed, in milliseconds since 1970.
    pub now_millis: u64,
}

/// How far the countdown of a poll is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CountdownEnd {
    /// It had ended, and the poll is closed now: this is what its home holds.
    Closed(Box<Poll>),
    /// It ends after this time.
    In(Duration),
    /// There is none.
    None,
}

/// The copies of polls in all partitions of a log: every partition has each poll, and the poll's home decides its
/// changes.
///
/// Each call returns within about five seconds.
#[async_trait]
pub trait PollCopies: Send + Sync {
    /// The polls that the log of this partition holds, also while it takes no ballots. [`Unavailable::NotBegun`] where
    /// there is no log.
    async fn held_by(&self, partition: Partition) -> Result<HeldPolls, Unavailable>;

    /// Makes all partitions hold this poll as its home holds it. Where another partition holds a newer one (the home
    /// has lost changes), the home takes that over first. After an error some partitions may not hold it yet; the call
    /// may be repeated at any time.
    async fn spread(&self, poll: PollId) -> Result<(), Unavailable>;

    /// Closes the poll in its home, if its countdown has ended by the clock of the home's server; the other partitions
    /// are told by [`spread`](Self::spread). It may be repeated at any time, by anybody.
    async fn close_in_time(&self, poll: PollId) -> Result<CountdownEnd, Unavailable>;
}
