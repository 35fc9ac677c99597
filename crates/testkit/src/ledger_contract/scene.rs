//! Helper functions for the stories.

use std::time::Duration;

use domain::{
    Ballot, Choices, CurrentBallot, Entry, Ledger, Partition, Poll, PollChange, PollId, PollSpec, Position, Receipt,
    Record, Recount, Scoreboard, Tally, UndecodableEntry, VoteCounts, VoterId,
};

use super::subject::Subject;
use crate::wait;

/// How long the stories wait for something that must happen.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);
/// The partition that stories with one partition use.
pub(super) const FIRST: Partition = Partition::new(0);

/// A poll id from text.
pub(super) fn id(text: &str) -> PollId {
    text.parse().expect("stories use good ids")
}

/// An open single-choice poll with the options `a`, `b` and `c`.
pub(super) fn poll(name: &str) -> Poll {
    poll_with(name, |_| {})
}

/// The same, with other rules.
pub(super) fn poll_with(name: &str, edit: impl FnOnce(&mut PollSpec)) -> Poll {
    let mut spec = PollSpec::simple(format!("What of {name}?"), ["Apples", "Bananas", "Cherries"]);
    edit(&mut spec);
    Poll::new(id(name), spec).expect("stories use good polls")
}

/// The poll after a change.
pub(super) fn after(poll: &Poll, change: &PollChange) -> Poll {
    poll.after(change, 1).expect("stories change polls as allowed")
}

/// Voters sort in the order of their numbers.
pub(super) fn voter(number: u64) -> VoterId {
    VoterId::from_bytes(u128::from(number).to_be_bytes())
}

/// Option keys in one word: `ac`.
pub(super) fn choices(keys: &str) -> Choices {
    Choices::from_bits(keys.bytes().fold(0, |bits, key| bits | 1 << (key - b'a'))).expect("stories choose something")
}

/// VoteCounts for comparisons.
pub(super) fn figures(votes: [u64; 3], voters: u64, counted: u64) -> VoteCounts {
    VoteCounts { votes: votes.to_vec(), voters, ballots: counted }
}

/// The receipt of a ballot.
pub(super) fn receipt(voter: VoterId, position: Position) -> Receipt {
    Receipt { position, voter }
}

/// A log that a story writes step by step.
#[derive(Default)]
pub(super) struct Script {
    entries: Vec<Entry>,
}

impl Script {
    /// Writes that a poll was created or changed.
    pub(super) fn poll(&mut self, poll: &Poll) -> Position {
        self.write(Ok(Record::Poll(Box::new(poll.clone()))))
    }

    /// Writes a ballot.
    pub(super) fn vote(&mut self, poll: &Poll, voter: VoterId, keys: &str) -> Position {
        self.write(Ok(Record::Ballot(Ballot { poll: poll.id(), voter, choices: choices(keys) })))
    }

    /// Writes something that cannot be decoded.
    pub(super) fn garbage(&mut self) -> Position {
        self.write(Err(UndecodableEntry { reason: "no such version".into(), entry: "v=99 é 'quoted'".into() }))
    }

    /// Writes a record, at a position a little after the last one.
    pub(super) fn write(&mut self, record: Result<Record, UndecodableEntry>) -> Position {
        let last = self.position();
        let sequence = last.sequence() + 1;
        let next = if sequence.is_multiple_of(3) {
            last.following(last.millis() + 7)
        } else {
            last.following(1_700_000_000_000)
        };
        self.entries.push(Entry { position: next, record });
        next
    }

    /// The last position written.
    pub(super) fn position(&self) -> Position {
        self.entries.last().map_or(Position::ZERO, |entry| entry.position)
    }

    /// Everything written so far.
    pub(super) fn all(&self) -> Vec<Entry> {
        self.entries.clone()
    }

    /// Everything written after `position`.
    pub(super) fn since(&self, position: Position) -> Vec<Entry> {
        self.entries.iter().filter(|entry| entry.position > position).cloned().collect()
    }
}

impl Subject {
    /// Leads a partition, after waiting for a former leader to release it.
    pub(super) async fn lead(&self, partition: Partition) -> Box<dyn Ledger> {
        wait::until("the partition to be free", async || self.ledgers.lead(partition).await.expect("leading")).await
    }

    /// The tally of one existing poll.
    pub(super) async fn tally(&self, poll: &Poll) -> Tally {
        let mut tallies = self.scoreboard.tallies(&[poll.id()]).await.expect("reading a tally");
        assert_eq!(tallies.len(), 1, "{} has one tally", poll.id());
        tallies.remove(0)
    }

    /// The figures of one existing poll.
    pub(super) async fn figures(&self, poll: &Poll) -> VoteCounts {
        self.tally(poll).await.figures
    }

    /// Asserts that a recount of the ledger gives the stored figures, and this number of entries set aside.
    pub(super) async fn assert_audit(&self, rejected: u64) {
        let audit = self.scoreboard.audit().await.expect("an audit");
        for recount in &audit.recounts {
            assert!(recount.agrees(), "{recount:?}");
        }
        let place = |recount: &Recount| (recount.poll, recount.partition);
        assert!(audit.recounts.is_sorted_by(|a, b| place(a) < place(b)), "each row once, by poll and partition");
        for tree in &audit.trees {
            assert!(tree.faults.is_empty(), "{tree:?}");
        }
        assert_eq!(audit.rejected, rejected, "entries set aside");
    }
}

/// All current ballots of a poll, read in pages of `limit`.
pub(super) async fn all_ballots(scoreboard: &dyn Scoreboard, poll: PollId, limit: u32) -> Vec<CurrentBallot> {
    let mut all: Vec<CurrentBallot> = Vec::new();
    let tallies = scoreboard.tallies(&[poll]).await.expect("reading a tally");
    let round = tallies.first().expect("the poll is known").round;
    loop {
        let after = all.last().map(|ballot| ballot.voter);
        let page = scoreboard.ballots(poll, round, after, limit).await.expect("a page of ballots");
        assert!(page.len() <= limit as usize, "a page holds at most {limit}");
        assert!(
            page.iter().all(|ballot| after.is_none_or(|after| ballot.voter > after)),
            "a page goes on behind the last"
        );
        let last = page.len() < limit as usize;
        all.extend(page);
        if last {
            return all;
        }
    }
}
