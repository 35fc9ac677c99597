//! A primary behind Sentinels, which promote its replica.

use testkit::redis_sentinels::{MASTER, RedisSentinels};

use super::*;

struct Watched {
    primary: RedisServer,
    replica: RedisServer,
    sentinels: RedisSentinels,
    addresses: RedisAddresses,
}

impl Watched {
    /// With the log of the installation `one`, which has begun.
    async fn begun() -> Self {
        let primary = RedisServer::start_with(&["--repl-diskless-sync-delay", "0"]).await;
        let replica = replica_of(&primary).await;
        let sentinels = RedisSentinels::start(&primary, 1).await;
        let addresses: RedisAddresses = sentinels.url().parse().unwrap();
        let mut log = RedisLog::new(&addresses, Partition::new(0));
        log.install(&installation("one")).await.unwrap();
        attach(&mut log, seed(Position::ZERO, vec![poll("main")])).await;
        Self { primary, replica, sentinels, addresses }
    }

    fn ballot_box(&self) -> Arc<RedisBallotBox> {
        RedisBallotBox::on(&self.addresses, Partitions::ONE, Durability::Unchecked, key("aa"))
    }
}

async fn replica_of(primary: &RedisServer) -> RedisServer {
    let replica = RedisServer::start_with(&["--replicaof", &format!("127.0.0.1 {}", primary.port())]).await;
    wait::until_true("the replica has caught up", async || says(&replica, "master_link_status:up").await).await;
    replica
}

/// Whether the server says so. Sentinels close its connections when they change its role.
async fn says(server: &RedisServer, what: &str) -> bool {
    let asked = async {
        let mut connection = redis::Client::open(server.url())?.get_multiplexed_async_connection().await?;
        redis::cmd("INFO").arg("replication").query_async::<String>(&mut connection).await
    };
    asked.await.is_ok_and(|info| info.contains(what))
}

async fn has_ballots(server: &RedisServer, count: usize) {
    wait::until_true("the replica has the ballots", async || {
        let length = redis::cmd("HGET").arg("{scrutin:0}:accepted").arg("main").to_owned();
        length.query_async::<usize>(&mut server.connection().await).await == Ok(count)
    })
    .await;
}

#[tokio::test]
async fn after_a_failover_by_sentinels_all_goes_on_at_the_promoted_server() {
    let mut at = Watched::begun().await;
    let ballots = at.ballot_box();
    let mut log = RedisLog::new(&at.addresses, Partition::new(0));
    eventually(|| ballots.cast(ballot("main", 1, "a"), FIRST_REVISION)).await;
    has_ballots(&at.replica, 1).await;
    at.primary.kill();
    assert!(ballots.cast(ballot("main", 2, "a"), FIRST_REVISION).await.is_err());
    let claimed = eventually(async || log.claim("a leader", &LogState::default()).await).await;
    assert!(claimed.promoted);
    wait::until_true("the replica is promoted", async || says(&at.replica, "role:master").await).await;
    log.open().await.unwrap();
    eventually(|| ballots.cast(ballot("main", 2, "a"), FIRST_REVISION)).await;
    assert_eq!(log.accepted().await, Ok(2));

    // The old one comes back, and becomes a replica.
    at.primary.restart().await;
    wait::until_true("it follows the new one", async || says(&at.primary, "role:slave").await).await;
    recorded(ballots.cast(ballot("main", 3, "a"), FIRST_REVISION).await);
    assert_eq!(at.ballot_box().accepted(id("main")).await, Ok(3));
}

#[tokio::test]
async fn a_sentinel_that_names_a_dead_master_is_outvoted_or_a_clear_word() {
    let at = Watched::begun().await;
    let mut dead = RedisServer::start().await;
    let cut_off = RedisSentinels::start_alone(&dead).await;
    dead.kill();
    let outvoted = format!("redis+sentinel://{},{}/{MASTER}", cut_off.hosts(), at.sentinels.hosts());
    let mut log = RedisLog::new(&outvoted.parse().unwrap(), Partition::new(0));
    assert_eq!(log.accepted().await, Ok(0));

    let why = refusal(&cut_off.url()).await;
    let dead = format!("127.0.0.1:{} can't be reached", dead.port());
    assert!(why.contains(&dead) && why.contains("the Sentinels say that this is the master `votes`"), "{why}");
}

#[tokio::test]
async fn what_is_wrong_with_sentinels_is_a_clear_word() {
    let at = Watched::begun().await;
    let why = refusal(&at.sentinels.url().replace(MASTER, "other")).await;
    assert!(why.contains("no Sentinel names a master `other`"), "{why}");
    let why = refusal(&format!("redis+sentinel://127.0.0.1:{}/{MASTER}", at.primary.port())).await;
    assert!(why.contains("unknown command"), "{why}");
    let why = refusal(&format!("redis+sentinel://127.0.0.1:1/{MASTER}")).await;
    assert!(why.contains("127.0.0.1:1 can't be reached"), "{why}");
    // Whoever they name may not be a master yet, or any more.
    let follower = RedisSentinels::start_alone(&at.replica).await;
    let why = refusal(&follower.url()).await;
    assert!(why.contains("is a replica (the Sentinels say"), "{why}");
}
