//! `DURABILITY=replicas:N` on real servers: what is acknowledged is in as many replicas, and nothing else is.

use domain::{Durability, PollChange};

use crate::*;

/// A primary whose log has begun, and its replicas.
struct Replicated {
    primary: RedisServer,
    replicas: Vec<RedisServer>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Redis,
    /// It has `WAITAOF`.
    Valkey,
}

const BOTH: [Kind; 2] = [Kind::Redis, Kind::Valkey];

impl Kind {
    async fn start(self, arguments: &[&str]) -> RedisServer {
        match self {
            Self::Redis => RedisServer::start_with(arguments).await,
            Self::Valkey => RedisServer::start_valkey(arguments).await,
        }
    }
}

impl Replicated {
    async fn begun(kind: Kind, replicas: usize, polls: Vec<Poll>) -> Self {
        let primary = kind.start(&["--repl-diskless-sync-delay", "0"]).await;
        let mut log = log_on(&primary);
        log.install(&installation("one")).await.unwrap();
        attach(&mut log, seed(Position::ZERO, polls)).await;
        let mut scene = Self { primary, replicas: Vec::new(), kind };
        for _ in 0..replicas {
            scene.add_replica(&[]).await;
        }
        scene.attach_again().await;
        scene
    }

    async fn add_replica(&mut self, arguments: &[&str]) {
        let primary = format!("127.0.0.1 {}", self.primary.port());
        let replica = self.kind.start(&[&["--replicaof", &primary], arguments].concat()).await;
        self.replicas.push(replica);
        self.are_online(self.replicas.len()).await;
    }

    async fn are_online(&self, replicas: usize) {
        wait::until_true("the replicas are online", async || {
            let info: String = self.ask(&self.primary, &["INFO", "replication"]).await;
            info.matches("state=online").count() == replicas
        })
        .await;
    }

    async fn ask<T: redis::FromRedisValue>(&self, server: &RedisServer, words: &[&str]) -> T {
        redis::cmd(words[0]).arg(&words[1..]).query_async(&mut server.connection().await).await.unwrap()
    }

    /// The first replica gives the primary another replication id.
    async fn attach_again(&self) {
        let mut log = log_on(&self.primary);
        log.claim("a leader", &LogState::default()).await.unwrap();
        log.open().await.unwrap();
    }

    fn ballot_box(&self, replicas: u8) -> Arc<RedisBallotBox> {
        let durability = Durability::Replicas(replicas.try_into().unwrap());
        RedisBallotBox::on(&url(&self.primary), Partitions::ONE, durability, key("aa"))
    }

    async fn ready_ballot_box(&self, replicas: u8) -> Arc<RedisBallotBox> {
        let ballots = self.ballot_box(replicas);
        eventually(|| ballots.ready()).await;
        ballots
    }

    async fn length(&self, server: &RedisServer) -> u64 {
        self.ask(server, &["XLEN", "{scrutin:0}:log"]).await
    }
}

async fn cast(ballots: &RedisBallotBox, voter: u32) -> Result<CastOutcome, Unavailable> {
    ballots.cast(ballot("main", voter, "a"), FIRST_REVISION).await
}

/// The reason of a refusal that is certain.
fn reason<T: std::fmt::Debug>(answer: Result<T, Unavailable>) -> String {
    let refused = answer.unwrap_err();
    assert!(refused.nothing_happened(), "{refused:?}");
    refused.to_string()
}

fn is_unknown<T: std::fmt::Debug>(answer: Result<T, Unavailable>) {
    let failed = answer.unwrap_err();
    assert!(!failed.nothing_happened(), "{failed:?}");
}

#[tokio::test]
async fn what_is_acknowledged_is_in_every_replica() {
    for kind in BOTH {
        let scene = Replicated::begun(kind, 2, vec![poll("main")]).await;
        let ballots = scene.ready_ballot_box(2).await;
        for voter in 1..=20 {
            recorded(cast(&ballots, voter).await);
            for replica in &scene.replicas {
                assert_eq!(scene.length(replica).await, u64::from(voter), "{kind:?}");
            }
        }
        let closed = ballots.change(id("main"), PollChange::Close).await;
        assert!(matches!(closed, Ok(domain::ChangeOutcome::Done(_))), "{closed:?}");
        for replica in &scene.replicas {
            assert_eq!(scene.length(replica).await, 21, "{kind:?}");
        }
    }
}

