//! A Redis that is full: ballots hear so for certain, and the organiser always comes through.

use domain::{ChangeOutcome, PollChange};

use super::*;

/// Casts ballots of new voters, 500 at a time, until one is refused as full; how many were recorded.
async fn fill(scene: &Scene, poll: &str, most: u32) -> u32 {
    for first in (0..most).step_by(500) {
        let mut casts = tokio::task::JoinSet::new();
        for number in first..first + 500 {
            let (ballots, ballot) = (Arc::clone(&scene.ballots), ballot(poll, number, "a"));
            casts.spawn(async move { ballots.cast(ballot, FIRST_REVISION).await });
        }
        let casts = casts.join_all().await;
        let full = casts.iter().filter(|cast| **cast == Err(Unavailable::Full)).count();
        assert_eq!(casts.iter().filter(|cast| cast.is_ok()).count() + full, 500, "{casts:?}");
        if full > 0 {
            return first + 500 - u32::try_from(full).unwrap();
        }
    }
    panic!("never full");
}

async fn used(scene: &Scene) -> u64 {
    let mut connection = scene.redis.connection().await;
    let info: String = redis::cmd("INFO").arg("memory").query_async(&mut connection).await.unwrap();
    info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap().trim().parse().unwrap()
}

#[tokio::test]
async fn without_memory_ballots_are_certainly_refused_and_polls_can_change() {
    let mut scene = Scene::begun_with(vec![poll("main"), once_only("lunch")]).await;
    let mut last = Position::ZERO;
    for number in 0..50 {
        last = recorded(scene.ballots.cast(ballot("main", number, "a"), FIRST_REVISION).await);
    }
    recorded(scene.ballots.cast(ballot("lunch", 1, "a"), FIRST_REVISION).await);
    scene.raw(&["CONFIG", "SET", "maxmemory", "1"]).await;
    // Redis says so itself, and a look at its memory does.
    for _ in 0..200 {
        let refused = scene.ballots.cast(ballot("main", 51, "a"), FIRST_REVISION).await;
        assert_eq!(refused, Err(Unavailable::Full));
    }
    assert_eq!(scene.ballots.accepted(id("main")).await, Ok(50));
    for change in [PollChange::Close, PollChange::Hide, PollChange::Reset] {
        for poll in ["main", "lunch"] {
            let changed = scene.ballots.change(id(poll), change.clone()).await;
            assert!(matches!(changed, Ok(ChangeOutcome::Done(_))), "{poll}: {change:?}: {changed:?}");
        }
    }
    assert_eq!(scene.raw(&["EXISTS", "{scrutin:0}:voters:lunch"]).await, redis::Value::Int(0), "a reset frees memory");
    assert_eq!(scene.ballots.end_session([1; 16], Duration::from_hours(1)).await, Ok(()), "and signs out");
    assert_eq!(scene.ballots.has_ended([1; 16]).await, Ok(true));
    assert_eq!(scene.ballots_in_log().await.len(), 51);
    scene.log.raise(position(Position::MAX_MILLIS / 2, 0)).await.unwrap();

    scene.log.trim(last).await.unwrap();
    assert_eq!(scene.look().await.trimmed, last);
    scene.raw(&["CONFIG", "SET", "maxmemory", "0"]).await;
    scene.ballots.change(id("main"), PollChange::Open).await.unwrap();
    eventually(|| scene.ballots.cast(ballot("main", 51, "a"), FIRST_REVISION)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_poll_without_changes_leaves_the_others_room() {
    let mut scene = Scene::begun_with(vec![once_only("main"), once_only("lunch"), poll("tea")]).await;
    let all = used(&scene).await + (6 << 20);
    scene.raw(&["CONFIG", "SET", "maxmemory", &all.to_string()]).await;
    // One that looks at the memory as it is now.
    scene.ballots = ballot_box_on(&scene.redis);
    eventually(|| scene.ballots.ready()).await;
    let most = u32::try_from(all / 2 / 100).unwrap();
    let recorded_there = fill(&scene, "main", 2 * most).await;
    assert!(recorded_there < most && recorded_there > most / 2, "{recorded_there} of {most}");
    assert!(used(&scene).await < all - (7 << 17), "{} of {all}", used(&scene).await);
    // Whoever voted there hears it, and in others people vote on.
    let again = scene.ballots.cast(ballot("main", 1, "b"), FIRST_REVISION).await;
    assert!(matches!(again, Ok(CastOutcome::AlreadyCast(_))), "{again:?}");
    for number in 0..1_000 {
        recorded(scene.ballots.cast(ballot(["lunch", "tea"][number as usize % 2], number, "a"), FIRST_REVISION).await);
    }
    assert!(matches!(scene.ballots.change(id("main"), PollChange::Reset).await, Ok(ChangeOutcome::Done(_))));
    recorded(scene.ballots.cast(ballot("main", 1, "b"), FIRST_REVISION).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn ballots_stop_at_a_reserve_before_redis_is_full() {
    let scene = Scene::begun().await;
    let all = used(&scene).await + (4 << 20);
    scene.raw(&["CONFIG", "SET", "maxmemory", &all.to_string()]).await;
    // Something else fills it, and stops before the end.
    let some = "x".repeat(16_000);
    for number in 0.. {
        if used(&scene).await + 80_000 > all {
            break;
        }
        scene.raw(&["SET", &format!("something:{number}"), &some]).await;
    }
    let refused = eventually(|| async {
        match scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await {
            Err(error) => Ok(error),
            cast => Err(cast),
        }
    })
    .await;
    assert_eq!(refused, Unavailable::Full);
    scene.raw(&["SET", "there is", "room yet"]).await;
    scene.raw(&["CONFIG", "SET", "maxmemory", &(2 * all).to_string()]).await;
    eventually(|| scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION)).await;
}

#[tokio::test]
async fn a_full_redis_that_restarted_is_attached_and_polls_can_change() {
    let mut scene = Scene::begun_with(vec![poll("main"), once_only("lunch")]).await;
    recorded(scene.ballots.cast(ballot("lunch", 1, "a"), FIRST_REVISION).await);
    scene.redis.restart().await;
    scene.raw(&["CONFIG", "SET", "maxmemory", "1"]).await;
    scene.log.install(&installation("one")).await.unwrap();
    scene.attach_again().await;
    for change in [PollChange::Close, PollChange::Reset] {
        for poll in ["main", "lunch"] {
            let changed = eventually(|| scene.ballots.change(id(poll), change.clone())).await;
            assert!(matches!(changed, ChangeOutcome::Done(_)), "{poll}: {change:?}: {changed:?}");
        }
    }
}
