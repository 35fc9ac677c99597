//! Deciding what becomes of a ballot: what the only writer of the log remembers of its end.
//!
//! Each decision sees what the ones before it did, and what the ledger holds; nothing else has a say.

use std::collections::{HashMap, VecDeque, hash_map};

use domain::{Ballot, CastOutcome, Partition, Poll, PollId, Position, VoterId};
use rusqlite::Connection;

use crate::{
    store::{self, StoreError},
    waiting::Accepted,
};

/// All that is cast in one SQLite file is of this partition.
pub(crate) const PARTITION: Partition = Partition::new(0);

/// The end of the log, from the moment on at which all that was accepted is counted.
///
/// It is ahead of the files from a decision until what was decided is on the disk. If that fails it must be let go, and
/// begun anew.
pub(crate) struct Booth {
    /// The last position given out.
    last: Position,
    /// Polls that were asked for.
    polls: HashMap<PollId, Standing>,
    /// Whose ballot may wait to be counted, where nobody may vote twice; and the same in order.
    cast: HashMap<(PollId, VoterId), Position>,
    in_order: VecDeque<(Position, (PollId, VoterId))>,
}

/// A poll as it stands.
pub(crate) struct Standing {
    pub(crate) poll: Poll,
    /// The poll's number in the tables.
    number: i64,
    /// Ballots after this position are of the present round.
    since: Position,
    /// Ballots over all rounds.
    pub(crate) accepted: u64,
}

impl Booth {
    /// Begins behind `last`; everything up to there must be counted.
    pub(crate) fn new(last: Position) -> Self {
        Self { last, polls: HashMap::new(), cast: HashMap::new(), in_order: VecDeque::new() }
    }

    /// Takes a ballot at the time `now` (milliseconds since 1970), or says why not. What is taken goes to `accepted`.
    pub(crate) fn cast(
        &mut self,
        ledger: &Connection,
        now: u64,
        ballot: Ballot,
        revision: u32,
        accepted: &mut Vec<Accepted>,
    ) -> Result<CastOutcome, StoreError> {
        let Some(standing) = self.standing(ledger, ballot.poll)? else { return Ok(CastOutcome::UnknownPoll) };
        if !standing.poll.is_open() {
            return Ok(CastOutcome::NotOpen(standing.poll.state()));
        }
        // What the voter chose was checked against a poll that may have been rewritten since.
        if standing.poll.revision() != revision {
            return Ok(CastOutcome::Rewritten);
        }
        let once = !standing.poll.votes_can_change();
        let (number, since) = (standing.number, standing.since);
        if once && let Some(position) = self.already_cast(ledger, &ballot, number, since)? {
            return Ok(CastOutcome::AlreadyCast(position));
        }
        let position = self.next_position(now)?;
        if let Some(standing) = self.polls.get_mut(&ballot.poll) {
            standing.accepted += 1;
        }
        if once {
            self.cast.insert((ballot.poll, ballot.voter), position);
            self.in_order.push_back((position, (ballot.poll, ballot.voter)));
        }
        accepted.push((position, ballot));
        Ok(CastOutcome::Recorded(position))
    }

    /// Where the voter's ballot of the present round stands. It is asked what waits before what is counted, since a ballot
    /// only ever goes from there to here.
    fn already_cast(
        &self,
        ledger: &Connection,
        ballot: &Ballot,
        number: i64,
        since: Position,
    ) -> Result<Option<Position>, StoreError> {
        let waiting = self.cast.get(&(ballot.poll, ballot.voter)).copied();
        let position = match waiting {
            Some(position) => Some(position),
            None => store::newest(ledger, number, ballot.voter)?.map(|previous| previous.position),
        };
        Ok(position.filter(|&position| position > since))
    }

    /// Forgets who cast the ballots up to `counted`: they are found in the ledger.
    pub(crate) fn counted(&mut self, counted: Position) {
        while let Some((_, voter)) = self.in_order.pop_front_if(|(position, _)| *position <= counted) {
            self.cast.remove(&voter);
        }
    }

    /// How many ballots of a poll that stands here were accepted.
    pub(crate) fn accepted(&self, id: PollId) -> u64 {
        self.polls.get(&id).map_or(0, |standing| standing.accepted)
    }

    /// The place of the next entry.
    pub(crate) fn next_position(&mut self, now: u64) -> Result<Position, StoreError> {
        let position = self.last.following(now);
        if position <= self.last {
            return Err(StoreError::NoPositionLeft);
        }
        self.last = position;
        Ok(position)
    }

    /// The poll as it stands, from the ledger where it was not asked for yet.
    pub(crate) fn standing(&mut self, ledger: &Connection, id: PollId) -> Result<Option<&Standing>, StoreError> {
        Ok(match self.polls.entry(id) {
            hash_map::Entry::Occupied(entry) => Some(entry.into_mut()),
            hash_map::Entry::Vacant(entry) => store::poll(ledger, id)?.map(|stored| {
                &*entry.insert(Standing {
                    poll: stored.poll,
                    number: stored.number,
                    since: stored.since,
                    accepted: stored.ballots,
                })
            }),
        })
    }

    /// Looks at the poll anew when it is asked for again. All its ballots must be counted.
    pub(crate) fn forget(&mut self, id: PollId) {
        self.polls.remove(&id);
    }
}

#[cfg(test)]
mod tests;
