//! What the log holds: ballots, polls and events, each at its position.

use crate::{choices::Choices, event::Event, poll::Poll, poll_id::PollId, position::Position, voter::VoterId};

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

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A poll was created or changed: the whole poll as it is from here on.
    Poll(Box<Poll>),
    /// An event was created or changed: the whole event as it is from here on.
    Event(Box<Event>),
    /// A ballot was accepted.
    Ballot(Ballot),
}

/// An entry that this release can't read. It is set aside with its content, and counting continues.
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
    /// Its position.
    pub position: Position,
    /// What it says, or why it can't be read.
    pub record: Result<Record, UndecodableEntry>,
}
