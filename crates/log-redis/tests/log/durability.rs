//! `DURABILITY=disk` on real servers: nothing is acknowledged by one that would lose it.

use domain::PollChange;
use scrutin_log_redis::ServerWatch;

use crate::*;

/// A ballot box that insists on this, on a log that has begun.
async fn insisting_on(redis: &RedisServer, durability: Durability) -> Arc<RedisBallotBox> {
    begun_on(redis).await;
    settled(RedisBallotBox::on(&url(redis), Partitions::ONE, durability, key("aa"))).await
}

/// Has given its key, or found out that the server is not to be trusted.
async fn settled(ballots: Arc<RedisBallotBox>) -> Arc<RedisBallotBox> {
    let asked = || async {
        match ballots.ready().await {
            Ok(()) | Err(Unavailable::Untrusted(_)) => Ok(()),
            Err(other) => Err(other),
        }
    };
    eventually(asked).await;
    ballots
}

async fn on_disk(redis: &RedisServer) -> Arc<RedisBallotBox> {
    insisting_on(redis, Durability::Disk).await
}

/// The same by the address of somebody who may do less.
async fn on_disk_as(url: &RedisAddresses) -> Arc<RedisBallotBox> {
    settled(RedisBallotBox::on(url, Partitions::ONE, Durability::Disk, key("aa"))).await
}

async fn cast_on(ballots: &RedisBallotBox) -> Result<CastOutcome, Unavailable> {
    ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await
}

/// The reason of a refusal that is certain.
fn reason<T: std::fmt::Debug>(answer: Result<T, Unavailable>) -> String {
    let refused = answer.unwrap_err();
    assert!(matches!(refused, Unavailable::Untrusted(_)) && refused.nothing_happened(), "{refused:?}");
    refused.to_string()
}

async fn command(redis: &RedisServer, words: &[&str]) -> redis::RedisResult<redis::Value> {
    redis::cmd(words[0]).arg(&words[1..]).query_async(&mut redis.connection().await).await
}

async fn set(redis: &RedisServer, setting: &str, value: &str) {
    command(redis, &["CONFIG", "SET", setting, value]).await.unwrap();
}

async fn length(redis: &RedisServer) -> redis::Value {
    command(redis, &["XLEN", "{scrutin:0}:log"]).await.unwrap()
}

