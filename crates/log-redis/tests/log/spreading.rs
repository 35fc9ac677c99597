//! Voters spread over three partitions, each of which has every poll.

use std::sync::atomic::{AtomicBool, Ordering};

use domain::{ChangeOutcome, ChangeRefused, PollChange, PollCopies, PollCopy};
use scrutin_log_redis::RedisPollCopies;
use tokio::task::JoinSet;

use super::*;

const PARTITIONS: u16 = 3;

/// Three partitions on one Redis, and a leader that is attached to each.
struct Spread {
    redis: RedisServer,
    logs: Vec<RedisLog>,
    ballots: Arc<RedisBallotBox>,
    copies: RedisPollCopies,
}

fn partitions() -> Partitions {
    Partitions::new(PARTITIONS).unwrap()
}

fn home(poll: &str) -> usize {
    partitions().home(id(poll)).number().into()
}

/// A partition that is not the poll's home.
fn elsewhere(poll: &str) -> usize {
    (home(poll) + 1) % usize::from(PARTITIONS)
}

/// A voter of this partition.
fn voter_of(partition: usize, nth: u64) -> VoterId {
    let first = nth * u64::from(PARTITIONS) + partition as u64;
    let voter = VoterId::from_bytes((u128::from(first) << 64 | 7).to_be_bytes());
    assert_eq!(usize::from(partitions().of_voter(voter).number()), partition);
    voter
}

fn ballot_of(poll: &str, partition: usize, nth: u64) -> Ballot {
    Ballot { poll: id(poll), voter: voter_of(partition, nth), choices: Choices::parse(["a"]).unwrap() }
}

fn done(change: Result<ChangeOutcome, Unavailable>) -> Poll {
    match change {
        Ok(ChangeOutcome::Done(poll)) => poll,
        other => panic!("not done: {other:?}"),
    }
}

impl Spread {
    async fn begun_with(polls: Vec<Poll>) -> Self {
        let redis = RedisServer::start().await;
        let mut logs: Vec<_> = partitions().all().map(|partition| RedisLog::new(&url(&redis), partition)).collect();
        for log in &mut logs {
            attach(log, seed(Position::ZERO, polls.clone())).await;
        }
        let ballots = RedisBallotBox::new(&url(&redis), partitions());
        let copies = RedisPollCopies::new(&url(&redis), partitions());
        Self { redis, logs, ballots, copies }
    }

    async fn raw(&self, command: &[&str]) {
        let mut connection = self.redis.connection().await;
        let _: redis::Value = redis::cmd(command[0]).arg(&command[1..]).query_async(&mut connection).await.unwrap();
    }

    /// Puts this copy in place of what the partition has, as an older file would.
    async fn set(&self, partition: usize, poll: &Poll) {
        let stored = String::from_utf8(PollCopy::of(poll.clone()).stored).unwrap();
        self.raw(&["HSET", &format!("{{scrutin:{partition}}}:polls"), poll.id().as_str(), &stored]).await;
    }

    async fn forget(&self, partition: usize, poll: &str) {
        self.raw(&["HDEL", &format!("{{scrutin:{partition}}}:polls"), poll]).await;
    }

    async fn detach(&self, partition: usize) {
        self.raw(&["DEL", &format!("{{scrutin:{partition}}}:attached")]).await;
    }

    async fn attach_again(&mut self, partition: usize) {
        self.logs[partition].claim("a leader", &LogState::default()).await.unwrap();
        self.logs[partition].open().await.unwrap();
    }

    /// The poll as each partition holds it.
    async fn held(&mut self, poll: &str) -> Vec<Option<Poll>> {
        let mut held = Vec::new();
        for log in &mut self.logs {
            held.push(log.polls().await.unwrap().into_iter().find(|held| held.id() == id(poll)));
        }
        held
    }

