//! The worker on a real Redis and a real PostgreSQL: what is cast through the ballot box stands on the scoreboard.

#![expect(clippy::unwrap_used, reason = "what a test can't have makes it fail, helpers included")]

#[path = "real/countdown.rs"]
mod countdown;
#[path = "real/losses.rs"]
mod losses;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use domain::{
    Ballot, BallotBox, CastOutcome, ChangeOutcome, Choices, Digest, Durability, FIRST_REVISION, HeldTree, Inclusion,
    Ledgers, Partition, Partitions, Poll, PollChange, PollId, PollSpec, PollState, Position, Receipt, Scoreboard,
    TreeId, TreeKey, TreeReader, VoteCounts, VoterId,
};
use ledger_postgres::{PostgresLedgers, PostgresScoreboard};
use log_redis::{RedisAddresses, RedisBallotBox, RedisLog, RedisPollCopies};
use program::first_poll::FirstPollSettings;
use scrutin_worker::{Health, Rules};
use testkit::{
    postgres_server::{PostgresServer, TestDatabase},
    redis_server::RedisServer,
    wait::{until, until_true},
};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// A Redis, a database, and what `vote` and `result` have of them.
struct Installation {
    redis: RedisServer,
    redis_url: RedisAddresses,
    database_url: String,
    partitions: Partitions,
    ballot_box: Arc<RedisBallotBox>,
    scoreboard: PostgresScoreboard,
    voters: u128,
    acknowledged: Vec<(VoterId, Position)>,
}

