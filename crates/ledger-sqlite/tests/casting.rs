//! Casting into the SQLite ledger: what is taken, what is refused, and in which order.
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use domain::{
    Ballot, BallotBox, CastOutcome, ChangeOutcome, ChangeRefused, Choices, FIRST_REVISION, Inclusion, Partition, Poll,
    PollChange, PollId, PollSpec, PollState, Position, Receipt, Scoreboard, VoteCounts, VoterId,
};
use scrutin_ledger_sqlite::SqliteLedger;
use tempfile::TempDir;
use tokio::task::JoinSet;

/// The partition of the all-in-one.
const FIRST: Partition = Partition::new(0);

struct Scene {
    ledger: Arc<SqliteLedger>,
    directory: TempDir,
}

fn scene() -> Scene {
    let directory = tempfile::tempdir().unwrap();
    Scene { ledger: SqliteLedger::open(&directory.path().join("ledger.db")).unwrap(), directory }
}

impl Scene {
    async fn open_poll(&self, edit: impl FnOnce(&mut PollSpec)) -> Poll {
        let mut spec = PollSpec::simple("Cats or Dogs?", ["Cats", "Dogs"]);
        edit(&mut spec);
        let poll = Poll::new(PollId::MAIN, spec).unwrap();
        assert_eq!(self.ledger.create(poll.clone()).await, Ok(ChangeOutcome::Done(poll.clone())));
        poll
    }

    async fn cast(&self, number: u64, key: &str) -> CastOutcome {
        let poll = self.ledger.poll(PollId::MAIN).await.unwrap();
        let revision = poll.map_or(FIRST_REVISION, |poll| poll.revision());
        self.ledger.cast(ballot(number, key), revision).await.unwrap()
    }

    async fn recorded(&self, number: u64, key: &str) -> Position {
        match self.cast(number, key).await {
            CastOutcome::Recorded(position) => position,
            other => panic!("not recorded: {other:?}"),
        }
    }

    async fn change(&self, change: PollChange) -> Poll {
        match self.ledger.change(PollId::MAIN, change).await {
            Ok(ChangeOutcome::Done(poll)) => poll,
            other => panic!("not changed: {other:?}"),
        }
    }

    /// Waits until all that was accepted is counted.
    async fn is_counted(&self) {
        let main = PollId::MAIN;
        while self.ledger.scoreboard().tallies(&[main]).await.unwrap()[0].figures.ballots
            != self.ledger.accepted(main).await.unwrap()
        {
            self.ledger.scoreboard().moved().await;
        }
    }

    /// Once all is counted.
    async fn figures(&self) -> VoteCounts {
        self.is_counted().await;
        let mut tallies = self.ledger.scoreboard().tallies(&[PollId::MAIN]).await.unwrap();
        tallies.remove(0).figures
    }

    async fn assert_audit(&self) {
        let audit = self.ledger.scoreboard().audit().await.unwrap();
        assert!(audit.agrees(), "{audit:?}");
        assert_eq!(audit.rejected, 0);
    }
}

fn ballot(number: u64, key: &str) -> Ballot {
    Ballot { poll: PollId::MAIN, voter: voter(number), choices: Choices::parse([key]).unwrap() }
}

fn voter(number: u64) -> VoterId {
    VoterId::from_bytes(u128::from(number).to_be_bytes())
}

#[tokio::test]
async fn a_session_that_was_ended_is_ended_until_it_would_have() {
    let scene = scene();
    assert_eq!(scene.ledger.has_ended([1; 16]).await, Ok(false));
    assert_eq!(scene.ledger.end_session([1; 16], Duration::from_hours(1)).await, Ok(()));
    assert_eq!(scene.ledger.end_session([1; 16], Duration::from_hours(1)).await, Ok(()), "twice is harmless");
    assert_eq!((scene.ledger.has_ended([1; 16]).await, scene.ledger.has_ended([2; 16]).await), (Ok(true), Ok(false)));
}

#[tokio::test]
async fn a_recorded_ballot_is_accepted_at_once_and_counted_soon() {
    let scene = scene();
    let poll = scene.open_poll(|_| {}).await;
    let position = scene.recorded(1, "a").await;
    assert_eq!(scene.ledger.accepted(poll.id()).await, Ok(1));
    assert_eq!(scene.figures().await, VoteCounts { votes: vec![1, 0], voters: 1, ballots: 1 });
    let receipt = Receipt { position, voter: voter(1) };
    assert_eq!(scene.ledger.scoreboard().inclusion(FIRST, poll.id(), &receipt).await, Ok(Inclusion::Counted));

    let later = scene.recorded(1, "b").await;
    assert_eq!(scene.figures().await, VoteCounts { votes: vec![0, 1], voters: 1, ballots: 2 });
    let receipts = [Receipt { position: later, voter: voter(1) }, Receipt { position: later, voter: voter(2) }];
    assert_eq!(scene.ledger.scoreboard().inclusion(FIRST, poll.id(), &receipts[0]).await, Ok(Inclusion::Counted));
    assert_eq!(scene.ledger.scoreboard().inclusion(FIRST, poll.id(), &receipts[1]).await, Ok(Inclusion::Missing));
    assert_eq!(scene.ledger.scoreboard().inclusion(FIRST, poll.id(), &receipt).await, Ok(Inclusion::Replaced));
    scene.assert_audit().await;
}

