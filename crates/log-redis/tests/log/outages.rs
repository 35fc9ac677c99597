//! Redis is away, comes back, hangs, or forgets its scripts.

use std::sync::atomic::{AtomicBool, Ordering};

use domain::PollChange;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::*;

#[tokio::test]
async fn a_redis_that_comes_late_or_comes_back_needs_no_restart_of_ours() {
    let mut scene = Scene::begun().await;
    scene.redis.kill();
    let (late, mut late_log) = (ballot_box_on(&scene.redis), log_on(&scene.redis));
    for ballots in [&scene.ballots, &late] {
        assert!(ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await.is_err());
        assert!(ballots.ready().await.is_err());
        assert!(ballots.polls().await.is_err());
    }
    assert!(late_log.polls().await.is_err());
    assert!(late_log.read(Position::ZERO, 1, Duration::ZERO).await.is_err());

    scene.redis.restart().await;
    scene.attach_again().await;
    for ballots in [&scene.ballots, &late] {
        eventually(|| ballots.ready()).await;
        // Ballots go over a connection of their own, which may wait a moment longer. What fails there is not recorded.
        recorded(Ok(eventually(|| ballots.cast(ballot("main", 1, "a"), FIRST_REVISION)).await));
    }
    eventually(async || late_log.polls().await).await;
    assert_eq!(scene.entries_after_outage().await, 2);
}