#[tokio::test]
async fn without_enough_replicas_nothing_is_acknowledged_and_with_more_neither() {
    for kind in BOTH {
        let mut scene = Replicated::begun(kind, 1, vec![poll("main")]).await;
        assert!(reason(until_looked_at(&scene.ballot_box(2)).await).contains("1 of 2 replicas"));
        let ballots = scene.ready_ballot_box(1).await;
        recorded(cast(&ballots, 1).await);

        scene.add_replica(&[]).await;
        wait::until_true("it has too many replicas", async || {
            cast(&ballots, 2).await.is_err_and(|error| error.to_string().contains("replicas:2"))
        })
        .await;
        scene.replicas.clear();
        wait::until_true("it has none", async || {
            cast(&ballots, 2).await.is_err_and(|error| error.to_string().contains("0 of 1 replicas"))
        })
        .await;
        reason(cast(&ballots, 2).await);
        scene.add_replica(&[]).await;
        eventually(|| cast(&ballots, 2)).await;
    }
}

/// The answer of a ballot box that has looked at its server.
async fn until_looked_at(ballots: &RedisBallotBox) -> Result<(), Unavailable> {
    wait::until("the server was looked at", async || match ballots.ready().await {
        Err(Unavailable::NotBegun) => None,
        Err(Unavailable::Untrusted(why)) if why.contains("not looked at yet") => None,
        answer => Some(answer),
    })
    .await
}

#[tokio::test]
async fn unknown_outcomes_do_not_pile_up_while_a_replica_stands_still() {
    for kind in BOTH {
        let scene = Replicated::begun(kind, 1, vec![poll("main")]).await;
        let ballots = scene.ready_ballot_box(1).await;
        recorded(cast(&ballots, 1).await);
        scene.replicas[0].pause();
        is_unknown(cast(&ballots, 2).await);
        for voter in 3..10 {
            assert!(reason(cast(&ballots, voter).await).contains("1 replicas"), "{kind:?}");
        }
        assert_eq!(scene.length(&scene.primary).await, 2, "{kind:?}");
        scene.replicas[0].resume();
        eventually(|| cast(&ballots, 3)).await;
    }
}

#[tokio::test]
async fn an_answer_that_only_confirms_waits_for_what_it_confirms() {
    for kind in BOTH {
        let scene = Replicated::begun(kind, 1, vec![once_only("main")]).await;
        let (first, other) = (scene.ready_ballot_box(1).await, scene.ready_ballot_box(1).await);
        // Both look at the server before each first ballot of a second.
        recorded(cast(&first, 2).await);
        recorded(cast(&other, 3).await);
        scene.replicas[0].pause();
        let found_there = async {
            wait::until_true("the ballot is in the log", async || scene.length(&scene.primary).await == 3).await;
            cast(&other, 1).await
        };
        let (unknown, not_confirmed) = tokio::join!(cast(&first, 1), found_there);
        is_unknown(unknown);
        is_unknown(not_confirmed);
        assert_eq!(scene.length(&scene.primary).await, 3, "the other one found the ballot there");
        let third = scene.ballot_box(1);
        until_looked_at(&third).await.ok();
        assert!(third.change(id("main"), PollChange::Open).await.is_err(), "that it is open is not confirmed either");
        scene.replicas[0].resume();
        let again = eventually(|| cast(&other, 1)).await;
        assert!(matches!(again, CastOutcome::AlreadyCast(_)), "{again:?}");
    }
}

#[tokio::test]
async fn a_replica_without_a_file_is_not_on_disk() {
    let mut scene = Replicated::begun(Kind::Valkey, 0, vec![poll("main")]).await;
    scene.add_replica(&["--appendonly", "no"]).await;
    scene.attach_again().await;
    let ballots = scene.ballot_box(1);
    wait::until_true("a ballot is refused for certain", async || {
        cast(&ballots, 1).await.is_err_and(|error| error.to_string().contains("on their disks"))
    })
    .await;
    assert!(ballots.ready().await.is_err());
}

#[tokio::test]
async fn a_promoted_replica_has_all_that_was_acknowledged() {
    for kind in BOTH {
        let mut scene = Replicated::begun(kind, 1, vec![poll("main")]).await;
        let ballots = scene.ready_ballot_box(1).await;
        for voter in 1..=50 {
            recorded(cast(&ballots, voter).await);
        }
        let replica = scene.replicas.pop().unwrap();
        let _: String = scene.ask(&replica, &["REPLICAOF", "NO", "ONE"]).await;
        assert!(cast(&ballots, 51).await.is_err(), "{kind:?}: nobody confirms");
        assert_eq!(scene.length(&replica).await, 50, "{kind:?}");
        // Promoted, it takes nothing before a leader has attached to it.
        let promoted = RedisBallotBox::new(&url(&replica), Partitions::ONE);
        assert_eq!(cast(&promoted, 52).await, Err(Unavailable::NotAttached));
    }
}