#[tokio::test]
async fn only_an_open_poll_takes_ballots() {
    let scene = scene();
    assert_eq!(scene.cast(1, "a").await, CastOutcome::UnknownPoll);
    scene.open_poll(|spec| spec.state = PollState::Waiting).await;
    assert_eq!(scene.cast(1, "a").await, CastOutcome::NotOpen(PollState::Waiting));
    scene.change(PollChange::Open).await;
    scene.recorded(1, "a").await;
    scene.change(PollChange::Close).await;
    assert_eq!(scene.cast(2, "a").await, CastOutcome::NotOpen(PollState::Closed));
    scene.change(PollChange::Open).await;
    scene.recorded(2, "a").await;
    assert_eq!(scene.figures().await.voters, 2);
}

#[tokio::test]
async fn without_changes_the_first_ballot_of_each_round_counts() {
    let scene = scene();
    scene.open_poll(|spec| spec.votes_can_change = false).await;
    let first = scene.recorded(1, "a").await;
    assert_eq!(scene.cast(1, "b").await, CastOutcome::AlreadyCast(first));
    scene.recorded(2, "b").await;
    scene.change(PollChange::Reset).await;
    let second = scene.recorded(1, "b").await;
    assert_eq!(scene.cast(1, "a").await, CastOutcome::AlreadyCast(second));
    assert_eq!(scene.figures().await, VoteCounts { votes: vec![0, 1], voters: 1, ballots: 3 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_concurrent_ballots_of_one_voter_one_is_accepted() {
    let scene = scene();
    scene.open_poll(|spec| spec.votes_can_change = false).await;
    let mut casting = JoinSet::new();
    for _ in 0..200 {
        let ledger = Arc::clone(&scene.ledger);
        casting.spawn(async move { ledger.cast(ballot(7, "a"), FIRST_REVISION).await.unwrap() });
    }
    let (recorded, refused): (Vec<_>, Vec<_>) =
        casting.join_all().await.into_iter().partition(|cast| matches!(cast, CastOutcome::Recorded(_)));
    let [CastOutcome::Recorded(position)] = recorded[..] else { panic!("recorded: {recorded:?}") };
    assert!(refused.iter().all(|cast| *cast == CastOutcome::AlreadyCast(position)));
    assert_eq!(scene.figures().await, VoteCounts { votes: vec![1, 0], voters: 1, ballots: 1 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_concurrent_ballots_have_different_positions() {
    let scene = scene();
    scene.open_poll(|_| {}).await;
    let mut casting = JoinSet::new();
    for number in 0..2_000 {
        let ledger = Arc::clone(&scene.ledger);
        let key = if number % 4 == 0 { "a" } else { "b" };
        casting.spawn(async move { (number, ledger.cast(ballot(number, key), FIRST_REVISION).await.unwrap()) });
    }
    let mut positions = Vec::new();
    let cast = casting.join_all().await;
    scene.is_counted().await;
    for (number, cast) in cast {
        let CastOutcome::Recorded(position) = cast else { panic!("not recorded: {cast:?}") };
        let inclusion =
            scene.ledger.scoreboard().inclusion(FIRST, PollId::MAIN, &Receipt { position, voter: voter(number) }).await;
        assert_eq!(inclusion, Ok(Inclusion::Counted));
        positions.push(position);
    }
    positions.sort_unstable();
    positions.dedup();
    assert_eq!(positions.len(), 2_000);
    assert_eq!(scene.figures().await, VoteCounts { votes: vec![500, 1_500], voters: 2_000, ballots: 2_000 });
    scene.assert_audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_ballot_is_taken_after_the_close() {
    let scene = scene();
    scene.open_poll(|_| {}).await;
    let cast = Arc::new(AtomicU64::new(0));
    let mut casting = JoinSet::new();
    for caster in 0..8_u64 {
        let (ledger, cast) = (Arc::clone(&scene.ledger), Arc::clone(&cast));
        casting.spawn(async move {
            let mut recorded = Vec::new();
            for number in 0..100_000 {
                match ledger.cast(ballot(caster << 32 | number, "a"), FIRST_REVISION).await.unwrap() {
                    CastOutcome::Recorded(position) => recorded.push(position),
                    CastOutcome::NotOpen(PollState::Closed) => return recorded,
                    other => panic!("{other:?}"),
                }
                cast.fetch_add(1, Ordering::Relaxed);
            }
            panic!("the poll never closed");
        });
    }
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while cast.load(Ordering::Relaxed) < 200 {
        assert!(tokio::time::Instant::now() < deadline, "ballots are cast");
        tokio::task::yield_now().await;
    }
    scene.change(PollChange::Close).await;
    let closed_at = scene.ledger.scoreboard().tallies(&[PollId::MAIN]).await.unwrap()[0].position();

    let recorded: Vec<Position> = casting.join_all().await.into_iter().flatten().collect();
    assert!(recorded.iter().all(|&position| position < closed_at), "a ballot after the close");
    assert_eq!(scene.figures().await.ballots, recorded.len() as u64);
    // Nothing was written after the close.
    assert_eq!(scene.ledger.scoreboard().tallies(&[PollId::MAIN]).await.unwrap()[0].position(), closed_at);
}

#[tokio::test]
async fn polls_are_created_once_listed_by_id_and_changed_as_their_rules_allow() {
    let scene = scene();
    let main = scene.open_poll(|_| {}).await;
    assert_eq!(scene.ledger.create(main.clone()).await, Ok(ChangeOutcome::Exists));
    let apple = Poll::new("apple".parse().unwrap(), PollSpec::simple("Apple?", ["Yes", "No"])).unwrap();
    scene.ledger.create(apple.clone()).await.unwrap();
    assert_eq!(scene.ledger.polls().await, Ok(vec![apple.clone(), main.clone()]));
    assert_eq!(scene.ledger.poll(apple.id()).await, Ok(Some(apple)));
    assert_eq!(scene.ledger.poll("pear".parse().unwrap()).await, Ok(None));
    let unknown = scene.ledger.change("pear".parse().unwrap(), PollChange::Close).await;
    assert_eq!(unknown, Ok(ChangeOutcome::UnknownPoll));

    let rewrite = || PollChange::Rewrite(Box::new(PollSpec::simple("Tea?", ["Yes"; 1].into_iter().chain(["No"]))));
    assert_eq!(scene.change(rewrite()).await.question(), "Tea?");
    scene.recorded(1, "a").await;
    scene.change(PollChange::Reset).await;
    let refused = scene.ledger.change(PollId::MAIN, rewrite()).await;
    assert_eq!(refused, Ok(ChangeOutcome::Refused(ChangeRefused::HasBallots)));
    assert_eq!(scene.ledger.accepted(PollId::MAIN).await, Ok(1), "a reset forgets no ballot");
}

#[tokio::test]
async fn a_ballot_for_what_the_poll_asked_before_is_not_recorded() {
    let scene = scene();
    scene.open_poll(|_| {}).await;
    scene.change(PollChange::Rewrite(Box::new(PollSpec::simple("Dogs or Cats?", ["Dogs", "Cats"])))).await;
    let cast = scene.ledger.cast(ballot(1, "a"), FIRST_REVISION).await;
    assert_eq!(cast, Ok(CastOutcome::Rewritten));
    scene.recorded(1, "b").await;
    assert_eq!(scene.figures().await, VoteCounts { votes: vec![0, 1], voters: 1, ballots: 1 });
    scene.assert_audit().await;
}

#[tokio::test]
async fn the_ballot_box_is_ready() {
    let scene = scene();
    assert_eq!(BallotBox::ready(&*scene.ledger).await, Ok(()));
}

#[tokio::test]
async fn voting_goes_on_while_another_program_has_the_ledger_locked() {
    let scene = scene();
    scene.open_poll(|_| {}).await;
    let path = scene.directory.path().join("ledger.db");
    let mut other = rusqlite::Connection::open(&path).unwrap();
    let held = other.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    let lunch = Poll::new(PollId::parse("lunch").unwrap(), PollSpec::simple("Lunch?", ["Soup", "Salad"])).unwrap();
    let over = AtomicBool::new(false);
    let organising = async {
        let closed = scene.ledger.change(PollId::MAIN, PollChange::Close).await;
        let created = scene.ledger.create(lunch.clone()).await;
        over.store(true, Ordering::Relaxed);
        (closed, created)
    };
    // For as long as the organiser waits, ballot after ballot is recorded.
    let voting = async {
        let mut voters = 0;
        while !over.load(Ordering::Relaxed) {
            let cast = scene.cast(voters, "a").await;
            assert!(matches!(cast, CastOutcome::Recorded(_)), "{cast:?}");
            voters += 1;
        }
        voters
    };
    let ((closed, created), voters) = tokio::join!(organising, voting);
    for refused in [closed.unwrap_err(), created.unwrap_err()] {
        assert!(refused.nothing_happened(), "{refused:?}");
    }
    assert!(voters > 10, "{voters} voted meanwhile");
    held.rollback().unwrap();
    assert!(matches!(scene.ledger.create(lunch).await, Ok(ChangeOutcome::Done(_))));
    scene.change(PollChange::Close).await;
    assert_eq!(scene.figures().await.voters, voters);
    scene.assert_audit().await;
}
