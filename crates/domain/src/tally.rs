//! The figures of a poll, and their check by recount.

use crate::{gap::Gap, poll_id::PollId};

/// The numbers of one poll.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VoteCounts {
    /// Votes by option, as many as the poll has options.
    pub votes: Vec<u64>,
    /// Turnout: how many voters have a ballot that counts.
    pub voters: u64,
    /// Ballots of this poll in the ledger, over all rounds and changed votes.
    pub ballots: u64,
}

/// When the count of a partition last showed that it works: it had read the log, and committed to the ledger.
///
/// It comes every second or so, also where nothing is to be counted; see
/// [`Ledger::heartbeat`](crate::Ledger::heartbeat).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heartbeat {
    /// When that was, in milliseconds by the ledger's clock; good for comparing with another of the same ledger.
    pub at_millis: i64,
    /// How long ago that was when it was read, by the same clock. Negative if the clock was set back since.
    pub age_millis: i64,
}

/// One poll's figures as kept and as counted again from the ballots, of the same moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recount {
    /// Which poll.
    pub poll: PollId,
    /// The figures that were kept up with each batch; what the screens show.
    pub kept: VoteCounts,
    /// The figures counted again from all ballots.
    pub recounted: VoteCounts,
}

impl Recount {
    /// Whether both are the same.
    pub fn agrees(&self) -> bool {
        self.kept == self.recounted
    }
}

/// The whole ledger counted again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Every poll, by id.
    pub polls: Vec<Recount>,
    /// What the ledger knows it could not count.
    pub gaps: Vec<Gap>,
    /// Entries that were set aside because they could not be counted.
    pub rejected: u64,
}

impl Audit {
    /// Whether the ballots of this poll, counted again, come to these figures.
    pub fn holds(&self, poll: PollId, figures: &VoteCounts) -> bool {
        self.polls.iter().any(|recount| recount.poll == poll && recount.recounted == *figures)
    }
}
