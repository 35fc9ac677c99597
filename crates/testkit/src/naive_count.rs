//! The naive count: the result that every ledger must have, written so simply that it is obviously right.
//!
//! It takes all records in order, keeps each voter's last ballot since the last reset, and adds them up. It must share
//! no code with `domain::count`, and must never be optimised.

use std::collections::BTreeMap;

use domain::{Choices, Entry, Event, EventId, Poll, PollId, Position, Record, VoteCounts, VoterId};

/// The result of a sequence of records.
#[derive(Clone, Debug, Default)]
pub struct NaiveCount {
    /// The polls that were created.
    pub polls: BTreeMap<PollId, NaivePoll>,
    /// The newest version of each event.
    pub events: BTreeMap<EventId, Event>,
    /// How many entries could not be counted.
    pub rejected: u64,
    /// The position of the last entry.
    pub position: Position,
}

/// The result of a sequence of records for one poll.
#[derive(Clone, Debug)]
pub struct NaivePoll {
    /// The last state of the poll.
    pub poll: Poll,
    /// Every ballot of every round, in order.
    pub ballots: Vec<(VoterId, Position, Choices)>,
    /// Each voter's last ballot since the last reset.
    pub current: BTreeMap<VoterId, (Position, Choices)>,
}

impl NaivePoll {
    /// Adds up the voters' last ballots.
    pub fn figures(&self) -> VoteCounts {
        let mut votes = vec![0; self.poll.options().len()];
        for (_, choices) in self.current.values() {
            for option in choices.indices() {
                votes[option] += 1;
            }
        }
        VoteCounts { votes, voters: self.current.len() as u64, ballots: self.ballots.len() as u64 }
    }
}

/// Counts all `entries`, which must be every entry of one log, each once and in order.
pub fn naive_count(entries: &[Entry]) -> NaiveCount {
    let mut count = NaiveCount::default();
    for entry in entries {
        count.position = entry.position;
        match &entry.record {
            Ok(Record::Poll(now)) => change_poll(&mut count, now),
            Ok(Record::Event(now)) => {
                if count.events.get(&now.id()).is_none_or(|known| known.version() <= now.version()) {
                    count.events.insert(now.id(), (**now).clone());
                }
            }
            Ok(Record::Ballot(ballot)) => match count.polls.get_mut(&ballot.poll) {
                Some(poll) if poll.poll.check(ballot.choices).is_ok() => {
                    poll.ballots.push((ballot.voter, entry.position, ballot.choices));
                    poll.current.insert(ballot.voter, (entry.position, ballot.choices));
                }
                _ => count.rejected += 1,
            },
            Err(_) => count.rejected += 1,
        }
    }
    count
}

fn change_poll(count: &mut NaiveCount, now: &Poll) {
    match count.polls.get_mut(&now.id()) {
        None => {
            let new = NaivePoll { poll: now.clone(), ballots: Vec::new(), current: BTreeMap::new() };
            count.polls.insert(now.id(), new);
        }
        Some(poll) => {
            let reset = now.round() > poll.poll.round();
            if reset {
                poll.current.clear();
            }
            poll.poll = now.clone();
        }
    }
}
