//! Casting.

use std::collections::{HashMap, HashSet};

use domain::{ChangeOutcome, PollChange};
use tokio::task::JoinSet;

use super::*;

/// Casts these ballots all at once, over the two ballot boxes in turn.
async fn cast_at_once(
    boxes: [&Arc<RedisBallotBox>; 2],
    ballots: impl IntoIterator<Item = Ballot>,
) -> Vec<(Ballot, CastOutcome)> {
    let mut casts = JoinSet::new();
    for (index, ballot) in ballots.into_iter().enumerate() {
        let ballot_box = Arc::clone(boxes[index % 2]);
        casts.spawn(async move { (ballot, ballot_box.cast(ballot, FIRST_REVISION).await.unwrap()) });
    }
    casts.join_all().await
}

/// How many entries of the stream there are, whatever they hold.
async fn entries_stored(scene: &Scene) -> i64 {
    let redis::Value::Int(stored) = scene.raw(&["XLEN", "{scrutin:0}:log"]).await else { panic!("no number") };
    stored
}

#[tokio::test]
async fn an_acknowledged_ballot_is_there_after_kill_9() {
    let mut scene = Scene::begun().await;
    let first = recorded(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await);
    let second = recorded(scene.ballots.cast(ballot("main", 2, "b"), FIRST_REVISION).await);
    scene.redis.kill();
    scene.redis.restart().await;
    scene.attach_again().await;

    let expected = [(first, ballot("main", 1, "a")), (second, ballot("main", 2, "b"))];
    let expected = expected.map(|(position, ballot)| Entry { position, record: Ok(Record::Ballot(ballot)) });
    assert_eq!(scene.entries().await, expected);
    assert_eq!(eventually(|| scene.ballots.accepted(id("main"))).await, 2);
}

#[tokio::test]
async fn polls_that_are_not_open_take_no_ballots() {
    let polls = vec![in_state("waiting", PollState::Waiting), in_state("closed", PollState::Closed)];
    let mut scene = Scene::begun_with(polls).await;
    let cast = async |poll| scene.ballots.cast(ballot(poll, 1, "a"), FIRST_REVISION).await;
    assert_eq!(cast("waiting").await, Ok(CastOutcome::NotOpen(PollState::Waiting)));
    assert_eq!(cast("closed").await, Ok(CastOutcome::NotOpen(PollState::Closed)));
    assert_eq!(cast("unknown").await, Ok(CastOutcome::UnknownPoll));
    assert_eq!(scene.entries().await, []);
    assert_eq!(scene.ballots.accepted(id("closed")).await, Ok(0));
    assert_eq!(scene.ballots.accepted(id("unknown")).await, Ok(0));
}

