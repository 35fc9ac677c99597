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
    Ballot, BallotBox, CastOutcome, ChangeOutcome, ChangeRefused, Choices, FIRST_REVISION, Inclusion, Poll, PollChange,
    PollId, PollSpec, PollState, Position, Receipt, Scoreboard, VoteCounts, VoterId,
};
use scrutin_ledger_sqlite::SqliteLedger;
use tempfile::TempDir;
use tokio::task::JoinSet;

struct Booth {
    ledger: Arc<SqliteLedger>,
    directory: TempDir,
}

fn booth() -> Booth {
    let directory = tempfile::tempdir().unwrap();
    Booth { ledger: SqliteLedger::open(&directory.path().join("ledger.db")).unwrap(), directory }
}

impl Booth {
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
        assert!(audit.polls.iter().all(domain::Recount::agrees), "{audit:?}");
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
    let booth = booth();
    assert_eq!(booth.ledger.has_ended([1; 16]).await, Ok(false));
    assert_eq!(booth.ledger.end_session([1; 16], Duration::from_hours(1)).await, Ok(()));
    assert_eq!(booth.ledger.end_session([1; 16], Duration::from_hours(1)).await, Ok(()), "twice is harmless");
    assert_eq!((booth.ledger.has_ended([1; 16]).await, booth.ledger.has_ended([2; 16]).await), (Ok(true), Ok(false)));
}

#[tokio::test]
async fn a_recorded_ballot_is_accepted_at_once_and_counted_soon() {
    let booth = booth();
    let poll = booth.open_poll(|_| {}).await;
    let position = booth.recorded(1, "a").await;
    assert_eq!(booth.ledger.accepted(poll.id()).await, Ok(1));
    assert_eq!(booth.figures().await, VoteCounts { votes: vec![1, 0], voters: 1, ballots: 1 });
    let receipt = Receipt { position, voter: voter(1) };
    assert_eq!(booth.ledger.scoreboard().inclusion(poll.id(), &receipt).await, Ok(Inclusion::Counted));

    let later = booth.recorded(1, "b").await;
    assert_eq!(booth.figures().await, VoteCounts { votes: vec![0, 1], voters: 1, ballots: 2 });
    let receipts = [Receipt { position: later, voter: voter(1) }, Receipt { position: later, voter: voter(2) }];
    assert_eq!(booth.ledger.scoreboard().inclusion(poll.id(), &receipts[0]).await, Ok(Inclusion::Counted));
    assert_eq!(booth.ledger.scoreboard().inclusion(poll.id(), &receipts[1]).await, Ok(Inclusion::Missing));
    assert_eq!(booth.ledger.scoreboard().inclusion(poll.id(), &receipt).await, Ok(Inclusion::Replaced));
    booth.assert_audit().await;
}

#[tokio::test]
async fn only_an_open_poll_takes_ballots() {
    let booth = booth();
    assert_eq!(booth.cast(1, "a").await, CastOutcome::UnknownPoll);
    booth.open_poll(|spec| spec.state = PollState::Waiting).await;
    assert_eq!(booth.cast(1, "a").await, CastOutcome::NotOpen(PollState::Waiting));
    booth.change(PollChange::Open).await;
    booth.recorded(1, "a").await;
    booth.change(PollChange::Close).await;
    assert_eq!(booth.cast(2, "a").await, CastOutcome::NotOpen(PollState::Closed));
    booth.change(PollChange::Open).await;
    booth.recorded(2, "a").await;
    assert_eq!(booth.figures().await.voters, 2);
}

