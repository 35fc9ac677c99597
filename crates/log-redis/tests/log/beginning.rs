//! A log begins, is lost, and begins anew.

use domain::PollChange;

use super::*;

#[tokio::test]
async fn nothing_works_before_the_log_has_begun() {
    let mut scene = Scene::new().await;
    assert_eq!(scene.log.look(Position::ZERO).await, Ok(None));
    assert_eq!(scene.ballots.ready().await, Err(Unavailable::NotBegun));
    assert_eq!(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await, Err(Unavailable::NotBegun));
    assert_eq!(scene.ballots.poll(id("main")).await, Err(Unavailable::NotBegun));
    assert_eq!(scene.ballots.polls().await, Err(Unavailable::NotBegun));
    assert_eq!(scene.ballots.accepted(id("main")).await, Err(Unavailable::NotBegun));
    assert_eq!(scene.ballots.create(poll("main")).await, Err(Unavailable::NotBegun));
    assert_eq!(scene.ballots.change(id("main"), PollChange::Close).await, Err(Unavailable::NotBegun));
    assert_eq!(scene.log.polls().await, Err(Unavailable::NotBegun));
    assert_eq!(scene.log.accepted().await, Err(Unavailable::NotBegun));
    assert_eq!(scene.log.raise(position(5, 0)).await, Err(Unavailable::NotAttached));
    assert_eq!(scene.log.trim(position(5, 0)).await, Err(Unavailable::NotAttached));
    assert_eq!(scene.log.open().await, Err(Unavailable::NotAttached));
    assert!(!scene.log.read(Position::ZERO, 1, Duration::ZERO).await.unwrap().attached);
    assert_eq!(scene.raw(&["DBSIZE"]).await, redis::Value::Int(0));
}

#[tokio::test]
async fn a_log_begins_empty_and_above_the_ledgers_position() {
    let mut scene = Scene::new().await;
    // A day ahead of any clock here: the next positions must not depend on the time.
    let after = position(4_000_000_000_000, 7);
    let begun = attach(&mut scene.log, seed(after, vec![poll("main")])).await;
    assert_eq!((begun.trimmed, begun.last), (after, Some(after)));
    assert_eq!(scene.entries().await, []);
    assert_eq!(
        recorded(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await),
        position(4_000_000_000_000, 8)
    );
    assert_eq!(scene.ballots_in_log().await.len(), 1);
}

#[tokio::test]
async fn a_lost_log_begins_again_with_what_the_ledger_holds() {
    let mut scene = Scene::begun_with(vec![once_only("main"), in_state("old", PollState::Closed)]).await;
    let before = scene.look().await;
    let first = recorded(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await);
    scene.flush().await;
    assert_eq!(scene.log.look(first).await, Ok(None));
    assert_eq!(
        scene.ballots.cast(ballot("old", 1, "a"), FIRST_REVISION).await,
        Err(Unavailable::NotBegun),
        "it must not come back open"
    );

    let voters = vec![(voter(1), first)];
    let main = PollSeed { poll: once_only("main"), ballots: 41, voters };
    let old = PollSeed { poll: in_state("old", PollState::Closed), ballots: 7, voters: Vec::new() };
    let begun = attach(&mut scene.log, LogSeed { after: first, polls: vec![main, old], events: Vec::new() }).await;
    assert_ne!(begun.id, before.id);
    assert_eq!(begun.trimmed, first);

    assert_eq!(scene.ballots.cast(ballot("main", 1, "b"), FIRST_REVISION).await, Ok(CastOutcome::AlreadyCast(first)));
    assert_eq!(
        scene.ballots.cast(ballot("old", 1, "a"), FIRST_REVISION).await,
        Ok(CastOutcome::NotOpen(PollState::Closed))
    );
    assert!(recorded(scene.ballots.cast(ballot("main", 2, "b"), FIRST_REVISION).await) > first);
    assert_eq!(scene.ballots.accepted(id("main")).await, Ok(42));
    assert_eq!(scene.log.accepted().await, Ok(49));
    assert_eq!(scene.ballots_in_log().await.len(), 1);
}

#[tokio::test]
async fn a_log_that_has_begun_is_left_as_it_is() {
    let mut scene = Scene::begun().await;
    let there = recorded(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await);
    let begun = scene.look().await;
    let stale = attach(&mut log_on(&scene.redis), seed(position(9, 0), vec![poll("other")])).await;
    assert_eq!(stale.id, begun.id);
    assert_eq!(scene.log.polls().await, Ok(vec![poll("main")]));
    scene.attach_again().await;
    assert_eq!(scene.ballots_in_log().await, [(there, ballot("main", 1, "a"))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_concurrent_beginnings_one_is_complete() {
    for _ in 0..5 {
        let scene = Scene::new().await;
        let polls = |prefix: &str| (0..450).map(|number| poll(&format!("{prefix}-{number:03}"))).collect::<Vec<_>>();
        let begin = |prefix: &'static str| {
            let (mut log, seed) = (log_on(&scene.redis), seed(position(5, 0), polls(prefix)));
            tokio::spawn(async move {
                log.claim(prefix, &LogState::default()).await?;
                log.begin(seed).await?;
                log.open().await
            })
        };
        let (one, two) = (begin("one"), begin("two"));
        let outcomes = [one.await.unwrap(), two.await.unwrap()];

        assert!(outcomes.contains(&Ok(())), "at least the one who claimed it last has begun it");
        scene.ballots.ready().await.unwrap();
        let kept = log_on(&scene.redis).polls().await.unwrap();
        assert!(kept == polls("one") || kept == polls("two"), "a mixture of {} polls", kept.len());
    }
}

#[tokio::test]
async fn what_an_unfinished_beginning_left_is_cleared_away() {
    let mut scene = Scene::new().await;
    scene.raw(&["HSET", "{scrutin:0}:polls", "ghost", "{}"]).await;
    scene.raw(&["HSET", "{scrutin:0}:accepted", "main", "99"]).await;
    scene.raw(&["HSET", "{scrutin:0}:voters:main", "0123456789abcdef", "1-1"]).await;
    attach(&mut scene.log, seed(position(5, 0), vec![once_only("main")])).await;
    assert_eq!(scene.log.polls().await, Ok(vec![once_only("main")]));
    assert_eq!(scene.log.accepted().await, Ok(0));
    assert_eq!(scene.entries().await, []);
    assert_eq!(scene.raw(&["EXISTS", "{scrutin:0}:voters:main", "{scrutin:0}:attaching"]).await, redis::Value::Int(0));
}

#[tokio::test]
async fn many_voters_come_back_in_several_steps() {
    let mut scene = Scene::new().await;
    let voters: Vec<_> = (0..12_001).map(|number| (voter(number), position(1, u64::from(number)))).collect();
    let main = PollSeed { poll: once_only("main"), ballots: 12_001, voters };
    attach(&mut scene.log, LogSeed { after: position(2, 0), polls: vec![main], events: Vec::new() }).await;
    for number in [0, 4_999, 5_000, 12_000] {
        let cast = scene.ballots.cast(ballot("main", number, "a"), FIRST_REVISION).await;
        assert_eq!(cast, Ok(CastOutcome::AlreadyCast(position(1, u64::from(number)))));
    }
    recorded(scene.ballots.cast(ballot("main", 12_001, "a"), FIRST_REVISION).await);
}