/// A worker in this process. Dropping it is like killing it: nothing is finished, its connections break.
struct Worker {
    running: JoinHandle<()>,
    health: Health,
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Installation {
    async fn new(database_url: String, partitions: u16) -> Self {
        let redis = RedisServer::start().await;
        let redis_url: RedisAddresses = redis.url().parse().unwrap();
        let partitions = Partitions::new(partitions).unwrap();
        let ballot_box = RedisBallotBox::new(&redis_url, partitions);
        let scoreboard = PostgresScoreboard::new(database_url.parse().unwrap());
        let (voters, acknowledged) = (0, Vec::new());
        Self { redis, redis_url, database_url, partitions, ballot_box, scoreboard, voters, acknowledged }
    }

    fn start_worker(&self) -> Worker {
        let [question, option_a, option_b] = ["Cats or Dogs?", "Cats", "Dogs"].map(str::to_owned);
        let rules = Rules {
            partitions: self.partitions,
            durability: Durability::Disk,
            first_poll: FirstPollSettings { question, option_a, option_b }.poll().unwrap(),
            log_retention: Duration::from_hours(1),
            batch_entries: 100,
            jitter: scrutin_worker::jitter,
        };
        let ledgers = Arc::new(PostgresLedgers::new(self.database_url.parse().unwrap()));
        let redis = self.redis_url.clone();
        let open_log = move |partition| Box::new(RedisLog::new(&redis, partition)) as _;
        let copies = Arc::new(RedisPollCopies::new(&self.redis_url, self.partitions));
        let (health, shutdown) = (Health::new(), CancellationToken::new());
        let running = tokio::spawn(scrutin_worker::run(rules, ledgers, open_log, copies, health.clone(), shutdown));
        Worker { running, health }
    }

    async fn open(&self) {
        until_true("ballots are taken", || async { self.ballot_box.ready().await.is_ok() }).await;
    }

    /// Waits until every partition takes ballots: only then is a change done everywhere.
    async fn open_everywhere(&self) {
        until_true("all partitions take ballots", || async {
            matches!(self.ballot_box.change(PollId::MAIN, PollChange::Open).await, Ok(ChangeOutcome::Done(_)))
        })
        .await;
    }

    /// A new voter votes for the option; where the outcome is unknown, they are not among the acknowledged.
    async fn vote(&mut self, option: &str) -> Option<Position> {
        self.voters += 1;
        self.vote_as(self.voters, option).await
    }

    async fn vote_as(&mut self, voter: u128, option: &str) -> Option<Position> {
        let voter = VoterId::from_bytes(voter.to_be_bytes());
        let choices = Choices::parse([option]).unwrap();
        let cast = self.ballot_box.cast(Ballot { poll: PollId::MAIN, voter, choices }, FIRST_REVISION).await;
        let Ok(CastOutcome::Recorded(position)) = cast else { return None };
        self.acknowledged.retain(|(known, _)| *known != voter);
        self.acknowledged.push((voter, position));
        Some(position)
    }

    /// So many new voters vote for the option, all at once.
    async fn vote_many(&mut self, ballots: u32, option: &str) {
        let choices = Choices::parse([option]).unwrap();
        let mut casts = JoinSet::new();
        for _ in 0..ballots {
            self.voters += 1;
            let voter = VoterId::from_bytes(self.voters.to_be_bytes());
            let ballot_box = self.ballot_box.clone();
            casts.spawn(async move {
                (voter, ballot_box.cast(Ballot { poll: PollId::MAIN, voter, choices }, FIRST_REVISION).await)
            });
        }
        for (voter, cast) in casts.join_all().await {
            let Ok(CastOutcome::Recorded(position)) = cast else { panic!("the log is there, and says {cast:?}") };
            self.acknowledged.push((voter, position));
        }
    }

    async fn figures(&self) -> Option<VoteCounts> {
        let tallies = self.scoreboard.tallies(&[PollId::MAIN]).await.ok()?;
        Some(tallies.into_iter().next()?.figures)
    }

    /// Waits for these votes on the scoreboard.
    async fn shows(&self, votes: [u64; 2]) {
        let what = format!("votes are {votes:?}");
        until_true(&what, || async { self.figures().await.is_some_and(|figures| figures.votes == votes) }).await;
    }

    /// The default poll's newest tree, and its root.
    async fn tree(&self) -> (HeldTree, Digest) {
        let tree = self.scoreboard.trees(PollId::MAIN).await.unwrap().pop().unwrap();
        let TreeId { poll, round, partition, generation, .. } = tree.id;
        let key = TreeKey { poll, round, partition: Partition::new(partition), generation };
        let root = self.scoreboard.edge(key).await.unwrap().unwrap().root();
        (tree, root)
    }

    /// Waits until every acknowledged ballot counts, and counts again.
    async fn holds_the_promise(&self) {
        for &(voter, position) in &self.acknowledged {
            let receipt = Receipt { position, voter };
            until_true("an acknowledged ballot counts", || async {
                let inclusion =
                    self.scoreboard.inclusion(self.partitions.of_voter(voter), PollId::MAIN, &receipt).await;
                assert_ne!(inclusion, Ok(Inclusion::Missing));
                inclusion == Ok(Inclusion::Counted)
            })
            .await;
        }
        let audit = self.scoreboard.audit().await.unwrap();
        assert!(audit.agrees(), "{audit:?}");
    }

    async fn redis(&self, command: &[&str]) {
        let mut connection = self.redis.connection().await;
        let mut sent = redis::cmd(command[0]);
        command[1..].iter().for_each(|argument| {
            sent.arg(argument);
        });
        sent.query_async::<()>(&mut connection).await.unwrap();
    }
}

#[tokio::test]
async fn ballots_cast_are_counted_and_a_changed_one_once() {
    let database = TestDatabase::create().await;
    let mut at = Installation::new(database.url(), 1).await;
    let worker = at.start_worker();
    at.open().await;
    at.vote_many(250, "a").await;
    for voter in 1..=50 {
        at.vote_as(voter, "b").await.unwrap();
    }
    at.shows([200, 50]).await;
    at.holds_the_promise().await;
    let figures = at.figures().await.unwrap();
    assert_eq!((figures.voters, figures.ballots), (250, 300));
    assert_eq!(worker.health.ready(), Ok(()));
}

#[tokio::test]
async fn two_workers_share_the_partitions_and_one_takes_over_all_of_them() {
    let database = TestDatabase::create().await;
    let mut at = Installation::new(database.url(), 4).await;
    let (first, second) = (at.start_worker(), at.start_worker());
    at.open_everywhere().await;
    let polls: Vec<_> = ["lunch", "2026-budget", "a", "tea", "walk"].map(|id| PollId::parse(id).unwrap()).into();
    let homes: std::collections::BTreeSet<_> = polls.iter().map(|poll| at.partitions.home(*poll)).collect();
    assert!(homes.len() > 1, "the polls are in several partitions: {homes:?}");
    for &poll in &polls {
        let created = at.ballot_box.create(Poll::new(poll, PollSpec::simple("?", ["x", "y"])).unwrap()).await;
        assert!(matches!(created, Ok(ChangeOutcome::Done(_))), "{created:?}");
    }
    until_true("both stand by or lead", || async { first.health.ready().is_ok() && second.health.ready().is_ok() })
        .await;

    drop(first);
    let killed = Instant::now();
    at.vote_many(20, "a").await;
    for &poll in &polls {
        let ballot = Ballot { poll, voter: VoterId::from_bytes([7; 16]), choices: Choices::parse(["b"]).unwrap() };
        assert!(matches!(at.ballot_box.cast(ballot, FIRST_REVISION).await, Ok(CastOutcome::Recorded(_))));
    }
    at.shows([20, 0]).await;
    until_true("each poll has its vote", || async {
        let tallies = at.scoreboard.tallies(&polls).await.unwrap();
        tallies.len() == polls.len() && tallies.iter().all(|tally| tally.figures.votes == [0, 1])
    })
    .await;
    assert!(killed.elapsed() < Duration::from_secs(5), "{:?}", killed.elapsed());
}

#[tokio::test]
async fn after_flushall_the_polls_come_back_as_they_were_and_new_ballots_count() {
    let database = TestDatabase::create().await;
    let mut at = Installation::new(database.url(), 1).await;
    let _worker = at.start_worker();
    at.open().await;
    let closed = PollId::parse("lunch").unwrap();
    at.ballot_box.create(Poll::new(closed, PollSpec::simple("Lunch?", ["Yes", "No"])).unwrap()).await.unwrap();
    at.ballot_box.change(closed, PollChange::Close).await.unwrap();
    at.vote_many(10, "a").await;
    at.shows([10, 0]).await;

    at.redis(&["FLUSHALL"]).await;
    let poll = until("the poll is back", || async { at.ballot_box.poll(closed).await.ok().flatten() }).await;
    assert_eq!(poll.state(), PollState::Closed);
    assert_eq!(at.ballot_box.accepted(PollId::MAIN).await, Ok(10), "the log knows what the ledger holds");
    at.vote_many(5, "b").await;
    // Somebody who voted before changes their mind: the new position is later than the one of the lost log.
    at.vote_as(1, "b").await.unwrap();
    at.shows([9, 6]).await;
    at.holds_the_promise().await;
    let audit = at.scoreboard.audit().await.unwrap();
    assert_eq!((audit.gaps.len(), audit.rejected), (0, 0), "nothing was waiting, so nothing is missing");
}

/// The tables as they are now, kept in the same database.
const DUMP: &str = "
    CREATE SCHEMA dump;
    CREATE TABLE dump.polls AS TABLE polls;
    CREATE TABLE dump.ballots AS TABLE ballots;
    CREATE TABLE dump.tallies AS TABLE tallies;
    CREATE TABLE dump.turnout AS TABLE turnout;
    CREATE TABLE dump.log AS TABLE log;
    CREATE TABLE dump.trees AS TABLE trees;
    CREATE TABLE dump.tiles AS TABLE tiles;
    CREATE TABLE dump.tree_closes AS TABLE tree_closes;
    CREATE TABLE dump.terms AS TABLE terms;";
/// The tables as they were, under the feet of whoever is connected.
const RESTORE: &str = "
    BEGIN;
    TRUNCATE polls, ballots, tallies, turnout, log, gaps, rejected, trees, tiles, tree_closes, terms;
    INSERT INTO polls SELECT * FROM dump.polls;
    INSERT INTO ballots SELECT * FROM dump.ballots;
    INSERT INTO tallies SELECT * FROM dump.tallies;
    INSERT INTO turnout SELECT * FROM dump.turnout;
    INSERT INTO log SELECT * FROM dump.log;
    INSERT INTO trees SELECT * FROM dump.trees;
    INSERT INTO tiles SELECT * FROM dump.tiles;
    INSERT INTO tree_closes SELECT * FROM dump.tree_closes;
    INSERT INTO terms SELECT * FROM dump.terms;
    COMMIT;";

#[tokio::test]
async fn a_database_restored_from_a_dump_catches_up_from_the_log_by_itself() {
    let database = TestDatabase::create().await;
    let mut at = Installation::new(database.url(), 1).await;
    let _worker = at.start_worker();
    at.open().await;
    at.vote_many(30, "a").await;
    at.shows([30, 0]).await;
    let client = database.client().await;
    client.batch_execute(DUMP).await.unwrap();
    at.vote_many(250, "b").await;
    at.vote_as(1, "b").await.unwrap();
    at.shows([29, 251]).await;
    let before = at.tree().await;
    assert_eq!((before.0.id.generation, before.0.size), (0, 256));

    client.batch_execute(RESTORE).await.unwrap();
    at.vote_many(3, "a").await;
    at.shows([32, 251]).await;
    at.holds_the_promise().await;
    assert_eq!(at.scoreboard.audit().await.unwrap().gaps, []);
    assert_eq!(at.tree().await, before, "replay grows the same tree");
}

#[tokio::test]
async fn a_database_restored_from_before_the_retention_shows_a_gap() {
    let database = TestDatabase::create().await;
    let mut at = Installation::new(database.url(), 1).await;
    let _worker = at.start_worker();
    at.open().await;
    at.vote_many(9, "a").await;
    let dumped = at.vote("a").await.unwrap();
    at.shows([10, 0]).await;
    let client = database.client().await;
    client.batch_execute(DUMP).await.unwrap();
    at.vote_many(9, "b").await;
    let last = at.vote("b").await.unwrap();
    at.shows([10, 10]).await;
    // What a teller does when the retention is over.
    at.redis(&["SET", "{scrutin:0}:trimmed", &last.to_string()]).await;
    at.redis(&["XTRIM", "{scrutin:0}:log", "MAXLEN", "0"]).await;

    client.batch_execute(RESTORE).await.unwrap();
    let gap = until("the gap is noted", || async {
        at.scoreboard.audit().await.ok().and_then(|audit| audit.gaps.first().copied())
    })
    .await;
    assert_eq!((gap.after, gap.through), (dumped, last));
    at.vote_many(5, "b").await;
    at.shows([10, 5]).await;
    // Whoever has a checkpoint of the tree that was lost sees that this is another one.
    assert_eq!(at.tree().await.0.id.generation, last.millis());
    assert!(at.scoreboard.audit().await.unwrap().agrees());
}

#[tokio::test]
async fn an_entry_that_can_not_be_read_is_set_aside_and_counting_goes_on() {
    let database = TestDatabase::create().await;
    let mut at = Installation::new(database.url(), 1).await;
    let _worker = at.start_worker();
    at.open().await;
    at.vote_many(2, "a").await;
    at.redis(&["XADD", "{scrutin:0}:log", "*", "what", "is this?"]).await;
    at.vote_many(2, "b").await;
    at.shows([2, 2]).await;
    let audit = at.scoreboard.audit().await.unwrap();
    assert_eq!((audit.rejected, audit.gaps), (1, vec![]));
}

#[tokio::test]
async fn servers_may_come_late_and_be_killed_and_what_was_acknowledged_counts() {
    let mut server = PostgresServer::private().await;
    let mut at = Installation::new(server.url().to_owned(), 1).await;
    at.redis.kill();
    server.kill().await;
    let worker = at.start_worker();
    assert!(worker.health.ready().is_err());
    server.restart().await;
    at.redis.restart().await;
    at.open().await;
    at.vote_many(20, "a").await;

    server.kill().await;
    at.vote_many(20, "a").await;
    at.redis.restart().await;
    assert_eq!(at.vote("b").await, None, "whether that Redis has all that is counted only the ledger can tell");
    server.restart().await;
    at.open().await;
    at.vote_many(40, "b").await;
    at.redis.pause();
    assert_eq!(at.vote("b").await, None, "a log that does not answer takes nothing");
    at.redis.resume();
    at.open().await;
    at.vote_many(1, "a").await;

    at.holds_the_promise().await;
    assert_eq!(at.acknowledged.len(), 81);
    until_true("the worker is ready again", || async { worker.health.ready().is_ok() }).await;
}

/// Waits until the count of this poll's partition has shown no sign of life for longer than screens wait for one; or
/// until it shows one again.
async fn heartbeat(at: &Installation, poll: PollId, beats: bool) {
    until_true(if beats { "a heartbeat" } else { "no heartbeat" }, || async {
        let tallies = at.scoreboard.tallies(&[poll]).await.unwrap_or_default();
        tallies.first().is_some_and(|tally| {
            let age = tally.heartbeat().age_millis;
            if beats { age < 2_000 } else { age > 4_000 }
        })
    })
    .await;
}

#[tokio::test]
async fn whatever_stops_the_count_stops_its_heartbeat_also_where_nobody_votes() {
    let database = TestDatabase::create().await;
    let at = Installation::new(database.url(), 1).await;
    let worker = at.start_worker();
    at.open().await;
    let client = database.client().await;
    heartbeat(&at, PollId::MAIN, true).await;

    at.redis.pause();
    heartbeat(&at, PollId::MAIN, false).await;
    at.redis.resume();
    heartbeat(&at, PollId::MAIN, true).await;

    client.batch_execute("BEGIN; LOCK TABLE log IN EXCLUSIVE MODE").await.unwrap();
    heartbeat(&at, PollId::MAIN, false).await;
    client.batch_execute("COMMIT").await.unwrap();
    heartbeat(&at, PollId::MAIN, true).await;

    // The ledger answers, gives the lead, and takes nothing.
    let name: String = client.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);
    let read_only = |on: &str| format!("ALTER DATABASE \"{name}\" SET default_transaction_read_only = {on}");
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND application_name = 'scrutin-worker'";
    client.batch_execute(&read_only("on")).await.unwrap();
    client.execute(end, &[]).await.unwrap();
    heartbeat(&at, PollId::MAIN, false).await;
    until_true("a worker that can't count is not ready", || async { worker.health.ready().is_err() }).await;
    client.batch_execute(&read_only("off")).await.unwrap();
    client.execute(end, &[]).await.unwrap();
    heartbeat(&at, PollId::MAIN, true).await;
    until_true("it is ready again", || async { worker.health.ready().is_ok() }).await;

