//! Deciding what is asked of the log: the requests of one transaction, one after the other.
//!
//! Each decision sees what the ones before it did, and what the ledger holds; nothing else has a say.
//! What was accepted becomes entries at new positions, and these are counted before the transaction ends.

use std::collections::{HashMap, hash_map};

use domain::{Ballot, Cast, Change, Entry, Event, Partition, Poll, PollChange, PollId, Position, VoterId};
use rusqlite::Connection;

use crate::{
    apply::{self, Outcome},
    store::{self, StoreError},
};

/// All that is cast in one SQLite file is of this partition.
pub(crate) const PARTITION: Partition = Partition::new(0);

/// The requests of one transaction.
pub(crate) struct Sitting<'a> {
    conn: &'a Connection,
    /// Milliseconds since 1970.
    now: u64,
    /// The last position given out.
    last: Position,
    polls: HashMap<PollId, Option<Standing>>,
    /// Who voted in this transaction, where nobody may vote twice.
    cast: HashMap<(PollId, VoterId), Position>,
    entries: Vec<Entry>,
}

/// A poll as it stands after the requests so far.
struct Standing {
    poll: Poll,
    /// The poll's number in the tables; `None` if it was created in this transaction.
    number: Option<i64>,
    /// Ballots after this position are of the present round.
    since: Position,
    has_ballots: bool,
}

impl<'a> Sitting<'a> {
    /// Begins with what the ledger holds.
    pub(crate) fn new(conn: &'a Connection, now: u64) -> Result<Self, StoreError> {
        let last = store::counted_through(conn, PARTITION)?;
        Ok(Self { conn, now, last, polls: HashMap::new(), cast: HashMap::new(), entries: Vec::new() })
    }

    /// Takes a ballot, or says why not.
    pub(crate) fn cast(&mut self, ballot: Ballot, revision: u32) -> Result<Cast, StoreError> {
        let Some(standing) = self.standing(ballot.poll)? else { return Ok(Cast::UnknownPoll) };
        if !standing.poll.is_open() {
            return Ok(Cast::NotOpen(standing.poll.state()));
        }
        // What the voter chose was checked against a poll that may have been rewritten since.
        if standing.poll.revision() != revision {
            return Ok(Cast::Rewritten);
        }
        let once = !standing.poll.changes();
        if once && let Some(position) = self.already_cast(&ballot)? {
            return Ok(Cast::AlreadyCast(position));
        }
        let position = self.append(Event::Ballot(ballot))?;
        if once {
            self.cast.insert((ballot.poll, ballot.voter), position);
        }
        if let Some(standing) = self.standing(ballot.poll)? {
            standing.has_ballots = true;
        }
        Ok(Cast::Recorded(position))
    }

    /// Where the voter's ballot of the present round stands.
    fn already_cast(&mut self, ballot: &Ballot) -> Result<Option<Position>, StoreError> {
        let Some(&mut Standing { number, since, .. }) = self.standing(ballot.poll)? else { return Ok(None) };
        let here = self.cast.get(&(ballot.poll, ballot.voter)).copied();
        let position = match (here, number) {
            (Some(position), _) => Some(position),
            (None, Some(number)) => store::newest(self.conn, number, ballot.voter)?.map(|previous| previous.position),
            (None, None) => None,
        };
        Ok(position.filter(|&position| position > since))
    }

    /// Creates a poll if its id is free.
    pub(crate) fn create(&mut self, poll: Poll) -> Result<Change, StoreError> {
        let id = poll.id();
        if self.standing(id)?.is_some() {
            return Ok(Change::Exists);
        }
        let since = self.append(Event::Poll(Box::new(poll.clone())))?;
        self.polls.insert(id, Some(Standing { poll: poll.clone(), number: None, since, has_ballots: false }));
        Ok(Change::Done(poll))
    }

    /// Changes a poll. What changes nothing is done without an entry.
    pub(crate) fn change(&mut self, id: PollId, change: &PollChange) -> Result<Change, StoreError> {
        let Some(standing) = self.standing(id)? else { return Ok(Change::UnknownPoll) };
        let next = match standing.poll.after(change, standing.has_ballots) {
            Ok(next) => next,
            Err(refused) => return Ok(Change::Refused(refused)),
        };
        if next == standing.poll {
            return Ok(Change::Done(next));
        }
        let position = self.append(Event::Poll(Box::new(next.clone())))?;
        if let Some(standing) = self.standing(id)? {
            if next.round() > standing.poll.round() {
                standing.since = position;
            }
            standing.poll = next.clone();
        }
        Ok(Change::Done(next))
    }

    /// Counts what was accepted.
    pub(crate) fn count(self) -> Result<Outcome, StoreError> {
        let accepted = self.entries.len() as u64;
        let outcome = apply::apply(self.conn, PARTITION, self.entries)?;
        // Each of them is about to be acknowledged: rather none than one that is not counted.
        if outcome.entries != accepted || outcome.applied.rejected != 0 {
            return Err(StoreError::Data(format!("of {accepted} entries not all count: {:?}", outcome.applied)));
        }
        Ok(outcome)
    }

    fn append(&mut self, event: Event) -> Result<Position, StoreError> {
        let position = self.last.following(self.now);
        if position <= self.last {
            return Err(StoreError::NoPositionLeft);
        }
        self.last = position;
        self.entries.push(Entry { position, event: Ok(event) });
        Ok(position)
    }

    fn standing(&mut self, id: PollId) -> Result<Option<&mut Standing>, StoreError> {
        let standing = match self.polls.entry(id) {
            hash_map::Entry::Occupied(entry) => entry.into_mut(),
            hash_map::Entry::Vacant(entry) => entry.insert(store::poll(self.conn, id)?.map(|stored| Standing {
                poll: stored.poll,
                number: Some(stored.number),
                since: stored.since,
                has_ballots: stored.counted > 0,
            })),
        };
        Ok(standing.as_mut())
    }
}

#[cfg(test)]
mod tests;