    async fn is_held_everywhere(&mut self, poll: &Poll) {
        assert_eq!(self.held(poll.id().as_str()).await, vec![Some(poll.clone()); PARTITIONS.into()]);
    }

    async fn cast(&self, poll: &str, partition: usize, nth: u64) -> Result<CastOutcome, Unavailable> {
        self.ballots.cast(ballot_of(poll, partition, nth), FIRST_REVISION).await
    }
}

#[tokio::test]
async fn a_ballot_is_in_the_partition_of_its_voter_and_all_are_accepted() {
    let mut scene = Spread::begun_with(vec![poll("main"), once_only("once")]).await;
    for partition in 0..PARTITIONS.into() {
        for nth in 0..=partition as u64 {
            recorded(scene.cast("main", partition, nth).await);
        }
        let first = recorded(scene.cast("once", partition, 0).await);
        assert_eq!(scene.cast("once", partition, 0).await, Ok(CastOutcome::AlreadyCast(first)));
    }
    assert_eq!(scene.ballots.accepted(id("main")).await, Ok(1 + 2 + 3));
    for (partition, log) in scene.logs.iter_mut().enumerate() {
        assert_eq!(log.accepted().await, Ok(partition as u64 + 2), "partition {partition}");
    }
}

#[tokio::test]
async fn a_created_and_a_changed_poll_is_in_every_partition() {
    let mut scene = Spread::begun_with(vec![]).await;
    let lunch = done(scene.ballots.create(poll("lunch")).await);
    scene.is_held_everywhere(&lunch).await;
    for change in [PollChange::Close, PollChange::Hide, PollChange::Reset, PollChange::Open] {
        let changed = done(scene.ballots.change(id("lunch"), change).await);
        scene.is_held_everywhere(&changed).await;
    }
    assert_eq!(scene.ballots.create(poll("lunch")).await, Ok(ChangeOutcome::Exists));
}