    drop(worker);
    heartbeat(&at, PollId::MAIN, false).await;
}

#[tokio::test]
async fn each_partitions_share_of_a_poll_has_a_heartbeat_of_its_own() {
    let database = TestDatabase::create().await;
    let at = Installation::new(database.url(), 2).await;
    let worker = at.start_worker();
    at.open_everywhere().await;
    until_true("both partitions have the poll", || async {
        let tallies = at.scoreboard.tallies(&[PollId::MAIN]).await.unwrap_or_default();
        tallies.first().is_some_and(|tally| tally.is_complete)
    })
    .await;
    heartbeat(&at, PollId::MAIN, true).await;
    drop(worker);
    // Somebody takes the lead of the second partition, and does not count.
    let ledgers = PostgresLedgers::new(at.database_url.parse().unwrap());
    let _idle = until("the lead is free", || async { ledgers.lead(Partition::new(1)).await.ok().flatten() }).await;
    let _worker = at.start_worker();
    heartbeat(&at, PollId::MAIN, false).await;
    until_true("the first partition beats, and the second does not", || async {
        let tally = at.scoreboard.tallies(&[PollId::MAIN]).await.unwrap().remove(0);
        let ages: Vec<i64> = tally.shares.iter().map(|share| share.heartbeat.age_millis).collect();
        matches!(ages[..], [beats, stands] if beats < 2_000 && stands > 4_000)
    })
    .await;
}

#[tokio::test]
async fn a_ledger_over_whose_partitions_polls_were_spread_is_left_alone() {
    let database = TestDatabase::create().await;
    let dump = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/polls-spread/three-partitions.sql");
    let client = database.client().await;
    client.batch_execute(&std::fs::read_to_string(dump).unwrap()).await.unwrap();
    client.batch_execute("SET search_path = public").await.unwrap();
    let at = Installation::new(database.url(), 3).await;
    let worker = at.start_worker();
    until_true("the worker says what to do", || async {
        worker.health.ready().is_err_and(|why| why.contains("import it into an empty ledger"))
    })
    .await;
    let rows = "SELECT max(log.position), (SELECT count(*) FROM polls) FROM log";
    let rows = client.query_one(rows, &[]).await.unwrap();
    assert_eq!((rows.get::<_, i64>(0), rows.get::<_, i64>(1)), (1_883_119_840_345_980_928, 5), "nothing is counted");
}
