//! What the count says of the trees: step by step, in the order of the log.

use crate::{position::Position, tree::BallotTerms};

/// A poll of a batch: its index in [`Batch::polls`](crate::Batch::polls), and in every list that has one item for each
/// of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PollIndex(usize);

impl PollIndex {
    pub(crate) fn new(index: usize) -> Self {
        Self(index)
    }

    /// The index itself.
    pub fn get(self) -> usize {
        self.0
    }
}

/// What a record or a ballot of a batch means for the tree of its poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TreeStep {
    /// A round begins, and with it a tree.
    Round {
        /// Which poll of the batch.
        poll: PollIndex,
        /// Which round.
        round: u32,
        /// Its ballots come after this position.
        since: Position,
    },
    /// Ballots are cast for other terms from here on.
    Terms {
        /// Which poll of the batch.
        poll: PollIndex,
        /// From where on.
        position: Position,
        /// The terms.
        terms: Box<BallotTerms>,
    },
    /// A ballot: the one with this index in [`Changes::ballots`](crate::Changes::ballots).
    Ballot(usize),
    /// The poll is closed here, perhaps since an earlier record.
    Closed {
        /// Which poll of the batch.
        poll: PollIndex,
        /// From where on.
        position: Position,
        /// The version of the change that closed it.
        version: u64,
    },
}
