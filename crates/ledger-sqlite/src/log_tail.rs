//! Accepts or refuses a ballot, from an in-memory copy of the log's tail. Used by one thread, the acceptor.
//!
//! Each decision depends only on earlier decisions and on the ledger.

use std::collections::{HashMap, VecDeque, hash_map};

use domain::{Ballot, CastOutcome, Poll, PollId, Position, VoterId};
use rusqlite::Connection;

use crate::{
    ring_file::Accepted,
    store::{self, PARTITION, StoreError},
};

/// The log's tail, after a position up to which everything is counted.
///
/// It holds decisions that are not on disk yet. If the append fails, drop it and rebuild it from the files.
pub(crate) struct LogTail {
    /// The last position assigned.
    last: Position,
    /// Polls that were read from the ledger.
    polls: HashMap<PollId, PollTail>,
    /// Voters whose ballot may not be counted yet, in polls in which nobody may vote twice; and the same in order.
    cast: HashMap<(PollId, VoterId), Position>,
    in_order: VecDeque<(Position, (PollId, VoterId))>,
}

/// A poll at the log's tail.
pub(crate) struct PollTail {
    pub(crate) poll: Poll,
    /// The poll's number in the tables.
    number: i64,
    /// Ballots after this position belong to the current round.
    since: Position,
    /// Ballots over all rounds.
    pub(crate) accepted: u64,
}

impl LogTail {
    /// Begins after `last`. Everything up to `last` must be counted.
    pub(crate) fn new(last: Position) -> Self {
        Self { last, polls: HashMap::new(), cast: HashMap::new(), in_order: VecDeque::new() }
    }

    /// Accepts a ballot at the time `now` (milliseconds since 1970) and adds it to `accepted`, or returns why not.
    pub(crate) fn cast(
        &mut self,
        ledger: &Connection,
        now: u64,
        ballot: Ballot,
        revision: u32,
        accepted: &mut Vec<Accepted>,
    ) -> Result<CastOutcome, StoreError> {
        let Some(known) = self.poll(ledger, ballot.poll)? else { return Ok(CastOutcome::UnknownPoll) };
        if !known.poll.is_open_at(now) {
            return Ok(CastOutcome::NotOpen(known.poll.as_of(now).state()));
        }
        // The choices were checked against the voter's revision of the poll, and the poll may have been rewritten
        // since.
        if known.poll.revision() != revision {
            return Ok(CastOutcome::Rewritten);
        }
        let once = !known.poll.votes_can_change();
        let (number, since) = (known.number, known.since);
        if once && let Some(position) = self.already_cast(ledger, &ballot, number, since)? {
            return Ok(CastOutcome::AlreadyCast(position));
        }
        let position = self.next_position(now)?;
        if let Some(known) = self.polls.get_mut(&ballot.poll) {
            known.accepted += 1;
        }
        if once {
            self.cast.insert((ballot.poll, ballot.voter), position);
            self.in_order.push_back((position, (ballot.poll, ballot.voter)));
        }
        accepted.push((position, ballot));
        Ok(CastOutcome::Recorded(position))
    }

    /// The position of the voter's ballot in the current round. The tail is searched before the ledger, because ballots
    /// only move from the tail to the ledger.
    fn already_cast(
        &self,
        ledger: &Connection,
        ballot: &Ballot,
        number: i64,
        since: Position,
    ) -> Result<Option<Position>, StoreError> {
        let uncounted = self.cast.get(&(ballot.poll, ballot.voter)).copied();
        let position = match uncounted {
            Some(position) => Some(position),
            None => store::newest(ledger, number, ballot.voter)?.map(|previous| previous.position),
        };
        Ok(position.filter(|&position| position > since))
    }

    /// Forgets the voters whose ballots are counted: the ledger has them.
    pub(crate) fn forget_counted(&mut self, counted_through: Position) {
        while let Some((_, voter)) = self.in_order.pop_front_if(|(position, _)| *position <= counted_through) {
            self.cast.remove(&voter);
        }
    }

    /// The number of accepted ballots of a poll that was read.
    pub(crate) fn accepted(&self, id: PollId) -> u64 {
        self.polls.get(&id).map_or(0, |known| known.accepted)
    }

    /// The position of the next entry.
    pub(crate) fn next_position(&mut self, now: u64) -> Result<Position, StoreError> {
        let position = self.last.following(now);
        if position <= self.last {
            return Err(StoreError::NoPositionLeft);
        }
        self.last = position;
        Ok(position)
    }

    /// The current poll; read from the ledger the first time.
    pub(crate) fn poll(&mut self, ledger: &Connection, id: PollId) -> Result<Option<&PollTail>, StoreError> {
        Ok(match self.polls.entry(id) {
            hash_map::Entry::Occupied(entry) => Some(entry.into_mut()),
            hash_map::Entry::Vacant(entry) => store::poll(ledger, PARTITION, id)?.map(|stored| {
                &*entry.insert(PollTail {
                    poll: stored.poll,
                    number: stored.number,
                    since: stored.since,
                    accepted: stored.ballots,
                })
            }),
        })
    }

    /// Forgets a poll, so that it is read again when needed. All its ballots must be counted.
    pub(crate) fn forget_poll(&mut self, id: PollId) {
        self.polls.remove(&id);
    }
}

#[cfg(test)]
mod tests;
