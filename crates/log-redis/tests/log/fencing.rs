//! A server takes ballots only when a leading worker has attached to it since it started.

use std::fs;

use domain::PollChange;
use testkit::moving_address::MovingAddress;

use super::*;

const NO_STATE: LogState = LogState { log: None, position: Position::ZERO, ballots: 0, set_aside: 0, missing: 0 };

/// The scripts of 0.1.0, which go on running while services are upgraded.
struct OldScripts(redis::aio::MultiplexedConnection);

impl OldScripts {
    async fn eval(&mut self, script: &str, keys: &[&str], arguments: &[&[u8]]) -> String {
        let path = |name: &str| format!("{}/tests/log/scripts-0.1.0/{name}.lua", env!("CARGO_MANIFEST_DIR"));
        let source: String = script.split(' ').map(|name| fs::read_to_string(path(name)).unwrap()).collect();
        let keys: Vec<String> = keys.iter().map(|key| format!("{{scrutin:0}}:{key}")).collect();
        let mut eval = redis::cmd("EVAL");
        eval.arg(source).arg(keys.len()).arg(keys).arg(arguments);
        let answer: redis::Value = eval.query_async(&mut self.0).await.unwrap();
        match answer {
            redis::Value::Array(parts) => redis::from_redis_value(parts[0].clone()).unwrap(),
            redis::Value::Nil => "nil".to_owned(),
            word => redis::from_redis_value(word).unwrap(),
        }
    }

    async fn cast(&mut self) -> String {
        let ballot = [voter(77).as_bytes().as_slice(), &[0, 0, 0, 1]].concat();
        let arguments: [&[u8]; 8] = [b"main", b"b2", b"\x04main", b"20", b"16", b"9000000000000", b"1", &ballot];
        self.eval("places cast", &["id", "polls", "log", "accepted", "voters:main"], &arguments).await
    }
}

/// What 0.1.0 stored, with two ballots of which it has counted none.
async fn stored_by_0_1_0(scene: &Scene) {
    let json = concat!(
        r#"{"id":"main","state":"open","changes":true,"round":1,"question":"Cats or Dogs?","options":["Cats","Dogs"],"#,
        r#""max_choices":1,"results":"live","access":"anyone","listed":false}"#
    );
    scene.raw(&["SET", "{scrutin:0}:id", "an incarnation"]).await;
    scene.raw(&["SET", "{scrutin:0}:trimmed", "0-0"]).await;
    scene.raw(&["HSET", "{scrutin:0}:polls", "main", json]).await;
    scene.raw(&["XADD", "{scrutin:0}:log", "0-1", "m1", ""]).await;
    scene.raw(&["XDEL", "{scrutin:0}:log", "0-1"]).await;
    let mut old = OldScripts(scene.redis.connection().await);
    assert_eq!([old.cast().await, old.cast().await], ["cast", "cast"]);
}

#[tokio::test]
async fn a_log_of_0_1_0_is_taken_over_and_its_services_write_no_more() {
    let mut scene = Scene::new().await;
    stored_by_0_1_0(&scene).await;
    assert_eq!(scene.ballots.ready().await, Err(Unavailable::NotBegun), "until a worker has attached");
    let claimed = scene.log.claim("a leader", &NO_STATE).await.unwrap();
    let log = claimed.log.unwrap();
    assert_eq!((log.id.as_str(), log.accepted, log.unread), ("an incarnation", 2, true));

    let mut old = OldScripts(scene.redis.connection().await);
    for attached in [false, true] {
        assert_eq!(old.cast().await, "not begun");
        let put: [&[u8]; 6] = [b"main", b"", b"{}", b"p1", b"0", b"0"];
        assert_eq!(
            old.eval("places put_poll", &["id", "polls", "log", "accepted", "voters:main"], &put).await,
            "not begun"
        );
        let trim: [&[u8]; 4] = [b"9-0", b"8-0", b"b2", b"20"];
        assert_eq!(old.eval("places trim", &["id", "log", "trimmed"], &trim).await, "not begun");
        // A worker of 0.1.0 finds no log. It would clear away what is there.
        assert_eq!(old.eval("look", &["id", "trimmed", "log"], &[]).await, "nil");
        let mark = format!("{:019} an old worker", i64::MAX);
        let arguments: [&[u8]; 2] = [mark.as_bytes(), b"10000"];
        let keys = ["id", "beginning", "log", "polls", "accepted", "trimmed"];
        assert_eq!(old.eval("begin_first", &keys, &arguments).await, "superseded");
        if !attached {
            scene.log.open().await.unwrap();
        }
    }
    recorded(scene.ballots.cast(ballot("main", 3, "a"), FIRST_REVISION).await);
    assert_eq!(scene.ballots_in_log().await.len(), 3);
}

