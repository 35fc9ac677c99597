//! The log on a real Redis: each test has a server of its own (`testkit::redis_server`).

#![expect(clippy::unwrap_used, reason = "all of it is test code, also where clippy does not see that")]

mod addresses;
mod ballots;
mod beginning;
mod cluster;
mod countdown;
mod durability;
mod events;
mod fencing;
mod installation;
mod memory;
mod outages;
mod polls;
mod reading;
mod refusals;
mod replicas;
mod sentinel;
mod spreading;
mod tls;

use std::{sync::Arc, time::Duration};

use domain::{
    Attachment, Ballot, BallotBox, CastOutcome, Choices, Durability, Entry, FIRST_REVISION, Fingerprint, Installation,
    InstallationId, Log, LogSeed, LogState, Partition, Partitions, Poll, PollId, PollSeed, PollSpec, PollState,
    Position, Record, Unavailable, VoterId,
};
use scrutin_log_redis::{RedisAddresses, RedisBallotBox, RedisLog};
use testkit::{redis_server::RedisServer, wait};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A Redis whose log has begun, with the poll `main`, and both sides of it.
struct Scene {
    redis: RedisServer,
    log: RedisLog,
    ballots: Arc<RedisBallotBox>,
}

impl Scene {
    async fn begun() -> Self {
        Self::begun_with(vec![poll("main")]).await
    }

    async fn begun_with(polls: Vec<Poll>) -> Self {
        let mut scene = Self::new().await;
        attach(&mut scene.log, seed(Position::ZERO, polls)).await;
        scene
    }

    async fn new() -> Self {
        let redis = RedisServer::start().await;
        let (log, ballots) = (log_on(&redis), ballot_box_on(&redis));
        Self { redis, log, ballots }
    }

    /// The log, to which the leader must be attached.
    async fn look(&mut self) -> Attachment {
        self.log.look(Position::ZERO).await.unwrap().expect("the leader is attached")
    }

    /// Attaches to a log that is there, as a leader does to a server that came back.
    async fn attach_again(&mut self) {
        eventually(async || self.log.claim("a leader", &LogState::default()).await).await;
        self.log.open().await.unwrap();
    }

    /// All entries of the log so far.
    async fn entries(&mut self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let after = entries.last().map_or(Position::ZERO, |last| last.position);
            let page = self.log.read(after, 1_000, Duration::ZERO).await.unwrap();
            if page.entries.is_empty() {
                return entries;
            }
            entries.extend(page.entries);
        }
    }

    /// All ballots of the log so far, with their positions.
    async fn ballots_in_log(&mut self) -> Vec<(Position, Ballot)> {
        let ballot = |entry: Entry| match entry.record.unwrap() {
            Record::Ballot(ballot) => Some((entry.position, ballot)),
            Record::Poll(_) | Record::Event(_) => None,
        };
        self.entries().await.into_iter().filter_map(ballot).collect()
    }

    async fn raw(&self, command: &[&str]) -> redis::Value {
        let mut connection = self.redis.connection().await;
        redis::cmd(command[0]).arg(&command[1..]).query_async(&mut connection).await.unwrap()
    }

    async fn flush(&self) {
        self.raw(&["FLUSHALL"]).await;
    }
}

/// Attaches as a leader does, and begins a log where there is none.
async fn try_attach(log: &mut RedisLog, seed: LogSeed) -> Result<Attachment, Unavailable> {
    let after = seed.after;
    let state = LogState { position: after, ..LogState::default() };
    if log.claim("a leader", &state).await?.log.is_none() {
        log.begin(seed).await?;
    }
    log.open().await?;
    Ok(log.look(after).await?.expect("the leader is attached"))
}

async fn attach(log: &mut RedisLog, seed: LogSeed) -> Attachment {
    try_attach(log, seed).await.unwrap()
}

fn url(redis: &RedisServer) -> RedisAddresses {
    redis.url().parse().unwrap()
}

/// Begins a log of the installation `one`, whose key is not known yet, with the poll `main`.
async fn begun_on(redis: &RedisServer) {
    let mut log = log_on(redis);
    log.install(&installation("one")).await.unwrap();
    attach(&mut log, seed(Position::ZERO, vec![poll("main")])).await;
}

fn installation(id: &str) -> Installation {
    Installation::new(InstallationId::new(id), Partitions::ONE)
}

fn key(text: &str) -> Fingerprint {
    Fingerprint::stored(text).unwrap()
}

fn log_on(redis: &RedisServer) -> RedisLog {
    RedisLog::new(&url(redis), Partition::new(0))
}

fn ballot_box_on(redis: &RedisServer) -> Arc<RedisBallotBox> {
    RedisBallotBox::new(&url(redis), Partitions::ONE)
}

fn id(text: &str) -> PollId {
    PollId::parse(text).unwrap()
}

/// An open poll in which votes can be changed.
fn poll(text: &str) -> Poll {
    poll_with(text, |_| {})
}

fn poll_with(text: &str, edit: impl FnOnce(&mut PollSpec)) -> Poll {
    let mut spec = PollSpec::simple("Cats or Dogs?", ["Cats", "Dogs"]);
    edit(&mut spec);
    Poll::new(id(text), spec).unwrap()
}

/// A poll in which every voter has one ballot.
fn once_only(text: &str) -> Poll {
    poll_with(text, |spec| spec.votes_can_change = false)
}

fn in_state(text: &str, state: PollState) -> Poll {
    poll_with(text, |spec| spec.state = state)
}

fn seed(after: Position, polls: Vec<Poll>) -> LogSeed {
    let seed = |poll| PollSeed { poll, ballots: 0, voters: Vec::new() };
    LogSeed { after, polls: polls.into_iter().map(seed).collect(), events: Vec::new() }
}

fn voter(number: u32) -> VoterId {
    VoterId::from_bytes(u128::from(number).to_be_bytes())
}

fn ballot(poll: &str, voter_number: u32, option: &str) -> Ballot {
    Ballot { poll: id(poll), voter: voter(voter_number), choices: Choices::parse([option]).unwrap() }
}

fn position(millis: u64, sequence: u64) -> Position {
    Position::new(millis, sequence).unwrap()
}

/// The position of a ballot that must have been recorded.
fn recorded(cast: Result<CastOutcome, Unavailable>) -> Position {
    match cast {
        Ok(CastOutcome::Recorded(position)) => position,
        other => panic!("not recorded: {other:?}"),
    }
}

/// Tries until it succeeds.
async fn eventually<T, E: std::fmt::Debug>(attempt: impl AsyncFnMut() -> Result<T, E>) -> T {
    wait::until_ok("a success", attempt).await
}

/// Why nothing can be read at this address.
async fn refusal(url: &str) -> String {
    let why = RedisLog::new(&url.parse().unwrap(), Partition::new(0)).accepted().await.unwrap_err();
    assert!(why.nothing_happened() && !why.to_string().contains('\n'), "{why:?}");
    why.to_string()
}
