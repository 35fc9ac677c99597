//! Ledgers of several partitions as one log: merged, and a reset that they did not see at one moment.
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use domain::{
    Ballot, Choices, Entry, Installation, InstallationId, Ledger, LedgerIdentity, Partitions, Poll, PollChange,
    Position, Record, VoterId,
};
use scrutin_ledger_postgres::{LedgerEntries, SpreadScoreboard};
use support::{at, lead, ledgers_at, of, poll, poll_entry};
use testkit::{naive_count::naive_count, postgres_server::TestDatabase};

const COUNT: u16 = 4;

/// Four partitions in two databases.
struct Spread {
    databases: [TestDatabase; 2],
    leaders: Vec<Box<dyn Ledger>>,
}

impl Spread {
    async fn begin() -> Self {
        let databases = [TestDatabase::create().await, TestDatabase::create().await];
        let mut spread = Self { databases, leaders: Vec::new() };
        let (ledgers, partitions) = (ledgers_at(&spread.addresses()), Partitions::new(COUNT).unwrap());
        let installation = Installation::new(InstallationId::new("one"), partitions);
        for partition in partitions.all() {
            let mut leader = lead(&ledgers, partition).await;
            leader.install(&LedgerIdentity::new(installation.clone(), "redis:6379/0")).await.unwrap();
            spread.leaders.push(leader);
        }
        spread
    }

    fn addresses(&self) -> String {
        format!("{} {}", self.databases[0].url(), self.databases[1].url())
    }

    async fn apply(&mut self, partition: usize, entries: Vec<Entry>) {
        self.leaders[partition].apply(entries).await.unwrap();
    }

    /// Everything as one log.
    async fn entries(&self) -> Result<(Vec<Entry>, LedgerEntries), String> {
        let scoreboard = SpreadScoreboard::new(&self.addresses().parse().unwrap());
        assert_eq!(scoreboard.is_merged().await, Ok(true));
        let mut entries = Vec::new();
        let take = |entry| {
            entries.push(entry);
            Ok(())
        };
        let read = scoreboard.entries(take).await.map_err(|error| error.to_string())?;
        Ok((entries, read))
    }
}

/// Numbers mod 4 are their voters' partitions.
fn vote(place: u64, poll: &Poll, number: u64, key: &str) -> Entry {
    let voter = VoterId::from_bytes((u128::from(number) << 64).to_be_bytes());
    let choices = Choices::parse([key]).unwrap();
    Entry { position: at(place), record: Ok(Record::Ballot(Ballot { poll: poll.id(), voter, choices })) }
}

fn voters_of(entries: &[Entry], number: u64) -> Vec<Position> {
    let voter = VoterId::from_bytes((u128::from(number) << 64).to_be_bytes());
    let is_of = |entry: &&Entry| matches!(&entry.record, Ok(Record::Ballot(ballot)) if ballot.voter == voter);
    entries.iter().filter(is_of).map(|entry| entry.position).collect()
}

#[tokio::test]
async fn a_reset_that_partitions_saw_one_after_the_other_divides_the_log_once() {
    let main = poll("main");
    let again = main.after(&PollChange::Reset, 0).unwrap();
    let mut spread = Spread::begin().await;
    // The reset is at 40 in one partition, and at 10, 45 and 60 in the others. Positions of two partitions are equal.
    spread.apply(0, vec![poll_entry(1, &main), vote(2, &main, 0, "a"), vote(39, &main, 4, "a")]).await;
    spread.apply(0, vec![poll_entry(40, &again), vote(41, &main, 4, "b")]).await;
    spread.apply(1, vec![poll_entry(2, &main), poll_entry(10, &again), vote(12, &main, 1, "a")]).await;
    spread.apply(2, vec![poll_entry(2, &main), vote(9, &main, 2, "a"), vote(12, &main, 2, "b")]).await;
    spread.apply(2, vec![vote(44, &main, 2, "a"), poll_entry(45, &again)]).await;
    spread.apply(3, vec![poll_entry(3, &main), vote(10, &main, 3, "a"), vote(59, &main, 7, "a")]).await;
    spread.apply(3, vec![poll_entry(60, &again), vote(61, &main, 3, "b")]).await;

    let (entries, read) = spread.entries().await.unwrap();
    assert!(entries.is_sorted_by_key(|entry| entry.position));
    let counted = naive_count(&entries);
    let figures = counted.polls[&main.id()].figures();
    assert_eq!(figures, of([1, 2], 3, 10));
    assert_eq!(figures, read.audit.polls()[0].recounted);
    // Of the round before, whatever is after the first reset is moved to it, in the order in which it was cast.
    assert_eq!(read.moved, 4);
    assert_eq!(voters_of(&entries, 4), [at(10), at(41)]);
    let moved = voters_of(&entries, 2);
    assert!(moved.is_sorted_by(|one, other| one < other) && moved[2] == at(10), "{moved:?}");
    assert_eq!(voters_of(&entries, 3), [at(10), at(61)]);
}

#[tokio::test]
async fn a_poll_that_a_partition_has_not_in_its_newest_version_is_not_exported() {
    let (main, other) = (poll("main"), poll("other"));
    let mut spread = Spread::begin().await;
    for partition in 0..4 {
        spread.apply(partition, vec![poll_entry(1, &main), poll_entry(2, &other)]).await;
    }
    let closed = other.after(&PollChange::Close, 0).unwrap();
    for partition in [0, 1, 3] {
        spread.apply(partition, vec![poll_entry(3, &closed)]).await;
    }
    let refused = spread.entries().await.unwrap_err();
    assert!(refused.contains("partition 2") && refused.contains("the poll other"), "{refused}");
    spread.apply(2, vec![vote(4, &other, 2, "b"), poll_entry(5, &closed)]).await;
    let (entries, _) = spread.entries().await.unwrap();
    assert_eq!(naive_count(&entries).polls[&other.id()].figures(), of([0, 1], 1, 1));
}