#[tokio::test]
async fn after_a_close_was_acknowledged_no_ballot_is_taken() {
    let scene = Scene::begun().await;
    let other = ballot_box_on(&scene.redis);
    recorded(other.cast(ballot("main", 1, "a"), FIRST_REVISION).await);
    scene.ballots.change(id("main"), PollChange::Close).await.unwrap();
    assert_eq!(other.cast(ballot("main", 2, "a"), FIRST_REVISION).await, Ok(CastOutcome::NotOpen(PollState::Closed)));
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_ballots_of_two_ballot_boxes_have_different_positions() {
    let polls = ["main", "p-1", "p-2"];
    let mut scene = Scene::begun_with(polls.map(poll).to_vec()).await;
    let other = ballot_box_on(&scene.redis);
    let ballots = (0..2_000).map(|voter| ballot(polls[voter as usize % 3], voter, "b"));
    let casts = cast_at_once([&scene.ballots, &other], ballots).await;

    let mut acknowledged: Vec<_> = casts.into_iter().map(|(ballot, cast)| (recorded(Ok(cast)), ballot)).collect();
    acknowledged.sort_unstable_by_key(|(position, _)| *position);
    let in_log = scene.ballots_in_log().await;
    assert_eq!(in_log.len(), 2_000);
    assert!(in_log.is_sorted_by(|(earlier, _), (later, _)| earlier < later));
    assert_eq!(acknowledged, in_log);
    assert!(entries_stored(&scene).await < 1_000, "most of them share an entry with others");
    assert_eq!(scene.ballots.accepted(id("main")).await, Ok(667));
    assert_eq!(other.accepted(id("p-2")).await, Ok(666));
    assert_eq!(scene.log.accepted().await, Ok(2_000));
}

#[tokio::test]
async fn the_answer_is_that_of_ones_own_ballot() {
    let mut scene = Scene::begun_with(vec![poll("main"), in_state("closed", PollState::Closed)]).await;
    let mut casts = JoinSet::new();
    for number in 0..500 {
        let ballots = Arc::clone(&scene.ballots);
        let ballot = ballot(if number % 5 == 0 { "closed" } else { "main" }, number, "a");
        casts.spawn(async move { (ballot, ballots.cast(ballot, FIRST_REVISION).await.unwrap()) });
    }
    let mut answers = casts.join_all().await;
    answers.retain(|(ballot, cast)| match cast {
        CastOutcome::Recorded(_) => ballot.poll == id("main"),
        other => {
            assert_eq!((other, ballot.poll), (&CastOutcome::NotOpen(PollState::Closed), id("closed")));
            false
        }
    });
    assert_eq!(answers.len(), 400);
    let expected: HashSet<_> = scene.ballots_in_log().await.into_iter().map(|(at, b)| (at, b.voter)).collect();
    assert_eq!(answers.into_iter().map(|(b, cast)| (recorded(Ok(cast)), b.voter)).collect::<HashSet<_>>(), expected);
}

#[tokio::test]
async fn a_second_ballot_is_answered_with_the_position_of_the_first() {
    let mut scene = Scene::begun_with(vec![once_only("main")]).await;
    let first = recorded(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await);
    recorded(scene.ballots.cast(ballot("main", 2, "a"), FIRST_REVISION).await);
    assert_eq!(scene.ballots.cast(ballot("main", 1, "b"), FIRST_REVISION).await, Ok(CastOutcome::AlreadyCast(first)));
    assert_eq!(scene.ballots_in_log().await.len(), 2);
    assert_eq!(scene.ballots.accepted(id("main")).await, Ok(2));
}

#[tokio::test]
async fn ballots_of_one_call_are_one_entry_and_the_next_call_follows() {
    let mut scene = Scene::begun().await;
    let mut before = recorded(scene.ballots.cast(ballot("main", 0, "b"), FIRST_REVISION).await);
    // The clock of positions stands still, so that nothing but the places of a call keep the calls apart.
    let ahead = position(before.millis() + 3_600_000, 0);
    scene.log.raise(ahead).await.unwrap();
    before = ahead;
    for call in 1..=3_u32 {
        // On one thread: all wait before the first is sent, which is taken alone or with all others.
        let voters = 100 * call..100 * call + 50;
        let casts = cast_at_once([&scene.ballots; 2], voters.map(|voter| ballot("main", voter, "b"))).await;
        let mut places: Vec<Position> = casts.into_iter().map(|(_, cast)| recorded(Ok(cast))).collect();
        places.sort_unstable();
        let expected: Vec<_> = (1..=50).map(|further| before.checked_add(further).unwrap()).collect();
        assert_eq!(places, expected);
        before = places[49];
        assert_eq!(scene.look().await.last.unwrap(), before, "the log ends with the last of them");
    }
    assert!(entries_stored(&scene).await <= 7, "the first ballot, and at most two entries each time");
    assert_eq!(scene.ballots_in_log().await.len(), 151);
    assert_eq!(scene.log.accepted().await, Ok(151));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_one_voters_ballots_cast_at_once_only_one_is_taken() {
    let mut scene = Scene::begun_with(vec![once_only("main")]).await;
    let other = ballot_box_on(&scene.redis);
    let casts = cast_at_once([&scene.ballots, &other], (0..300).map(|n| ballot("main", n % 3, "a"))).await;

    let in_log = scene.ballots_in_log().await;
    assert_eq!(in_log.len(), 3);
    let new = casts.iter().filter(|(_, cast)| matches!(cast, CastOutcome::Recorded(_))).count();
    assert_eq!(new, 3);
    let places: HashMap<VoterId, Position> =
        in_log.iter().map(|(position, ballot)| (ballot.voter, *position)).collect();
    for (ballot, cast) in casts {
        let (CastOutcome::Recorded(place) | CastOutcome::AlreadyCast(place)) = cast else { panic!("{cast:?}") };
        assert_eq!(place, places[&ballot.voter], "where that voter's ballot stands");
    }
    assert_eq!(scene.ballots.accepted(id("main")).await, Ok(3));
}

#[tokio::test]
async fn already_cast_ballots_leave_no_gap_in_positions() {
    let mut scene = Scene::begun_with(vec![once_only("main")]).await;
    let before = recorded(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await);
    // The first may be sent alone. The others are one call, in which voters who voted before are between new ones.
    let voters = [2, 3, 1, 3, 4, 2, 5];
    let casts = cast_at_once([&scene.ballots; 2], voters.map(|voter| ballot("main", voter, "b"))).await;
    let in_log = scene.ballots_in_log().await;
    assert_eq!(in_log.iter().map(|(_, ballot)| ballot.voter).collect::<Vec<_>>(), [1, 2, 3, 4, 5].map(voter));
    assert_eq!(in_log[0].0, before);
    let places: HashMap<VoterId, Position> =
        in_log.iter().map(|(position, ballot)| (ballot.voter, *position)).collect();
    let mut taken = Vec::new();
    for (ballot, cast) in casts {
        let place = places[&ballot.voter];
        match cast {
            CastOutcome::Recorded(at) => taken.push((at, ballot)),
            other => assert_eq!(other, CastOutcome::AlreadyCast(place)),
        }
    }
    taken.sort_unstable_by_key(|(position, _)| *position);
    assert_eq!(taken, in_log[1..]);
    assert_eq!(scene.ballots.accepted(id("main")).await, Ok(5));
}

#[tokio::test]
async fn positions_keep_growing_while_the_clock_is_behind() {
    let mut scene = Scene::begun().await;
    // An hour ahead of the clock, and almost half of the sequence used.
    let now = recorded(scene.ballots.cast(ballot("main", 0, "a"), FIRST_REVISION).await);
    let ahead = position(now.millis() + 3_600_000, (1 << 19) - 20);
    scene.log.raise(ahead).await.unwrap();
    let mut last = ahead;
    for number in 1..100 {
        let next = recorded(scene.ballots.cast(ballot("main", number, "a"), FIRST_REVISION).await);
        assert!(next > last, "{next} after {last}");
        last = next;
    }
    assert_eq!(last.millis(), ahead.millis() + 1, "the sequence is not used up: {last}");
}

#[tokio::test]
async fn a_ballot_for_another_revision_of_the_poll_is_not_recorded() {
    let mut scene = Scene::begun_with(vec![poll("main"), poll("lunch")]).await;
    let other = PollChange::Rewrite(Box::new(PollSpec::simple("Dogs or Cats?", ["Dogs", "Cats"])));
    let Ok(ChangeOutcome::Done(rewritten)) = scene.ballots.change(id("main"), other).await else {
        panic!("not rewritten")
    };
    let revision = rewritten.revision();
    assert!(revision > FIRST_REVISION);
    // Together, so that they share a call if calls told the two apart by poll only.
    let (before, after) = tokio::join!(
        scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION),
        scene.ballots.cast(ballot("main", 2, "a"), revision)
    );
    assert_eq!(before, Ok(CastOutcome::Rewritten));
    recorded(after);
    assert_eq!(scene.ballots.cast(ballot("lunch", 1, "a"), revision).await, Ok(CastOutcome::Rewritten));
    recorded(scene.ballots.cast(ballot("lunch", 1, "a"), FIRST_REVISION).await);
    assert_eq!(scene.ballots_in_log().await.len(), 2);
    assert_eq!(scene.ballots.accepted(id("main")).await, Ok(1));
}

#[tokio::test]
async fn a_poll_of_a_release_that_knew_no_revisions_is_of_the_first() {
    let scene = Scene::begun().await;
    // Since a first revision is not written, a poll is stored as those releases stored it.
    let stored = scene.raw(&["HGET", "{scrutin:0}:polls", "main"]).await;
    let redis::Value::BulkString(stored) = stored else { panic!("{stored:?}") };
    assert!(!str::from_utf8(&stored).unwrap().contains("revision"));
    assert_eq!(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION + 1).await, Ok(CastOutcome::Rewritten));
    recorded(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await);
}