#[tokio::test]
async fn where_no_change_is_allowed_the_first_ballot_of_each_round_stands() {
    let booth = booth();
    booth.open_poll(|spec| spec.votes_can_change = false).await;
    let first = booth.recorded(1, "a").await;
    assert_eq!(booth.cast(1, "b").await, CastOutcome::AlreadyCast(first));
    booth.recorded(2, "b").await;
    booth.change(PollChange::Reset).await;
    let second = booth.recorded(1, "b").await;
    assert_eq!(booth.cast(1, "a").await, CastOutcome::AlreadyCast(second));
    assert_eq!(booth.figures().await, VoteCounts { votes: vec![0, 1], voters: 1, ballots: 3 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_ballots_at_once_by_one_voter_one_is_taken_where_no_change_is_allowed() {
    let booth = booth();
    booth.open_poll(|spec| spec.votes_can_change = false).await;
    let mut casting = JoinSet::new();
    for _ in 0..200 {
        let ledger = Arc::clone(&booth.ledger);
        casting.spawn(async move { ledger.cast(ballot(7, "a"), FIRST_REVISION).await.unwrap() });
    }
    let (recorded, refused): (Vec<_>, Vec<_>) =
        casting.join_all().await.into_iter().partition(|cast| matches!(cast, CastOutcome::Recorded(_)));
    let [CastOutcome::Recorded(position)] = recorded[..] else { panic!("recorded: {recorded:?}") };
    assert!(refused.iter().all(|cast| *cast == CastOutcome::AlreadyCast(position)));
    assert_eq!(booth.figures().await, VoteCounts { votes: vec![1, 0], voters: 1, ballots: 1 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_ballots_at_once_are_each_recorded_at_a_position_of_their_own() {
    let booth = booth();
    booth.open_poll(|_| {}).await;
    let mut casting = JoinSet::new();
    for number in 0..2_000 {
        let ledger = Arc::clone(&booth.ledger);
        let key = if number % 4 == 0 { "a" } else { "b" };
        casting.spawn(async move { (number, ledger.cast(ballot(number, key), FIRST_REVISION).await.unwrap()) });
    }
    let mut positions = Vec::new();
    let cast = casting.join_all().await;
    booth.is_counted().await;
    for (number, cast) in cast {
        let CastOutcome::Recorded(position) = cast else { panic!("not recorded: {cast:?}") };
        let inclusion =
            booth.ledger.scoreboard().inclusion(PollId::MAIN, &Receipt { position, voter: voter(number) }).await;
        assert_eq!(inclusion, Ok(Inclusion::Counted));
        positions.push(position);
    }
    positions.sort_unstable();
    positions.dedup();
    assert_eq!(positions.len(), 2_000);
    assert_eq!(booth.figures().await, VoteCounts { votes: vec![500, 1_500], voters: 2_000, ballots: 2_000 });
    booth.assert_audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_ballot_is_taken_after_the_close() {
    let booth = booth();
    booth.open_poll(|_| {}).await;
    let cast = Arc::new(AtomicU64::new(0));
    let mut casting = JoinSet::new();
    for caster in 0..8_u64 {
        let (ledger, cast) = (Arc::clone(&booth.ledger), Arc::clone(&cast));
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
    booth.change(PollChange::Close).await;
    let closed_at = booth.ledger.scoreboard().tallies(&[PollId::MAIN]).await.unwrap()[0].position;

    let recorded: Vec<Position> = casting.join_all().await.into_iter().flatten().collect();
    assert!(recorded.iter().all(|&position| position < closed_at), "a ballot after the close");
    assert_eq!(booth.figures().await.ballots, recorded.len() as u64);
    // Nothing was written after the close.
    assert_eq!(booth.ledger.scoreboard().tallies(&[PollId::MAIN]).await.unwrap()[0].position, closed_at);
}

#[tokio::test]
async fn polls_are_created_once_listed_by_id_and_changed_as_their_rules_allow() {
    let booth = booth();
    let main = booth.open_poll(|_| {}).await;
    assert_eq!(booth.ledger.create(main.clone()).await, Ok(ChangeOutcome::Exists));
    let apple = Poll::new("apple".parse().unwrap(), PollSpec::simple("Apple?", ["Yes", "No"])).unwrap();
    booth.ledger.create(apple.clone()).await.unwrap();
    assert_eq!(booth.ledger.polls().await, Ok(vec![apple.clone(), main.clone()]));
    assert_eq!(booth.ledger.poll(apple.id()).await, Ok(Some(apple)));
    assert_eq!(booth.ledger.poll("pear".parse().unwrap()).await, Ok(None));
    let unknown = booth.ledger.change("pear".parse().unwrap(), PollChange::Close).await;
    assert_eq!(unknown, Ok(ChangeOutcome::UnknownPoll));

    let rewrite = || PollChange::Rewrite(Box::new(PollSpec::simple("Tea?", ["Yes"; 1].into_iter().chain(["No"]))));
    assert_eq!(booth.change(rewrite()).await.question(), "Tea?");
    booth.recorded(1, "a").await;
    booth.change(PollChange::Reset).await;
    let refused = booth.ledger.change(PollId::MAIN, rewrite()).await;
    assert_eq!(refused, Ok(ChangeOutcome::Refused(ChangeRefused::HasBallots)));
    assert_eq!(booth.ledger.accepted(PollId::MAIN).await, Ok(1), "a reset forgets no ballot");
}

#[tokio::test]
async fn a_ballot_for_what_the_poll_asked_before_is_not_recorded() {
    let booth = booth();
    booth.open_poll(|_| {}).await;
    booth.change(PollChange::Rewrite(Box::new(PollSpec::simple("Dogs or Cats?", ["Dogs", "Cats"])))).await;
    let cast = booth.ledger.cast(ballot(1, "a"), FIRST_REVISION).await;
    assert_eq!(cast, Ok(CastOutcome::Rewritten));
    booth.recorded(1, "b").await;
    assert_eq!(booth.figures().await, VoteCounts { votes: vec![0, 1], voters: 1, ballots: 1 });
    booth.assert_audit().await;
}

#[tokio::test]
async fn the_ballot_box_is_ready() {
    let booth = booth();
    assert_eq!(BallotBox::ready(&*booth.ledger).await, Ok(()));
}

#[tokio::test]
async fn a_ledger_in_other_hands_keeps_nobody_from_voting_whatever_the_organiser_asks() {
    let booth = booth();
    booth.open_poll(|_| {}).await;
    let path = booth.directory.path().join("ledger.db");
    let mut other = rusqlite::Connection::open(&path).unwrap();
    let held = other.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    let lunch = Poll::new(PollId::parse("lunch").unwrap(), PollSpec::simple("Lunch?", ["Soup", "Salad"])).unwrap();
    let over = AtomicBool::new(false);
    let organising = async {
        let closed = booth.ledger.change(PollId::MAIN, PollChange::Close).await;
        let created = booth.ledger.create(lunch.clone()).await;
        over.store(true, Ordering::Relaxed);
        (closed, created)
    };
    // For as long as the organiser waits, ballot after ballot is recorded.
    let voting = async {
        let mut voters = 0;
        while !over.load(Ordering::Relaxed) {
            let cast = booth.cast(voters, "a").await;
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
    assert!(matches!(booth.ledger.create(lunch).await, Ok(ChangeOutcome::Done(_))));
    booth.change(PollChange::Close).await;
    assert_eq!(booth.figures().await.voters, voters);
    booth.assert_audit().await;
}