#[tokio::test]
async fn a_published_poll_is_the_same_in_every_partition() {
    let mut scene = Spread::begun_with(vec![]).await;
    let spec = PollSpec { publish: true, ..PollSpec::simple("Which?", ["x", "y"]) };
    done(scene.ballots.create(Poll::new(id("lunch"), spec).unwrap()).await);
    for (change, closed_in) in [
        (PollChange::Close, Some(2)),
        (PollChange::List(true), Some(2)),
        (PollChange::Publish, Some(2)),
        (PollChange::Archive, Some(2)),
    ] {
        let changed = done(scene.ballots.change(id("lunch"), change).await);
        assert_eq!(changed.closed_in(), closed_in);
        scene.is_held_everywhere(&changed).await;
    }
    let rewrite = PollChange::Rewrite(Box::new(PollSpec::simple("Other?", ["x", "y"])));
    for change in [PollChange::Open, PollChange::Hide, rewrite] {
        let refused = scene.ballots.change(id("lunch"), change).await;
        assert_eq!(refused, Ok(ChangeOutcome::Refused(ChangeRefused::Published)));
    }
    let again = done(scene.ballots.change(id("lunch"), PollChange::Reset).await);
    assert!(!again.is_published() && again.closed_in() == Some(again.version()));
    scene.is_held_everywhere(&again).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_close_no_partition_takes_a_ballot() {
    let scene = Arc::new(Spread::begun_with(vec![poll("main")]).await);
    for round in 0..10 {
        let closed = Arc::new(AtomicBool::new(false));
        let mut voters = JoinSet::new();
        for partition in 0..PARTITIONS.into() {
            let (scene, closed) = (Arc::clone(&scene), Arc::clone(&closed));
            voters.spawn(async move {
                for nth in 0.. {
                    let after_the_close = closed.load(Ordering::SeqCst);
                    let cast = scene.cast("main", partition, round << 32 | nth).await;
                    match cast {
                        Ok(CastOutcome::Recorded(_)) => assert!(!after_the_close, "partition {partition}: {nth}"),
                        Ok(CastOutcome::NotOpen(PollState::Closed)) if after_the_close => return nth,
                        Ok(CastOutcome::NotOpen(PollState::Closed)) => {}
                        other => panic!("{other:?}"),
                    }
                }
                unreachable!("it votes until the poll is closed")
            });
        }
        wait::until_true("votes in every partition", async || {
            scene.ballots.accepted(id("main")).await.unwrap() > 30 * (round + 1)
        })
        .await;
        done(scene.ballots.change(id("main"), PollChange::Close).await);
        closed.store(true, Ordering::SeqCst);
        voters.join_all().await;
        done(scene.ballots.change(id("main"), PollChange::Open).await);
    }
}

#[tokio::test]
async fn a_change_that_not_every_partition_hears_is_underway_until_it_does() {
    let mut scene = Spread::begun_with(vec![poll("main")]).await;
    let away = elsewhere("main");
    scene.detach(away).await;
    let underway = scene.ballots.change(id("main"), PollChange::Close).await;
    let Ok(ChangeOutcome::Underway(closed)) = underway else { panic!("{underway:?}") };
    assert_eq!(closed.state(), PollState::Closed);
    assert_eq!(scene.held("main").await[away], Some(poll("main")));
    assert!(scene.copies.spread(id("main")).await.is_err());
    scene.attach_again(away).await;
    assert_eq!(scene.copies.spread(id("main")).await, Ok(()));
    scene.is_held_everywhere(&closed).await;
    assert_eq!(scene.cast("main", away, 0).await, Ok(CastOutcome::NotOpen(PollState::Closed)));
}

/// A worker reads a poll at its home just before it is changed there, and offers what is old by then to partitions that
/// have been told of the change. That must not look like something which the home has lost.
#[tokio::test(flavor = "multi_thread")]
async fn spreading_beside_changes_changes_nothing_itself() {
    const CHANGES: u64 = 300;
    let mut log = Spread::begun_with(vec![poll("tea")]).await;
    let ended = Arc::new(AtomicBool::new(false));
    let mut spreaders = JoinSet::new();
    for _ in 0..4 {
        let (copies, ended) = (RedisPollCopies::new(&url(&log.redis), partitions()), ended.clone());
        spreaders.spawn(async move {
            while !ended.load(Ordering::Relaxed) {
                // It gives up where the poll changes again and again.
                assert!(matches!(copies.spread(id("tea")).await, Ok(()) | Err(Unavailable::Busy)));
            }
        });
    }
    for change in 0..CHANGES {
        let change = if change % 2 == 0 { PollChange::Close } else { PollChange::Open };
        done(log.ballots.change(id("tea"), change).await);
    }
    ended.store(true, Ordering::Relaxed);
    spreaders.join_all().await;
    let last = log.ballots.poll(id("tea")).await.unwrap().unwrap();
    assert_eq!(last.version(), 1 + CHANGES, "one for each change");
    log.is_held_everywhere(&last).await;
}

#[tokio::test]
async fn a_home_that_fell_back_takes_what_others_have_before_the_next_change() {
    let mut scene = Spread::begun_with(vec![poll("main")]).await;
    let open = poll("main");
    let closed = done(scene.ballots.change(id("main"), PollChange::Close).await);
    scene.set(home("main"), &open).await;
    let hidden = done(scene.ballots.change(id("main"), PollChange::Hide).await);
    assert_eq!((hidden.state(), hidden.is_hidden()), (PollState::Closed, true), "the close was acknowledged");
    assert!(hidden.version() > closed.version() + 1);
    scene.is_held_everywhere(&hidden).await;

    // It decided something else under a version that others know, and told nobody.
    scene.set(home("main"), &open.after(&PollChange::List(true), 0).unwrap()).await;
    scene.set(elsewhere("main"), &closed).await;
    scene.set(3 - home("main") - elsewhere("main"), &closed).await;
    assert_eq!(scene.copies.spread(id("main")).await, Ok(()));
    let taken = scene.ballots.poll(id("main")).await.unwrap().unwrap();
    assert_eq!((taken.state(), taken.listed(), taken.version()), (PollState::Closed, false, closed.version() + 1));
    scene.is_held_everywhere(&taken).await;
}

#[tokio::test]
async fn a_poll_that_its_home_has_lost_is_not_created_again() {
    let mut scene = Spread::begun_with(vec![poll("main")]).await;
    scene.forget(home("main"), "main").await;
    let other = poll_with("main", |spec| spec.question = "Tea?".into());
    assert_eq!(scene.ballots.create(other).await, Ok(ChangeOutcome::Exists));
    let there = scene.ballots.poll(id("main")).await.unwrap().unwrap();
    assert_eq!(there.question(), poll("main").question());
    assert_eq!(scene.copies.spread(id("main")).await, Ok(()));
    scene.is_held_everywhere(&there).await;
}

#[tokio::test]
async fn a_partition_that_lacks_a_poll_gets_it_with_the_first_ballot() {
    let mut scene = Spread::begun_with(vec![poll("main")]).await;
    scene.forget(elsewhere("main"), "main").await;
    recorded(scene.cast("main", elsewhere("main"), 0).await);
    scene.is_held_everywhere(&poll("main")).await;
    let unknown = scene.cast("nowhere", elsewhere("nowhere"), 0).await;
    assert_eq!(unknown, Ok(CastOutcome::UnknownPoll));
}

#[tokio::test]
async fn polls_are_shown_while_their_home_is_away() {
    let mut scene = Spread::begun_with(vec![poll("main")]).await;
    for key in ["incarnation", "polls", "attached"] {
        scene.raw(&["DEL", &format!("{{scrutin:{}}}:{key}", home("main"))]).await;
    }
    assert_eq!(scene.ballots.poll(id("main")).await, Ok(Some(poll("main"))));
    assert_eq!(scene.ballots.polls().await, Ok(vec![poll("main")]));
    assert_eq!(scene.ballots.ready().await, Ok(()), "for the voters of the others");
    recorded(scene.cast("main", elsewhere("main"), 0).await);
    for partition in 0..PARTITIONS.into() {
        scene.detach(partition).await;
    }
    assert!(scene.ballots.ready().await.is_err());
    assert!(scene.logs[home("main")].polls().await.is_err());
}

#[tokio::test]
async fn a_session_that_was_ended_is_known_while_any_partition_answers() {
    let scene = Spread::begun_with(vec![]).await;
    let (ended, goes_on) = ([1; 16], [2; 16]);
    assert_eq!(scene.ballots.end_session(ended, Duration::from_hours(1)).await, Ok(()));
    for partition in 0..PARTITIONS {
        assert_eq!(scene.ballots.has_ended(ended).await, Ok(true), "{partition} partitions have lost it");
        scene.raw(&["DEL", &format!("{{scrutin:{partition}}}:ended:{}", "01".repeat(16))]).await;
    }
    assert_eq!((scene.ballots.has_ended(ended).await, scene.ballots.has_ended(goes_on).await), (Ok(false), Ok(false)));
}

fn correct(question: &str) -> PollChange {
    let (question, options) = (question.to_owned(), vec!["Cats".into(), "Dogs".into()]);
    PollChange::Correct(Box::new(domain::Wording { at_millis: 1, question, options }))
}

fn rewrite(question: &str) -> PollChange {
    PollChange::Rewrite(Box::new(PollSpec::simple(question, ["Yes", "No"])))
}

#[tokio::test]
async fn a_ballot_in_any_partition_fixes_the_question() {
    let mut scene = Spread::begun_with(vec![poll("main")]).await;
    let rewritten = done(scene.ballots.change(id("main"), rewrite("Tea?")).await);
    assert_eq!((rewritten.question(), rewritten.state(), rewritten.revision()), ("Tea?", PollState::Open, 2));
    scene.is_held_everywhere(&rewritten).await;
    recorded(scene.ballots.cast(ballot_of("main", elsewhere("main"), 0), 2).await);
    let refused = Ok(ChangeOutcome::Refused(ChangeRefused::HasBallots));
    assert_eq!(scene.ballots.change(id("main"), rewrite("Coffee?")).await, refused);
    done(scene.ballots.change(id("main"), PollChange::Close).await);
    assert_eq!(scene.ballots.change(id("main"), rewrite("Coffee?")).await, refused);
    let words = domain::Wording { at_millis: 1, question: "Tea!".into(), options: vec!["Yes".into(), "No".into()] };
    let corrected = done(scene.ballots.change(id("main"), PollChange::Correct(Box::new(words))).await);
    assert!(corrected.correction().is_some(), "it is noted, since there are ballots elsewhere");
}

#[tokio::test]
async fn a_poll_is_not_rewritten_while_a_partition_can_not_be_asked() {
    let scene = Spread::begun_with(vec![poll("main")]).await;
    scene.detach(elsewhere("main")).await;
    let refused = scene.ballots.change(id("main"), rewrite("Tea?")).await.unwrap_err();
    assert!(refused.nothing_happened(), "{refused:?}");
    let there = scene.ballots.poll(id("main")).await.unwrap().unwrap();
    assert_eq!((there.question(), there.state()), (poll("main").question(), PollState::Open));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spread_poll_is_either_voted_in_or_rewritten() {
    let changed = changed_while_people_vote(|| rewrite("Tea?")).await;
    for (poll, accepted) in changed {
        assert_eq!(poll.revision() == 1, accepted > 0, "{}: {accepted} ballots", poll.id());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spread_poll_with_ballots_is_corrected_with_a_note() {
    let changed = changed_while_people_vote(|| correct("Cats or Dogs!")).await;
    for (poll, accepted) in changed {
        assert_eq!(poll.question(), "Cats or Dogs!");
        assert_eq!(poll.correction().is_some(), accepted > 0, "{}: {accepted} ballots", poll.id());
    }
}

/// Open polls with a change and voters in each partition at the same time; each of them then, with its ballots.
async fn changed_while_people_vote(change: impl Fn() -> PollChange) -> Vec<(Poll, u64)> {
    let ids: Vec<String> = (0..60).map(|number| format!("p-{number}")).collect();
    let scene = Arc::new(Spread::begun_with(ids.iter().map(|id| poll(id)).collect()).await);
    let mut both = JoinSet::new();
    for text in &ids {
        for partition in 0..PARTITIONS.into() {
            let (scene, text) = (Arc::clone(&scene), text.clone());
            // Some before the poll is looked at, some while it is being closed.
            let rounds = both.len() % 12;
            both.spawn(async move {
                for _ in 0..rounds {
                    let _ = scene.ballots.accepted(id("p-0")).await;
                }
                let cast = scene.cast(&text, partition, 1).await;
                let refused = matches!(cast, Ok(CastOutcome::Rewritten | CastOutcome::NotOpen(PollState::Closed)));
                assert!(refused || matches!(cast, Ok(CastOutcome::Recorded(_))), "{cast:?}");
            });
        }
        let (ballots, poll, change) = (Arc::clone(&scene.ballots), id(text), change());
        both.spawn(async move {
            let changed = ballots.change(poll, change).await;
            assert!(changed.is_ok(), "{changed:?}");
        });
    }
    both.join_all().await;
    let mut changed = Vec::new();
    for text in &ids {
        let there = scene.ballots.poll(id(text)).await.unwrap().unwrap();
        assert_eq!(there.state(), PollState::Open, "{text}");
        changed.push((there, scene.ballots.accepted(id(text)).await.unwrap()));
    }
    changed
}