#[tokio::test]
async fn a_log_that_begins_is_kept_from_workers_of_0_1_0_too() {
    let scene = Scene::begun().await;
    let mut old = OldScripts(scene.redis.connection().await);
    let keys = ["id", "beginning", "log", "polls", "accepted", "trimmed"];
    let mark = format!("{:019} an old worker", i64::MAX);
    assert_eq!(old.eval("begin_first", &keys, &[mark.as_bytes(), b"10000"]).await, "superseded");
    assert_eq!(old.cast().await, "not begun");
}

#[tokio::test]
async fn a_restarted_server_says_certainly_that_it_takes_nothing() {
    let mut scene = Scene::begun().await;
    recorded(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await);
    scene.redis.restart().await;
    let refused = scene.ballots.cast(ballot("main", 2, "a"), FIRST_REVISION).await;
    assert_eq!(refused, Err(Unavailable::NotAttached));
    assert!(Unavailable::NotAttached.nothing_happened());
    assert_eq!(scene.ballots.ready().await, Err(Unavailable::NotAttached));
    // Nor is it asked what may be wrong by then: whether the poll is closed already.
    assert_eq!(scene.ballots.change(id("main"), PollChange::Open).await, Err(Unavailable::NotAttached));
    assert_eq!(scene.ballots.create(poll("main")).await, Err(Unavailable::NotAttached));
    assert_eq!(scene.ballots.poll(id("main")).await, Ok(Some(poll("main"))), "showing it does no harm");
    assert_eq!(scene.log.look(Position::ZERO).await, Ok(None), "the worker notices");
    scene.attach_again().await;
    recorded(scene.ballots.cast(ballot("main", 2, "a"), FIRST_REVISION).await);
    assert_eq!(scene.ballots_in_log().await.len(), 2);
}

#[tokio::test]
async fn after_another_leader_attaches_the_first_can_not_write() {
    let mut scene = Scene::begun().await;
    recorded(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await);
    let mut second = log_on(&scene.redis);
    assert!(!second.claim("another", &NO_STATE).await.unwrap().uninterrupted);
    assert_eq!(scene.ballots.cast(ballot("main", 2, "a"), FIRST_REVISION).await, Err(Unavailable::NotAttached));
    for is_open in [false, true] {
        let first = &mut scene.log;
        assert_eq!(first.raise(position(4_000_000_000_000, 0)).await, Err(Unavailable::NotAttached));
        assert_eq!(first.renew(seed(Position::ZERO, vec![poll("main")])).await, Err(Unavailable::NotAttached));
        assert_eq!(first.begin(seed(Position::ZERO, vec![])).await, Err(Unavailable::NotAttached));
        assert_eq!(first.settle(&[(id("main"), 0)], 0).await, Err(Unavailable::NotAttached));
        assert_eq!(first.trim(position(4_000_000_000_000, 0)).await, Err(Unavailable::NotAttached));
        assert_eq!(first.open().await, Err(Unavailable::NotAttached));
        assert_eq!(first.look(Position::ZERO).await, Ok(None));
        if !is_open {
            second.open().await.unwrap();
        }
    }
    recorded(scene.ballots.cast(ballot("main", 2, "a"), FIRST_REVISION).await);
    scene.ballots.change(id("main"), PollChange::Close).await.unwrap();
    assert_eq!(second.accepted().await, Ok(2));
    assert!(second.claim("another", &NO_STATE).await.unwrap().uninterrupted, "nobody else was attached");
}

#[tokio::test]
async fn without_its_stream_a_log_takes_nothing() {
    let mut scene = Scene::begun().await;
    let last = recorded(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await);
    scene.raw(&["DEL", "{scrutin:0}:log"]).await;
    assert_eq!(scene.ballots.cast(ballot("main", 2, "a"), FIRST_REVISION).await, Err(Unavailable::NotAttached));
    assert_eq!(scene.ballots.change(id("main"), PollChange::Close).await, Err(Unavailable::NotAttached));
    assert_eq!(scene.look().await.last, None);
    assert_eq!(scene.log.claim("a leader", &NO_STATE).await.unwrap().log.unwrap().accepted, 1);
    assert_eq!(scene.log.open().await, Err(Unavailable::NotAttached), "not without one either");
    scene.log.raise(last).await.unwrap();
    scene.log.open().await.unwrap();
    assert!(recorded(scene.ballots.cast(ballot("main", 2, "a"), FIRST_REVISION).await) > last);
}

