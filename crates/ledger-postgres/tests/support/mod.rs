//! Verbs of the tests on a real PostgreSQL.
// Each test takes what it needs.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)]

use std::time::Duration;

use domain::{
    Ballot, Choices, Entry, Installation, InstallationId, Ledger, LedgerIdentity, Ledgers, Partition, Partitions, Poll,
    PollId, PollSpec, Position, Record, VoteCounts,
};
use domain::{Scoreboard, VoterId};
use scrutin_ledger_postgres::{DatabaseUrl, PostgresLedgers, PostgresScoreboard};
use testkit::{postgres_server::TestDatabase, wait};
use tokio_postgres::Client;

/// How long anything may take that must happen; a busy machine is given time.
pub const DEADLINE: Duration = Duration::from_secs(20);
pub const FIRST: Partition = Partition::new(0);

pub fn url(text: &str) -> DatabaseUrl {
    text.parse().unwrap()
}

pub fn ledgers(database: &TestDatabase) -> PostgresLedgers {
    ledgers_at(&database.url())
}

pub fn scoreboard(database: &TestDatabase) -> PostgresScoreboard {
    PostgresScoreboard::new(url(&database.url()))
}

pub async fn lead(ledgers: &PostgresLedgers, partition: Partition) -> Box<dyn Ledger> {
    wait::until("the lead", || async { ledgers.lead(partition).await.ok().flatten() }).await
}

/// Leads a ledger that belongs to an installation, and so grows trees.
pub async fn lead_with_trees(database: &TestDatabase) -> Box<dyn Ledger> {
    let mut ledger = lead(&ledgers(database), FIRST).await;
    let installation = Installation::new(InstallationId::new("7b1f"), Partitions::ONE);
    ledger.install(&LedgerIdentity::new(installation, "")).await.unwrap();
    ledger
}

pub fn poll(id: &str) -> Poll {
    Poll::new(PollId::parse(id).unwrap(), PollSpec::simple("Which?", ["this", "that"])).unwrap()
}

pub fn at(number: u64) -> Position {
    Position::new(1_700_000_000_000 + number, 0).unwrap()
}

pub fn voter(number: u128) -> VoterId {
    VoterId::from_bytes(number.to_be_bytes())
}

pub fn poll_entry(position: u64, poll: &Poll) -> Entry {
    Entry { position: at(position), record: Ok(Record::Poll(Box::new(poll.clone()))) }
}

pub fn ballot(position: u64, poll: &Poll, number: u128, key: &str) -> Entry {
    let choices = Choices::parse([key]).unwrap();
    Entry {
        position: at(position),
        record: Ok(Record::Ballot(Ballot { poll: poll.id(), voter: voter(number), choices })),
    }
}

pub async fn figures(database: &TestDatabase, poll: &Poll) -> VoteCounts {
    let tallies = scoreboard(database).tallies(&[poll.id()]).await.unwrap();
    tallies.into_iter().next().expect("the poll is known").figures
}

pub fn of(votes: [u64; 2], voters: u64, counted: u64) -> VoteCounts {
    VoteCounts { votes: votes.to_vec(), voters, ballots: counted }
}

/// Ends sessions of the database, as an administrator or a network can.
pub async fn terminate(client: &Client, application: &str) -> u64 {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND application_name = $1";
    client.execute(end, &[&application]).await.unwrap()
}

/// A separate connection for the test.
pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

pub fn ledgers_at(text: &str) -> PostgresLedgers {
    PostgresLedgers::new(text.parse().unwrap())
}

pub fn scoreboard_at(text: &str) -> PostgresScoreboard {
    PostgresScoreboard::new(url(text))
}
