//! Creating, changing and listing polls.

use std::collections::HashSet;

use domain::{ChangeOutcome, ChangeRefused, PollChange};
use tokio::task::JoinSet;

use super::*;

fn done(change: Result<ChangeOutcome, Unavailable>) -> Poll {
    match change {
        Ok(ChangeOutcome::Done(poll)) => poll,
        other => panic!("not done: {other:?}"),
    }
}

fn poll_of(entry: &Entry) -> &Poll {
    match &entry.record {
        Ok(Record::Poll(poll)) => poll,
        other => panic!("no poll: {other:?}"),
    }
}

#[tokio::test]
async fn a_session_that_was_ended_is_ended_for_every_instance() {
    let scene = Scene::begun().await;
    let other = ballot_box_on(&scene.redis);
    let (ended, goes_on) = ([1; 16], [2; 16]);
    assert_eq!(other.has_ended(ended).await, Ok(false));
    assert_eq!(scene.ballots.end_session(ended, Duration::from_hours(1)).await, Ok(()));
    assert_eq!((other.has_ended(ended).await, other.has_ended(goes_on).await), (Ok(true), Ok(false)));
    let left = scene.raw(&["PTTL", &format!("{{scrutin:0}}:ended:{}", "01".repeat(16))]).await;
    assert!(
        matches!(left, redis::Value::Int(1..=3_600_000)),
        "it is forgotten when the session would have ended: {left:?}"
    );
}

#[tokio::test]
async fn a_created_poll_is_known_everywhere_and_is_in_the_log() {
    let mut scene = Scene::begun().await;
    let lunch = poll("lunch");
    assert_eq!(scene.ballots.create(lunch.clone()).await, Ok(ChangeOutcome::Done(lunch.clone())));
    assert_eq!(ballot_box_on(&scene.redis).poll(id("lunch")).await, Ok(Some(lunch.clone())));
    assert_eq!(scene.ballots.polls().await, Ok(vec![lunch.clone(), poll("main")]));
    assert_eq!(scene.log.polls().await, Ok(vec![lunch.clone(), poll("main")]));
    assert_eq!(scene.entries().await.iter().map(poll_of).collect::<Vec<_>>(), [&lunch]);
    assert_eq!(scene.ballots.poll(id("dinner")).await, Ok(None));
}

#[tokio::test]
async fn a_poll_is_never_created_twice() {
    let mut scene = Scene::begun().await;
    let other = poll_with("main", |spec| spec.question = "Tea?".into());
    assert_eq!(scene.ballots.create(other).await, Ok(ChangeOutcome::Exists));
    assert_eq!(scene.ballots.poll(id("main")).await, Ok(Some(poll("main"))));
    assert_eq!(scene.entries().await, []);
}

#[tokio::test]
async fn a_change_is_in_the_log_once_and_only_if_it_changes_something() {
    let mut scene = Scene::begun().await;
    let closed = done(scene.ballots.change(id("main"), PollChange::Close).await);
    assert_eq!(closed.state(), PollState::Closed);
    assert_eq!(done(scene.ballots.change(id("main"), PollChange::Close).await), closed);
    assert_eq!(scene.ballots.poll(id("main")).await, Ok(Some(closed.clone())));
    assert_eq!(scene.entries().await.iter().map(poll_of).collect::<Vec<_>>(), [&closed]);
    assert_eq!(scene.ballots.change(id("unknown"), PollChange::Close).await, Ok(ChangeOutcome::UnknownPoll));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_change_is_lost_between_two_writers() {
    let mut scene = Scene::begun().await;
    let other = ballot_box_on(&scene.redis);
    let mut resets = JoinSet::new();
    for number in 0..8 {
        let ballots = Arc::clone(if number % 2 == 0 { &scene.ballots } else { &other });
        resets.spawn(async move { done(ballots.change(id("main"), PollChange::Reset).await) });
    }
    resets.join_all().await;
    let rounds: Vec<u32> = scene.entries().await.iter().map(|entry| poll_of(entry).round()).collect();
    assert_eq!(rounds, (2..=9).collect::<Vec<_>>());
    assert_eq!(scene.ballots.poll(id("main")).await.unwrap().unwrap().round(), 9);
}

#[tokio::test]
async fn the_question_is_fixed_once_there_are_ballots() {
    let scene = Scene::begun().await;
    let rewrite = |question| {
        let spec = PollSpec::simple(question, ["Yes", "No"]);
        scene.ballots.change(id("main"), PollChange::Rewrite(Box::new(spec)))
    };
    let rewritten = done(rewrite("Tea?").await);
    assert_eq!(rewritten.question(), "Tea?");
    recorded(scene.ballots.cast(ballot("main", 1, "a"), rewritten.revision()).await);
    assert_eq!(rewrite("Coffee?").await, Ok(ChangeOutcome::Refused(ChangeRefused::HasBallots)));
    done(scene.ballots.change(id("main"), PollChange::Reset).await);
    assert_eq!(
        rewrite("Coffee?").await,
        Ok(ChangeOutcome::Refused(ChangeRefused::HasBallots)),
        "older rounds count too"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_is_either_voted_in_or_rewritten() {
    let ids: Vec<String> = (0..60).map(|number| format!("p-{number}")).collect();
    let mut scene = Scene::begun_with(ids.iter().map(|id| poll(id)).collect()).await;
    let other = ballot_box_on(&scene.redis);
    let mut both = JoinSet::new();
    for text in ids {
        let (ballots, other, ballot) = (Arc::clone(&scene.ballots), Arc::clone(&other), ballot(&text, 1, "a"));
        both.spawn(async move {
            let cast = ballots.cast(ballot, FIRST_REVISION).await;
            assert!(matches!(cast, Ok(CastOutcome::Recorded(_) | CastOutcome::Rewritten)), "{cast:?}");
        });
        let rewrite = PollChange::Rewrite(Box::new(PollSpec::simple("Tea?", ["Yes", "No"])));
        both.spawn(async move { assert!(other.change(ballot.poll, rewrite).await.is_ok()) });
    }
    both.join_all().await;
    let (mut voted, mut rewritten) = (HashSet::new(), HashSet::new());
    for entry in scene.entries().await {
        match entry.record.unwrap() {
            Record::Ballot(ballot) => voted.insert(ballot.poll),
            Record::Poll(poll) => rewritten.insert(poll.id()),
            Record::Event(_) => unreachable!("no event was made"),
        };
    }
    assert_eq!(voted.intersection(&rewritten).next(), None);
    assert_eq!(voted.len() + rewritten.len(), 60);
}

#[tokio::test]
async fn a_new_round_lets_everybody_vote_again() {
    let scene = Scene::begun_with(vec![once_only("main")]).await;
    let first = recorded(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await);
    done(scene.ballots.change(id("main"), PollChange::Hide).await);
    assert_eq!(scene.ballots.cast(ballot("main", 1, "b"), FIRST_REVISION).await, Ok(CastOutcome::AlreadyCast(first)));
    done(scene.ballots.change(id("main"), PollChange::Reset).await);
    assert!(recorded(scene.ballots.cast(ballot("main", 1, "b"), FIRST_REVISION).await) > first);
}