#[tokio::test]
async fn a_log_that_lost_its_id_keeps_its_entries() {
    let mut scene = Scene::begun().await;
    recorded(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await);
    let known = scene.look().await.id;
    scene.raw(&["DEL", "{scrutin:0}:incarnation", "{scrutin:0}:attached"]).await;
    let state = LogState { log: Some(known.clone()), ..NO_STATE };
    assert_eq!(scene.log.claim("a leader", &state).await.unwrap().log.unwrap().id, known);
    scene.log.open().await.unwrap();
    assert_eq!(scene.ballots_in_log().await.len(), 1);
}

#[tokio::test]
async fn a_leader_attaches_and_trims_when_there_is_no_memory_left() {
    let mut scene = Scene::begun().await;
    let last = recorded(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await);
    scene.redis.restart().await;
    scene.raw(&["CONFIG", "SET", "maxmemory", "1"]).await;
    scene.log.claim("a leader", &NO_STATE).await.unwrap();
    scene.log.raise(position(last.millis() + 5, 0)).await.unwrap();
    scene.log.settle(&[(id("main"), 1)], 0).await.unwrap();
    scene.log.open().await.unwrap();
    scene.log.trim(last).await.unwrap();
    assert_eq!(scene.look().await.trimmed, last);
}

#[tokio::test]
async fn what_was_settled_is_what_was_accepted() {
    let mut scene = Scene::begun_with(vec![poll("main"), poll("lunch")]).await;
    recorded(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await);
    scene.raw(&["HSET", "{scrutin:0}:accepted", "ghost", "5"]).await;
    let counts: Vec<_> = (0..1_500).map(|number| (id(&format!("p-{number}")), 1)).chain([(id("main"), 7)]).collect();
    assert_eq!(scene.log.settle(&counts, 3).await, Err(Unavailable::NotAttached), "not while ballots come");
    scene.log.claim("a leader", &NO_STATE).await.unwrap();
    scene.log.settle(&counts, 3).await.unwrap();
    scene.log.open().await.unwrap();
    assert_eq!(scene.log.accepted().await, Ok(1_510));
    assert_eq!(scene.look().await.accepted, 1_510);
    assert_eq!(scene.ballots.accepted(id("main")).await, Ok(7));
    recorded(scene.ballots.cast(ballot("main", 2, "a"), FIRST_REVISION).await);
    assert_eq!(scene.look().await.accepted, 1_511);
}

#[tokio::test]
async fn polls_and_voters_of_a_log_that_went_back_are_the_ledgers_again() {
    let mut scene = Scene::begun_with(vec![once_only("main"), poll("lunch")]).await;
    let old = recorded(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await);
    let reset = once_only("main").after(&PollChange::Reset, 1).unwrap();
    let closed = poll("lunch").after(&PollChange::Close, 1).unwrap();
    let at = position(old.millis() + 1_000, 0);
    let seed = |poll, voters| PollSeed { poll, ballots: 9, voters };
    let polls = vec![seed(reset.clone(), vec![(voter(2), at)]), seed(closed.clone(), vec![])];
    scene.log.claim("a leader", &NO_STATE).await.unwrap();
    scene.log.renew(LogSeed { after: at, polls, events: Vec::new() }).await.unwrap();
    scene.log.raise(at).await.unwrap();
    scene.log.open().await.unwrap();

    assert_eq!(scene.log.polls().await, Ok(vec![closed, reset]));
    assert_eq!(scene.ballots.cast(ballot("main", 2, "b"), FIRST_REVISION).await, Ok(CastOutcome::AlreadyCast(at)));
    assert!(recorded(scene.ballots.cast(ballot("main", 1, "b"), FIRST_REVISION).await) > at, "it is another round");
    assert_eq!(
        scene.ballots.cast(ballot("lunch", 1, "a"), FIRST_REVISION).await,
        Ok(CastOutcome::NotOpen(PollState::Closed))
    );
}

