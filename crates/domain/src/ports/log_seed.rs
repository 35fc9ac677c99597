//! What a new log must know of its ledger.

use crate::{event::Event, poll::Poll, position::Position, voter::VoterId};

/// What a ledger knows of a poll, and a new log must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollSeed {
    /// The poll.
    pub poll: Poll,
    /// How many ballots of it the ledger holds.
    pub ballots: u64,
    /// Who has a ballot in the present round, where the poll allows no change; else empty.
    pub voters: Vec<(VoterId, Position)>,
}

/// What a new log begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSeed {
    /// Every position of the new log is later than this one.
    pub after: Position,
    /// All polls of the partition.
    pub polls: Vec<PollSeed>,
    /// All events of the partition.
    pub events: Vec<Event>,
}