impl Scene {
    /// How many entries there are, as soon as they can be read.
    async fn entries_after_outage(&mut self) -> usize {
        eventually(async || self.log.read(Position::ZERO, 1_000_000, Duration::ZERO).await).await.entries.len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ballot_that_was_never_sent_is_not_recorded_for_certain() {
    let mut scene = Scene::begun().await;
    recorded(scene.ballots.cast(ballot("main", 0, "a"), FIRST_REVISION).await);
    scene.redis.kill();
    // What was on its way when it died may be unknown; nothing after that.
    eventually(|| async {
        match scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await {
            Err(error) if error.nothing_happened() => Ok(()),
            other => Err(other),
        }
    })
    .await;
    let refuse = async |number| {
        let refused = scene.ballots.cast(ballot("main", number, "a"), FIRST_REVISION).await.unwrap_err();
        assert!(refused.nothing_happened(), "{refused}");
    };
    for number in 2..202 {
        refuse(number).await;
    }
    let changed = scene.ballots.change(id("main"), PollChange::Close).await.unwrap_err();
    assert!(changed.nothing_happened(), "{changed}");
    let created = scene.ballots.create(poll("lunch")).await.unwrap_err();
    assert!(created.nothing_happened(), "{created}");

    // A server that takes connections and never answers was told nothing of a ballot either.
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url: RedisAddresses = format!("redis://{}", silent.local_addr().unwrap()).parse().unwrap();
    let ballots = RedisBallotBox::new(&url, Partitions::ONE);
    let refused = ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await.unwrap_err();
    assert!(refused.nothing_happened(), "{refused}");

    scene.redis.restart().await;
    assert_eq!(scene.entries_after_outage().await, 1);
}

#[tokio::test]
async fn what_a_server_refuses_is_not_recorded_for_certain() {
    let mut scene = Scene::begun().await;
    let refusals: [(&str, &[&str], &[&str]); 4] = [
        (
            "NOREPLICAS",
            &["CONFIG", "SET", "min-replicas-to-write", "1"],
            &["CONFIG", "SET", "min-replicas-to-write", "0"],
        ),
        ("READONLY", &["REPLICAOF", "127.0.0.1", "1"], &["REPLICAOF", "NO", "ONE"]),
        ("NOPERM", &["ACL", "SETUSER", "default", "-evalsha"], &["ACL", "SETUSER", "default", "+evalsha"]),
        (
            "MASTERDOWN",
            &["CONFIG", "SET", "replica-serve-stale-data", "no"],
            &["CONFIG", "SET", "replica-serve-stale-data", "yes"],
        ),
    ];
    for (code, set, back) in refusals {
        scene.attach_again().await;
        eventually(|| scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION)).await;
        let before = scene.entries_after_outage().await;
        if code == "MASTERDOWN" {
            scene.raw(&["REPLICAOF", "127.0.0.1", "1"]).await;
        }
        scene.raw(set).await;
        for _ in 0..3 {
            let refused = scene.ballots.cast(ballot("main", 2, "a"), FIRST_REVISION).await.unwrap_err();
            assert!(
                refused.nothing_happened() && refused.to_string().to_uppercase().contains(code),
                "{code}: {refused}"
            );
        }
        let changed = scene.ballots.change(id("main"), PollChange::Close).await.unwrap_err();
        assert!(changed.nothing_happened(), "{code}: {changed}");
        scene.raw(back).await;
        if code == "MASTERDOWN" {
            scene.raw(&["REPLICAOF", "NO", "ONE"]).await;
        }
        assert_eq!(scene.entries_after_outage().await, before, "{code}");
    }
}

#[tokio::test]
async fn a_server_that_is_busy_with_a_script_has_recorded_nothing() {
    let scene = Scene::begun().await;
    recorded(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await);
    scene.raw(&["CONFIG", "SET", "busy-reply-threshold", "10"]).await;
    let mut other = scene.redis.connection().await;
    let endless =
        tokio::spawn(
            async move { redis::cmd("EVAL").arg("while true do end").arg(0).query_async::<()>(&mut other).await },
        );
    let mut before = 1;
    let refused = loop {
        match scene.ballots.cast(ballot("main", 2, "a"), FIRST_REVISION).await {
            Err(error) => break error,
            Ok(_) => before += 1,
        }
    };
    assert!(refused.nothing_happened() && refused.to_string().to_uppercase().contains("BUSY"), "{refused}");
    scene.raw(&["SCRIPT", "KILL"]).await;
    assert!(endless.await.unwrap().is_err());
    assert_eq!(scene.ballots.accepted(id("main")).await, Ok(before));
}

#[tokio::test]
async fn a_restart_costs_no_ballot_once_a_leader_has_attached() {
    let mut scene = Scene::begun().await;
    let first = recorded(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await);
    scene.redis.restart().await;
    assert_eq!(scene.ballots.cast(ballot("main", 2, "a"), FIRST_REVISION).await, Err(Unavailable::NotAttached));
    scene.attach_again().await;
    assert!(recorded(scene.ballots.cast(ballot("main", 2, "a"), FIRST_REVISION).await) > first);
    assert_eq!(scene.entries().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn ballots_acknowledged_while_redis_is_killed_and_restarted_are_all_there() {
    let mut scene = Scene::begun().await;
    let back = Arc::new(AtomicBool::new(false));
    let mut voters = JoinSet::new();
    for first in 0..20_u32 {
        let (ballots, back) = (Arc::clone(&scene.ballots), Arc::clone(&back));
        voters.spawn(async move {
            let mut acknowledged = Vec::new();
            let mut after_outage = 0;
            for number in (first..).step_by(20) {
                let there = back.load(Ordering::Relaxed);
                if let Ok(cast) = ballots.cast(ballot("main", number, "a"), FIRST_REVISION).await {
                    acknowledged.push((recorded(Ok(cast)), voter(number)));
                    after_outage += u32::from(there);
                }
                if after_outage == 10 {
                    break;
                }
            }
            acknowledged
        });
    }
    eventually(async || match scene.ballots.accepted(id("main")).await {
        Ok(accepted) if accepted > 200 => Ok(()),
        other => Err(other),
    })
    .await;
    scene.redis.kill();
    scene.redis.restart().await;
    scene.attach_again().await;
    back.store(true, Ordering::Relaxed);
    let acknowledged = voters.join_all().await.concat();
    scene.entries_after_outage().await;
    let in_log: std::collections::HashSet<_> =
        scene.ballots_in_log().await.into_iter().map(|(position, ballot)| (position, ballot.voter)).collect();
    assert!(acknowledged.iter().all(|ballot| in_log.contains(ballot)));
    assert_eq!(scene.ballots.accepted(id("main")).await, Ok(in_log.len() as u64), "counter and log go together");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_hangs_is_an_error_in_time_and_works_again_afterwards() {
    let mut scene = Scene::begun().await;
    recorded(scene.ballots.cast(ballot("main", 0, "a"), FIRST_REVISION).await);
    scene.redis.pause();
    let mut casts = JoinSet::new();
    // More than can wait, so that some are refused at once.
    for number in 0..20_000 {
        let ballots = Arc::clone(&scene.ballots);
        casts.spawn(async move { ballots.cast(ballot("main", number, "a"), FIRST_REVISION).await.unwrap_err() });
    }
    let all = async {
        let asked = tokio::join!(
            scene.ballots.poll(id("main")),
            scene.ballots.change(id("main"), PollChange::Close),
            scene.ballots.ready(),
            scene.log.look(Position::ZERO),
        );
        assert!(asked.0.is_err() && asked.1.is_err() && asked.2.is_err() && asked.3.is_err());
        casts.join_all().await
    };
    let errors = tokio::time::timeout(PATIENCE, all).await.expect("everybody is answered");
    assert!(errors.contains(&Unavailable::Busy));
    assert!(errors.iter().any(|error| matches!(error, Unavailable::Timeout { .. })));

    scene.redis.resume();
    eventually(|| scene.ballots.ready()).await;
    eventually(|| async {
        let poll = scene.ballots.change(id("main"), PollChange::Open).await?;
        scene.ballots.cast(ballot("main", 0, "b"), FIRST_REVISION).await.map(|cast| (poll, recorded(Ok(cast))))
    })
    .await;
    let sent = scene.entries_after_outage().await;
    assert!(sent < 5_000, "ballots whose callers had given up were sent all the same: {sent}");
}

#[tokio::test]
async fn a_redis_that_forgot_its_scripts_is_taught_them_again() {
    let mut scene = Scene::begun_with(vec![poll("main"), poll("lunch")]).await;
    let first = recorded(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await);
    scene.raw(&["SCRIPT", "FLUSH"]).await;
    let (one, two) = tokio::join!(
        scene.ballots.cast(ballot("main", 2, "a"), FIRST_REVISION),
        scene.ballots.cast(ballot("lunch", 2, "a"), FIRST_REVISION)
    );
    assert!(recorded(one) > first && recorded(two) > first);
    assert_eq!(scene.entries().await.len(), 3);
}

#[tokio::test]
async fn a_master_that_became_a_replica_is_left_for_the_new_one() {
    let mut scene = Scene::begun().await;
    recorded(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await);
    scene.raw(&["REPLICAOF", "127.0.0.1", "1"]).await;
    assert!(scene.ballots.cast(ballot("main", 2, "a"), FIRST_REVISION).await.is_err());
    let connection = scene.redis.connection().await;
    let connections = || async {
        let info: String = redis::cmd("INFO").arg("stats").query_async(&mut connection.clone()).await.unwrap();
        let count = info.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
        count.unwrap().parse::<u32>().unwrap()
    };
    let before = connections().await;
    eventually(|| async {
        let _ = scene.ballots.cast(ballot("main", 2, "a"), FIRST_REVISION).await;
        if connections().await > before { Ok(()) } else { Err("no new connection") }
    })
    .await;
    assert!(scene.log.claim("a leader", &LogState::default()).await.unwrap_err().to_string().contains("replica"));
    scene.raw(&["REPLICAOF", "NO", "ONE"]).await;
    scene.attach_again().await;
    eventually(|| scene.ballots.cast(ballot("main", 2, "a"), FIRST_REVISION)).await;
}

/// A way to Redis on which connections that were made so far can be made to lead nowhere, without being closed: as when
/// a host vanishes, or a firewall forgets. Returns its address and the switch.
async fn a_way_that_can_be_lost(to: u16) -> (RedisAddresses, Arc<AtomicBool>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap()).parse().unwrap();
    let lose = Arc::new(AtomicBool::new(false));
    let lost = Arc::clone(&lose);
    tokio::spawn(async move {
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let mut far = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
            let lost = Arc::clone(&lost);
            tokio::spawn(async move {
                let switch = async {
                    while !lost.load(Ordering::Relaxed) {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                };
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    () = switch => std::future::pending().await, // with both ends open
                }
            });
        }
    });
    (url, lose)
}

#[tokio::test]
async fn a_connection_on_which_nothing_is_answered_is_replaced() {
    let scene = Scene::begun().await;
    let (url, lose) = a_way_that_can_be_lost(scene.redis.port()).await;
    let ballots = RedisBallotBox::new(&url, Partitions::ONE);
    let mut log = RedisLog::new(&url, Partition::new(0));
    recorded(ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await);
    log.read(Position::ZERO, 1, Duration::ZERO).await.unwrap();

    lose.store(true, Ordering::Relaxed);
    // The switch works a moment later; until then all is well.
    let cast = async {
        loop {
            if let Err(error) = ballots.cast(ballot("main", 2, "a"), FIRST_REVISION).await {
                return error;
            }
        }
    };
    let read = async {
        loop {
            if let Err(error) = log.read(Position::ZERO, 1, Duration::ZERO).await {
                return error;
            }
        }
    };
    let (cast, read) = tokio::join!(cast, read);
    assert!(matches!(cast, Unavailable::Timeout { .. }), "{cast:?}");
    assert!(matches!(read, Unavailable::Timeout { .. }), "{read:?}");
    lose.store(false, Ordering::Relaxed);
    let place =
        eventually(async || ballots.cast(ballot("main", 3, "a"), FIRST_REVISION).await.map(|cast| recorded(Ok(cast))))
            .await;
    let before = Position::from_i64(place.as_i64() - 1).unwrap();
    assert_eq!(log.read(before, 10, Duration::ZERO).await.unwrap().entries.len(), 1);
}

#[tokio::test]
async fn a_redis_that_wakes_up_late_does_not_cast_a_withdrawn_ballot() {
    let mut scene = Scene::begun().await;
    recorded(scene.ballots.cast(ballot("main", 0, "a"), FIRST_REVISION).await);
    scene.redis.pause();
    // It is on its way: the bytes are with Redis, which does not read them now.
    let unknown = scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await.unwrap_err();
    assert!(matches!(unknown, Unavailable::Timeout { .. }), "{unknown}");
    scene.redis.resume();
    // The voter casts again, by way of another instance, and means b.
    let another = ballot_box_on(&scene.redis);
    eventually(|| another.cast(ballot("main", 1, "b"), FIRST_REVISION)).await;
    // Whatever was with Redis before is dealt with by the time it has answered a few more.
    for _ in 0..10 {
        recorded(another.cast(ballot("main", 0, "a"), FIRST_REVISION).await);
    }
    let of_voter_1 =
        scene.ballots_in_log().await.into_iter().map(|(_, cast)| cast).filter(|cast| cast.voter == voter(1));
    assert_eq!(of_voter_1.collect::<Vec<_>>(), [ballot("main", 1, "b")]);
}