#[tokio::test]
async fn behind_an_address_that_leads_to_an_older_copy_nothing_is_taken() {
    let mut scene = Scene::begun().await;
    recorded(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await);
    // A replica has all that was written so far, also what tells that a leader is attached, and is promoted.
    let replica = RedisServer::start().await;
    let port = scene.redis.port().to_string();
    let on_replica = async |command: &[&str]| -> redis::Value {
        let mut connection = replica.connection().await;
        redis::cmd(command[0]).arg(&command[1..]).query_async(&mut connection).await.unwrap()
    };
    on_replica(&["REPLICAOF", "127.0.0.1", &port]).await;
    let attached = || on_replica(&["GET", "{scrutin:0}:attached"]);
    eventually(async || if attached().await == redis::Value::Nil { Err("not synced") } else { Ok(()) }).await;
    // Redis takes a new replication id when its first replica comes.
    scene.attach_again().await;
    let token = scene.raw(&["GET", "{scrutin:0}:attached"]).await;
    eventually(async || if attached().await == token { Ok(()) } else { Err("not replicated") }).await;
    on_replica(&["REPLICAOF", "NO", "ONE"]).await;
    let address = MovingAddress::start(scene.redis.port()).await;
    let ballots = RedisBallotBox::new(&address.redis_url().parse().unwrap(), Partitions::ONE);
    recorded(ballots.cast(ballot("main", 2, "a"), FIRST_REVISION).await);

    address.lead_to(replica.port());
    for number in 3..20 {
        let cast = ballots.cast(ballot("main", number, "a"), FIRST_REVISION).await;
        assert!(cast.is_err(), "{cast:?}");
    }
    eventually(async || match ballots.ready().await {
        Err(Unavailable::NotAttached) => Ok(()),
        other => Err(other),
    })
    .await;
    assert_eq!(on_replica(&["XLEN", "{scrutin:0}:log"]).await, redis::Value::Int(1));
    address.lead_to(scene.redis.port());
    eventually(|| ballots.cast(ballot("main", 3, "a"), FIRST_REVISION)).await;
    assert_eq!(scene.ballots_in_log().await.len(), 3);
}

#[tokio::test]
async fn a_server_that_was_a_replica_for_a_moment_is_another_within_a_second() {
    let mut scene = Scene::begun().await;
    recorded(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await);
    // Its connections and the stored value stay; what it holds may be another server's by now.
    scene.raw(&["REPLICAOF", "127.0.0.1", "1"]).await;
    scene.raw(&["REPLICAOF", "NO", "ONE"]).await;
    let begun = std::time::Instant::now();
    eventually(async || match scene.ballots.cast(ballot("main", 1, "b"), FIRST_REVISION).await {
        Err(Unavailable::NotAttached) => Ok(()),
        other => Err(other),
    })
    .await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(scene.log.look(Position::ZERO).await, Ok(None), "the worker notices");
}

#[tokio::test]
async fn a_promotion_shows_although_the_id_had_changed_since_the_attachment() {
    let mut scene = Scene::begun().await;
    let replica = RedisServer::start().await;
    let on_replica = async |command: &[&str]| -> redis::Value {
        let mut connection = replica.connection().await;
        redis::cmd(command[0]).arg(&command[1..]).query_async(&mut connection).await.unwrap()
    };
    // With its first replica a server takes a new replication id, and nobody attaches again before the promotion.
    on_replica(&["REPLICAOF", "127.0.0.1", &scene.redis.port().to_string()]).await;
    let attached = || on_replica(&["GET", "{scrutin:0}:attached"]);
    eventually(async || if attached().await == redis::Value::Nil { Err("not synced") } else { Ok(()) }).await;
    on_replica(&["REPLICAOF", "NO", "ONE"]).await;
    assert!(log_on(&replica).claim("another", &NO_STATE).await.unwrap().promoted);
    assert!(!scene.log.claim("a leader", &NO_STATE).await.unwrap().promoted, "the primary was not");
}

#[tokio::test]
async fn who_claims_what_another_left_half_way_hears_of_a_promotion_too() {
    let mut scene = Scene::begun().await;
    scene.raw(&["REPLICAOF", "127.0.0.1", "1"]).await;
    scene.raw(&["REPLICAOF", "NO", "ONE"]).await;
    assert!(scene.log.claim("a leader", &NO_STATE).await.unwrap().promoted);
    let mut second = log_on(&scene.redis);
    assert!(second.claim("another", &NO_STATE).await.unwrap().promoted, "the first has stopped");
    assert_eq!(scene.ballots.ready().await, Err(Unavailable::NotAttached));
    assert_eq!(scene.log.look(Position::ZERO).await, Ok(None));
    second.open().await.unwrap();
    recorded(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await);
    assert!(!second.claim("another", &NO_STATE).await.unwrap().promoted, "it was attached since");
}