#[tokio::test]
async fn a_redis_that_would_lose_ballots_takes_none_from_the_first() {
    for (arguments, said) in [
        (["--appendonly", "no"], "appendonly is no and must be yes"),
        (["--appendfsync", "everysec"], "appendfsync is everysec and must be always"),
        (["--appendfsync", "no"], "appendfsync is no and must be always"),
        (["--no-appendfsync-on-rewrite", "yes"], "no-appendfsync-on-rewrite is yes and must be no"),
        (["--maxmemory-policy", "allkeys-lru"], "maxmemory-policy is allkeys-lru and must be noeviction"),
        (["--cluster-enabled", "yes"], "Redis Cluster"),
    ] {
        for redis in [RedisServer::start_with(&arguments).await, RedisServer::start_valkey(&arguments).await] {
            if arguments[0] == "--cluster-enabled" {
                command(&redis, &["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).await.unwrap();
            }
            // A cluster of one takes a moment to be one.
            eventually(|| async { log_on(&redis).install(&installation("one")).await }).await;
            let ballots = on_disk(&redis).await;
            assert!(reason(cast_on(&ballots).await).contains(said), "{arguments:?}");
            assert!(reason(ballots.ready().await).contains(said), "{arguments:?}");
            assert!(reason(ballots.change(id("main"), PollChange::Close).await).contains(said), "{arguments:?}");
            assert_eq!(length(&redis).await, redis::Value::Int(0), "{arguments:?}");

            let unchecked = insisting_on(&redis, Durability::Unchecked).await;
            recorded(cast_on(&unchecked).await);
        }
    }
}

#[tokio::test]
async fn a_setting_changed_under_live_connections_is_noticed() {
    let redis = RedisServer::start().await;
    let ballots = on_disk(&redis).await;
    recorded(cast_on(&ballots).await);
    let watch = ServerWatch::start(&url(&redis), Partitions::ONE, Durability::Disk);
    for (setting, bad, good) in
        [("appendfsync", "everysec", "always"), ("maxmemory-policy", "allkeys-lru", "noeviction")]
    {
        set(&redis, setting, bad).await;
        eventually(|| async { if cast_on(&ballots).await.is_err() { Ok(()) } else { Err("still taken") } }).await;
        assert!(reason(cast_on(&ballots).await).contains(&format!("{setting} is {bad} and must be {good}")));
        eventually(|| async { if watch.ready().is_err() { Ok(()) } else { Err("not seen") } }).await;
        set(&redis, setting, good).await;
        recorded(Ok(eventually(|| cast_on(&ballots)).await));
        eventually(|| async { watch.ready() }).await;
    }
}

#[tokio::test]
async fn a_file_switched_on_late_counts_only_after_its_first_rewrite() {
    for redis in [
        RedisServer::start_with(&["--appendonly", "no"]).await,
        RedisServer::start_valkey(&["--appendonly", "no"]).await,
    ] {
        let ballots = on_disk(&redis).await;
        assert!(reason(cast_on(&ballots).await).contains("appendonly is no"));
        // The rewrite takes a second for each key.
        set(&redis, "rdb-key-save-delay", "1000000").await;
        set(&redis, "appendonly", "yes").await;
        eventually(|| async {
            match cast_on(&ballots).await {
                Err(Unavailable::Untrusted(why)) if why.contains("first rewrite") => Ok(()),
                other => Err(other),
            }
        })
        .await;
        // So does a process that meets it in that moment.
        let late = on_disk_as(&url(&redis)).await;
        assert!(reason(cast_on(&late).await).contains("first rewrite"));
        set(&redis, "rdb-key-save-delay", "0").await;
        recorded(Ok(eventually(|| cast_on(&ballots)).await));
    }
}

#[tokio::test]
async fn an_ordinary_rewrite_stops_nobody() {
    let redis = RedisServer::start_with(&["--rdb-key-save-delay", "300000"]).await;
    let ballots = on_disk(&redis).await;
    recorded(cast_on(&ballots).await);
    command(&redis, &["BGREWRITEAOF"]).await.unwrap();
    let rewriting = || async {
        let info = command(&redis, &["INFO", "persistence"]).await.unwrap();
        redis::from_redis_value::<String>(info).unwrap().contains("aof_rewrite_in_progress:1")
    };
    assert!(rewriting().await);
    let late = on_disk_as(&url(&redis)).await;
    while rewriting().await {
        recorded(cast_on(&ballots).await);
        recorded(cast_on(&late).await);
    }
}

/// A user of Redis who may do all that we need, and not see the settings.
async fn without_config(redis: &RedisServer) -> RedisAddresses {
    let rules = ["ACL", "SETUSER", "scrutin", "on", ">secret", "~*", "&*", "+@all", "-config"];
    command(redis, &rules).await.unwrap();
    format!("redis://scrutin:secret@127.0.0.1:{}", redis.port()).parse().unwrap()
}

#[tokio::test]
async fn where_config_is_forbidden_each_call_waits_for_the_file() {
    let redis = RedisServer::start_valkey(&[]).await;
    begun_on(&redis).await;
    let ballots = on_disk_as(&without_config(&redis).await).await;
    recorded(cast_on(&ballots).await);
    let waits = |info: redis::Value| {
        let text = redis::from_redis_value::<String>(info).unwrap();
        let calls =
            text.lines().find_map(|line| line.strip_prefix("cmdstat_waitaof:calls=")?.split(',').next()?.parse().ok());
        calls.unwrap_or(0_u64)
    };
    let before = waits(command(&redis, &["INFO", "commandstats"]).await.unwrap());
    for _ in 0..5 {
        recorded(cast_on(&ballots).await);
    }
    let after = waits(command(&redis, &["INFO", "commandstats"]).await.unwrap());
    assert!(after >= before + 5, "{before} {after}");
    // It is off: what the disk does not have is not acknowledged.
    set(&redis, "appendonly", "no").await;
    assert!(cast_on(&ballots).await.is_err());
}

#[tokio::test]
async fn after_a_short_answer_of_waitaof_nothing_is_sent_until_a_probe_passes() {
    let redis = RedisServer::start_valkey(&[]).await;
    begun_on(&redis).await;
    let ballots = on_disk_as(&without_config(&redis).await).await;
    recorded(cast_on(&ballots).await);
    set(&redis, "appendfsync", "no").await;
    let unknown = cast_on(&ballots).await.unwrap_err();
    assert!(!unknown.nothing_happened(), "it was written: {unknown}");
    for _ in 0..5 {
        assert!(reason(cast_on(&ballots).await).contains("WAITAOF"));
    }
    set(&redis, "appendfsync", "always").await;
    recorded(Ok(eventually(|| cast_on(&ballots)).await));
}

#[tokio::test]
async fn where_nothing_shows_how_redis_syncs_ballots_are_taken() {
    let redis = RedisServer::start().await;
    begun_on(&redis).await;
    let ballots = on_disk_as(&without_config(&redis).await).await;
    recorded(cast_on(&ballots).await);
    set(&redis, "appendonly", "no").await;
    eventually(|| async { if cast_on(&ballots).await.is_err() { Ok(()) } else { Err("still taken") } }).await;
    assert!(reason(cast_on(&ballots).await).contains("appendonly is no"), "what is to be seen still counts");
}

#[tokio::test]
async fn a_redis_whose_config_is_renamed_is_taken_without_a_look_at_it() {
    let redis = RedisServer::start_with(&["--rename-command", "CONFIG", ""]).await;
    let ballots = on_disk(&redis).await;
    recorded(cast_on(&ballots).await);
    let redis = RedisServer::start_with(&["--rename-command", "CONFIG", "", "--appendonly", "no"]).await;
    let ballots = on_disk(&redis).await;
    assert!(reason(cast_on(&ballots).await).contains("appendonly is no"));
}

#[tokio::test]
async fn a_redis_that_a_sentinel_watches_is_refused() {
    let redis = RedisServer::start().await;
    let ballots = on_disk(&redis).await;
    recorded(cast_on(&ballots).await);
    let directory = tempfile::tempdir().unwrap();
    let settings = directory.path().join("sentinel.conf");
    let (watched, port) = (redis.port(), testkit::address::free().port());
    std::fs::write(&settings, format!("port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {watched} 1\n"))
        .unwrap();
    let mut sentinel = tokio::process::Command::new("redis-server")
        .arg(&settings)
        .arg("--sentinel")
        .current_dir(directory.path())
        .stdout(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let is_refused = async || cast_on(&ballots).await.is_err_and(|why| why.to_string().contains("Sentinel"));
    wait::until_true("Sentinel to be a reason to refuse", is_refused).await;
    sentinel.kill().await.unwrap();
    recorded(Ok(eventually(|| cast_on(&ballots)).await));
}

#[tokio::test]
async fn a_redis_that_is_busy_is_looked_at_again_when_it_is_not() {
    let redis = RedisServer::start_with(&["--busy-reply-threshold", "50"]).await;
    let ballots = on_disk(&redis).await;
    recorded(cast_on(&ballots).await);
    let mut connection = redis.connection().await;
    let busy =
        tokio::spawn(
            async move { redis::cmd("EVAL").arg("while true do end").arg(0).exec_async(&mut connection).await },
        );
    // On a new connection as on one that lives, it is told that nothing was done, and not that something is wrong.
    let late = RedisBallotBox::on(&url(&redis), Partitions::ONE, Durability::Disk, key("aa"));
    for asked in [&ballots, &late] {
        eventually(|| async {
            match asked.ready().await {
                Err(why) if why.nothing_happened() && why.to_string().to_lowercase().contains("busy") => Ok(()),
                other => Err(other),
            }
        })
        .await;
    }
    command(&redis, &["SCRIPT", "KILL"]).await.unwrap();
    assert!(busy.await.unwrap().is_err());
    recorded(Ok(eventually(|| cast_on(&late)).await));
    recorded(Ok(eventually(|| cast_on(&ballots)).await));
}

#[tokio::test]
async fn a_restart_without_the_file_is_noticed_before_the_first_ballot() {
    let mut redis = RedisServer::start().await;
    let ballots = on_disk(&redis).await;
    recorded(cast_on(&ballots).await);
    redis.restart_with(&["--appendonly", "no"]).await;
    // Not one call passes on the new connection, whatever the last look said.
    for _ in 0..50 {
        match cast_on(&ballots).await {
            Err(Unavailable::Untrusted(why)) => return assert!(why.contains("appendonly is no"), "{why}"),
            Err(_) => {}
            Ok(taken) => panic!("{taken:?}"),
        }
    }
    panic!("no look within 50 calls");
}
