//! Countdowns in the all-in-one: the acceptor decides by its clock, in the step that appends.

#![expect(clippy::unwrap_used, reason = "all of it is test code, also where clippy does not see that")]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use domain::{
    Ballot, BallotBox, CastOutcome, ChangeOutcome, Choices, Countdown, CountdownSeconds, FIRST_REVISION, Poll,
    PollChange, PollId, PollSpec, PollState, Scoreboard, VoterId,
};
use scrutin_ledger_sqlite::SqliteLedger;
use testkit::wait;

const NOW: u64 = 1_795_424_400_000;

fn for_seconds(seconds: u32) -> PollChange {
    PollChange::OpenFor(Countdown::For(CountdownSeconds::try_from(seconds).unwrap()))
}

fn ballot(number: u64) -> Ballot {
    let voter = VoterId::from_bytes(u128::from(number).to_be_bytes());
    Ballot { poll: PollId::MAIN, voter, choices: Choices::parse(["a"]).unwrap() }
}

async fn cast(ledger: &SqliteLedger, number: u64) -> CastOutcome {
    ledger.cast(ballot(number), FIRST_REVISION).await.unwrap()
}

async fn change(ledger: &SqliteLedger, change: PollChange) -> Poll {
    match ledger.change(PollId::MAIN, change).await.unwrap() {
        ChangeOutcome::Done(poll) => poll,
        other => panic!("not done: {other:?}"),
    }
}

/// A clock that a test sets, and how a ledger is opened with it.
struct Clock(Arc<AtomicU64>);

impl Clock {
    fn at(millis: u64) -> Self {
        Self(Arc::new(AtomicU64::new(millis)))
    }

    fn set(&self, millis: u64) {
        self.0.store(millis, Ordering::Relaxed);
    }

    fn open(&self, directory: &Path) -> Arc<SqliteLedger> {
        let millis = Arc::clone(&self.0);
        let clock = Arc::new(move || millis.load(Ordering::Relaxed));
        SqliteLedger::open_with_clock(&directory.join("ledger.db"), clock).unwrap()
    }

    async fn open_with_main(&self, directory: &Path) -> Arc<SqliteLedger> {
        let ledger = self.open(directory);
        let poll = Poll::new(PollId::MAIN, PollSpec::simple("Cats or Dogs?", ["Cats", "Dogs"])).unwrap();
        ledger.create(poll).await.unwrap();
        ledger
    }
}

/// What the ledger has of the poll, whatever the time is.
async fn counted_state(ledger: &SqliteLedger) -> PollState {
    ledger.scoreboard().tallies(&[PollId::MAIN]).await.unwrap()[0].poll.state()
}

#[tokio::test]
async fn nothing_is_taken_at_the_moment_and_nothing_before_it_is_refused() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Clock::at(NOW));
    let ledger = clock.open_with_main(directory.path()).await;
    let opened = change(&ledger, for_seconds(30)).await;
    assert_eq!(opened.closes_at(), Some(NOW + 30_000));
    clock.set(NOW + 29_999);
    assert!(matches!(cast(&ledger, 1).await, CastOutcome::Recorded(position) if position.millis() == NOW + 29_999));
    assert_eq!(ledger.poll(PollId::MAIN).await, Ok(Some(opened.clone())));
    assert_eq!(opened.closes_in_millis(ledger.log_millis(PollId::MAIN)), Some(1));
    clock.set(NOW + 30_000);
    assert_eq!(cast(&ledger, 2).await, CastOutcome::NotOpen(PollState::Closed));
    let closed = opened.as_of(NOW + 30_000);
    assert_eq!(ledger.poll(PollId::MAIN).await, Ok(Some(closed.clone())));
    assert_eq!(ledger.polls().await, Ok(vec![closed.clone()]));
    assert_eq!(counted_state(&ledger).await, PollState::Open, "nobody has written it yet");
    // The system's clock is set back: what had ended stays so.
    clock.set(NOW);
    assert_eq!(cast(&ledger, 2).await, CastOutcome::NotOpen(PollState::Closed));
    let again = ledger.change_seen(PollId::MAIN, closed.version(), for_seconds(60)).await.unwrap().unwrap();
    assert!(matches!(again, ChangeOutcome::Done(poll) if poll.is_open()), "who saw it closed may open it again");
}

#[tokio::test]
async fn a_clock_that_is_set_back_prolongs_no_countdown() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Clock::at(NOW));
    let ledger = clock.open_with_main(directory.path()).await;
    let closes_at = change(&ledger, for_seconds(1)).await.closes_at().unwrap();
    clock.set(NOW - 3_600_000);
    let mut number = 0;
    let last = wait::until("the end of the countdown", async || {
        number += 1;
        match cast(&ledger, number).await {
            CastOutcome::Recorded(position) => {
                assert!(position.millis() < closes_at, "{position}");
                None
            }
            refused => Some(refused),
        }
    })
    .await;
    assert_eq!(last, CastOutcome::NotOpen(PollState::Closed));
}

#[tokio::test]
async fn the_close_is_written_by_itself_also_after_a_restart() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Clock::at(NOW));
    let ledger = clock.open_with_main(directory.path()).await;
    let closing = tokio::spawn({
        let ledger = Arc::clone(&ledger);
        async move { ledger.close_polls_in_time().await }
    });
    change(&ledger, for_seconds(30)).await;
    let longer = change(&ledger, for_seconds(60)).await;
    clock.set(NOW + 30_000);
    assert!(matches!(cast(&ledger, 1).await, CastOutcome::Recorded(_)), "it has got more time");
    clock.set(NOW + 60_000);
    wait::until_true("the close", || async { counted_state(&ledger).await == PollState::Closed }).await;
    assert_eq!(ledger.poll(PollId::MAIN).await, Ok(Some(longer.as_of(NOW + 60_000))));

    let killed_with = change(&ledger, for_seconds(30)).await;
    closing.abort();
    _ = closing.await;
    drop(ledger);
    clock.set(NOW + 120_000);
    let ledger = clock.open(directory.path());
    assert_eq!(cast(&ledger, 2).await, CastOutcome::NotOpen(PollState::Closed));
    assert_eq!(counted_state(&ledger).await, PollState::Open);
    let until_closed = async {
        wait::until_true("the close", || async { counted_state(&ledger).await == PollState::Closed }).await;
    };
    tokio::select! {
        never = ledger.close_polls_in_time() => match never {},
        () = until_closed => {}
    }
    let tally = &ledger.scoreboard().tallies(&[PollId::MAIN]).await.unwrap()[0];
    assert_eq!(tally.poll, killed_with.as_of(NOW + 120_000));
    assert_eq!(tally.figures.voters, 1);
}

#[tokio::test]
async fn whoever_shows_the_tally_knows_the_clock_of_the_log() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Clock::at(NOW));
    let ledger = clock.open_with_main(directory.path()).await;
    let tally = &ledger.scoreboard().tallies(&[PollId::MAIN]).await.unwrap()[0];
    let known = tally.log_millis_when_read().unwrap();
    assert!(known.abs_diff(NOW) <= 1_000, "{known}");
}
