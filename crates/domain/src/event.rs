//! What stands in the log.

use crate::{choices::Choices, poll::Poll, poll_id::PollId, position::Position, voter::VoterId};

/// One voter's choice in one poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ballot {
    /// The poll it is for.
    pub poll: PollId,
    /// Who casts it, by the pseudonym in that poll.
    pub voter: VoterId,
    /// What it chooses.
    pub choices: Choices,
}

/// Something that happened, in the order in which it was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A poll was created, opened, closed, hidden, revealed or reset; this is all of it as it is now.
    Poll(Box<Poll>),
    /// A ballot was accepted.
    Ballot(Ballot),
}

/// An entry that this release can't read: kept for a person to look at, and passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndecodableEntry {
    /// What is wrong with it.
    pub reason: String,
    /// What it holds, printable and shortened.
    pub entry: String,
}

/// One entry of the log at its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands.
    pub position: Position,
    /// What it says, or why it can't be read.
    pub event: Result<Event, UndecodableEntry>,
}
