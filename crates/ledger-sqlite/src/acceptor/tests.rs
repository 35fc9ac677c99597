//! A full disk, work that panics, and more requests than fit.

use std::{fs::File, io, path::Path};

use domain::{
    BallotBox, ChangeOutcome, Choices, FIRST_REVISION, Poll, PollChange, PollId, PollSpec, Scoreboard, Unavailable,
    VoterId,
};
use tokio::{sync::oneshot, task::JoinSet};

use super::*;
use crate::{
    SqliteLedger, SqliteScoreboard,
    acceptor_handle::MAX_QUEUE,
    connection,
    movements::Movements,
    opening::{self, OpenLedger},
};

async fn ledger(directory: &Path) -> Arc<SqliteLedger> {
    let ledger = SqliteLedger::open(&directory.join("ledger.db")).unwrap();
    let poll = Poll::new(PollId::MAIN, PollSpec::simple("Cats or Dogs?", ["Cats", "Dogs"])).unwrap();
    ledger.create(poll).await.unwrap();
    ledger
}

fn ballot(number: u64) -> Ballot {
    let voter = VoterId::from_bytes(u128::from(number).to_be_bytes());
    Ballot { poll: PollId::MAIN, voter, choices: Choices::parse(["a"]).unwrap() }
}

/// Waits until `count` ballots are counted.
async fn counted(ledger: &SqliteLedger, count: u64) {
    while ledger.scoreboard().tallies(&[PollId::MAIN]).await.unwrap()[0].figures.ballots != count {
        ledger.scoreboard().moved().await;
    }
}

/// Runs work on the ledger's thread and connection, and waits until it is done.
async fn on_the_ledger(ledger: &SqliteLedger, work: impl FnOnce(&Connection) + Send + 'static) {
    let work = |conn: &mut Connection, _: &Movements| {
        work(conn);
        Ok(())
    };
    ledger.acceptor.work("testing", Duration::from_secs(10), work).await.unwrap();
}

/// Makes every later count fail, while ballots can still be appended.
async fn stop_counting(ledger: &SqliteLedger) {
    on_the_ledger(ledger, |conn| {
        let refuse =
            "CREATE TEMP TRIGGER refuse BEFORE INSERT ON main.ballots BEGIN SELECT raise(ABORT, 'refused'); END";
        conn.execute_batch(refuse).unwrap();
    })
    .await;
}

#[tokio::test]
async fn uncounted_ballots_are_exported_and_counted_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let first = ledger(directory.path()).await;
    first.cast(ballot(1), FIRST_REVISION).await.unwrap();
    first.cast(ballot(3), FIRST_REVISION).await.unwrap();
    counted(&first, 2).await;
    stop_counting(&first).await;
    first.cast(ballot(2), FIRST_REVISION).await.unwrap();
    // The same voter again: only together with the counted ballots are they one voter.
    first.cast(ballot(1), FIRST_REVISION).await.unwrap();

    let (to, exported) = mpsc::channel();
    let reader = SqliteScoreboard::open(&directory.path().join("ledger.db")).unwrap();
    let audit = reader.entries(move |entry| to.send(entry.position).map_err(io::Error::other)).await.unwrap();
    let exported: Vec<_> = exported.iter().collect();
    assert_eq!(exported.len(), 5, "the poll and four ballots");
    assert!(exported.is_sorted(), "{exported:?}");
    assert_eq!((audit.0.recounts[0].recounted.ballots, audit.0.recounts[0].recounted.voters), (4, 3));
    assert_eq!(first.accepted(PollId::MAIN).await, Ok(4));
    let figures = |ledger: Arc<SqliteLedger>| async move {
        ledger.scoreboard().tallies(&[PollId::MAIN]).await.unwrap().remove(0).figures
    };
    assert_eq!(figures(first.clone()).await.ballots, 2);

    drop(first);
    let again = SqliteLedger::open(&directory.path().join("ledger.db")).unwrap();
    let figures = figures(again).await;
    assert_eq!((figures.ballots, figures.voters), (4, 3));
}

/// An acceptor without its thread, with one open poll.
fn acceptor(directory: &Path) -> Acceptor {
    let path = directory.join("ledger.db");
    let OpenLedger { ledger, ring, counted_through, files, .. } = opening::open_for_writing(&path).unwrap();
    let counts = CountQueue::start(ledger, Arc::default(), counted_through, Arc::clone(&files)).unwrap();
    let clock = Arc::new(LogClock::new(Arc::new(|| 1_700_000_000_000), 0));
    let (reading, accepted) = (connection::open_for_reading(&path).unwrap(), Arc::default());
    let mut acceptor = Acceptor::new(reading, ring, counts, clock, accepted, Arc::default(), files);
    let poll = Poll::new(PollId::MAIN, PollSpec::simple("Cats or Dogs?", ["Cats", "Dogs"])).unwrap();
    let (to, mut created) = oneshot::channel();
    acceptor.take(vec![Job::Request(Request::Create(Box::new(poll.clone()), Reply::new(to)))]);
    assert_eq!(created.try_recv(), Ok(Ok(Some(ChangeOutcome::Done(poll)))));
    acceptor
}

fn cast_at(acceptor: &mut Acceptor, number: u64) -> Result<CastOutcome, Unavailable> {
    let (to, mut answered) = oneshot::channel();
    let answer = Reply::new(to);
    acceptor.take(vec![Job::Request(Request::Cast(CastRequest {
        ballot: ballot(number),
        revision: FIRST_REVISION,
        answer,
    }))]);
    answered.try_recv().expect("an answer")
}

fn recorded_at(acceptor: &mut Acceptor, number: u64) -> Position {
    match cast_at(acceptor, number) {
        Ok(CastOutcome::Recorded(position)) => position,
        other => panic!("not recorded: {other:?}"),
    }
}

fn counted_at(acceptor: &Acceptor) -> u64 {
    acceptor.counts.flush().unwrap();
    store::poll(&acceptor.ledger, PARTITION, PollId::MAIN).unwrap().unwrap().ballots
}

#[test]
fn a_disk_that_fails_refuses_ballots_until_it_is_there_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut acceptor = acceptor(directory.path());
    let first = recorded_at(&mut acceptor, 1);
    let path = directory.path().join("ledger.db.waiting");
    acceptor.ring.replace(File::open(&path).unwrap());
    // Written to a file that is open for reading only: how much of it was written is unknown.
    assert!(cast_at(&mut acceptor, 2).is_err_and(|error| !error.nothing_happened()));
    assert!(cast_at(&mut acceptor, 2).is_err());
    assert_eq!(counted_at(&acceptor), 1, "what was accepted before is counted");

    acceptor.ring.replace(File::options().read(true).write(true).open(&path).unwrap());
    assert!(recorded_at(&mut acceptor, 2) > first);
    assert_eq!(counted_at(&acceptor), 2);
}

#[test]
fn what_a_commit_of_unknown_outcome_left_is_counted_before_anything_else() {
    let directory = tempfile::tempdir().unwrap();
    let mut acceptor = acceptor(directory.path());
    let first = recorded_at(&mut acceptor, 1);
    // As if the disk had stored it but failed to confirm.
    let unknown = first.following(0);
    acceptor.ring.append(&[(unknown, ballot(2))]).unwrap();
    acceptor.tail = None;
    assert!(recorded_at(&mut acceptor, 3) > unknown);
    assert_eq!(counted_at(&acceptor), 3);
    assert_eq!(acceptor.accepted.of(PollId::MAIN), Some(3));
}

#[test]
fn at_the_end_all_is_in_the_ledger() {
    let directory = tempfile::tempdir().unwrap();
    let mut acceptor = acceptor(directory.path());
    recorded_at(&mut acceptor, 1);
    recorded_at(&mut acceptor, 2);
    acceptor.close();
    let path = directory.path().join("ledger.db");
    assert_eq!(ring_file::read(&directory.path().join("ledger.db.waiting")).unwrap().ballots, []);
    let ledger = connection::open_for_reading(&path).unwrap();
    assert_eq!(store::poll(&ledger, PARTITION, PollId::MAIN).unwrap().unwrap().ballots, 2);
}

#[tokio::test]
async fn ballots_are_accepted_while_counting_fails_until_the_ring_is_full() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = ledger(directory.path()).await;
    // As on a full disk: the ledger cannot grow, and the ring file already has its space.
    on_the_ledger(&ledger, |conn| {
        let pages: u32 = conn.query_row("PRAGMA page_count", (), |row| row.get(0)).unwrap();
        conn.query_row(&format!("PRAGMA max_page_count = {pages}"), (), |_| Ok(())).unwrap();
    })
    .await;
    let most_waiting = ring_file::CAPACITY as u64;
    let mut recorded = 0;
    let refused = loop {
        let mut group = JoinSet::new();
        for number in recorded..recorded + 500 {
            let ledger = Arc::clone(&ledger);
            group.spawn(async move { ledger.cast(ballot(number), FIRST_REVISION).await });
        }
        let answers = group.join_all().await;
        let taken = answers.iter().filter(|cast| matches!(cast, Ok(CastOutcome::Recorded(_)))).count() as u64;
        recorded += taken;
        if taken < 500 {
            break answers.into_iter().find(Result::is_err);
        }
        assert!(recorded <= most_waiting + 10_000, "{recorded} were accepted");
    };
    assert_eq!(refused, Some(Err(Unavailable::Full)));
    let waiting = ring_file::read(&directory.path().join("ledger.db.waiting")).unwrap().ballots;
    let counted_before = ledger.scoreboard().tallies(&[PollId::MAIN]).await.unwrap()[0].figures.ballots;
    assert!(
        recorded - counted_before > most_waiting - 5_000,
        "of {recorded} only the {counted_before} that were counted"
    );
    assert!(waiting.len() as u64 >= recorded - counted_before, "the next start would not count all of them");
    assert_eq!(ledger.accepted(PollId::MAIN).await, Ok(recorded), "what is full is still read");

    on_the_ledger(&ledger, |conn| conn.query_row("PRAGMA max_page_count = 1000000", (), |_| Ok(())).unwrap()).await;
    counted(&ledger, recorded).await;
    assert!(ledger.scoreboard().audit().await.unwrap().recounts[0].agrees());
    assert!(matches!(ledger.cast(ballot(recorded), FIRST_REVISION).await, Ok(CastOutcome::Recorded(_))));
}

#[tokio::test]
async fn a_change_that_can_not_be_written_is_certainly_not_done() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = ledger(directory.path()).await;
    on_the_ledger(&ledger, |conn| {
        let refuse =
            "CREATE TEMP TRIGGER refuse_polls BEFORE UPDATE ON main.polls BEGIN SELECT raise(ABORT, 'refused'); END";
        conn.execute_batch(refuse).unwrap();
    })
    .await;
    assert!(matches!(ledger.cast(ballot(1), FIRST_REVISION).await, Ok(CastOutcome::Recorded(_))));
    let refused = ledger.change(PollId::MAIN, PollChange::Close).await.unwrap_err();
    assert!(refused.nothing_happened(), "{refused:?}");
    stop_counting(&ledger).await;
    assert!(matches!(ledger.cast(ballot(2), FIRST_REVISION).await, Ok(CastOutcome::Recorded(_))));
    let refused = ledger.change(PollId::MAIN, PollChange::Close).await.unwrap_err();
    assert!(refused.nothing_happened(), "{refused:?}");
    assert!(matches!(ledger.cast(ballot(3), FIRST_REVISION).await, Ok(CastOutcome::Recorded(_))), "and voting goes on");
    let unready = ledger.ready().await.unwrap_err().to_string();
    assert!(unready.contains("2 ballots wait") && unready.contains("refused"), "{unready}");

    on_the_ledger(&ledger, |conn| conn.execute_batch("DROP TRIGGER refuse; DROP TRIGGER refuse_polls").unwrap()).await;
    assert!(matches!(ledger.change(PollId::MAIN, PollChange::Close).await, Ok(ChangeOutcome::Done(_))));
    counted(&ledger, 3).await;
    assert_eq!(ledger.ready().await, Ok(()));
}

#[tokio::test]
async fn a_panic_leaves_nobody_waiting_and_the_writer_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = ledger(directory.path()).await;
    let work = |conn: &mut Connection, _: &Movements| -> Result<(), StoreError> {
        let tx = conn.transaction()?;
        tx.execute("DELETE FROM tallies", ())?;
        panic!("as a test wants it");
    };
    let panicked = ledger.acceptor.work("testing", Duration::from_secs(10), work).await;
    assert!(matches!(panicked, Err(Unavailable::Failed { .. })), "{panicked:?}");
    assert!(matches!(ledger.cast(ballot(1), FIRST_REVISION).await, Ok(CastOutcome::Recorded(_))));
    counted(&ledger, 1).await;
    assert_eq!(ledger.scoreboard().tallies(&[PollId::MAIN]).await.unwrap()[0].figures.votes, [1, 0]);
}

/// Keeps the acceptor busy until something is sent to what this returns.
async fn hold(ledger: &SqliteLedger) -> mpsc::Sender<()> {
    let (begun, has_begun) = oneshot::channel();
    let (go_on, wait) = mpsc::channel::<()>();
    let hold = move |_: &CountQueue| {
        begun.send(()).unwrap();
        wait.recv().unwrap();
    };
    assert!(ledger.acceptor.submit("holding", Job::Work(Box::new(hold))).is_ok());
    has_begun.await.unwrap();
    go_on
}

#[tokio::test]
async fn with_a_full_queue_callers_get_busy_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = ledger(directory.path()).await;
    let go_on = hold(&ledger).await;

    let mut answers = Vec::new();
    for number in 0..MAX_QUEUE as u64 {
        let (to, answer) = oneshot::channel();
        ledger
            .acceptor
            .submit(
                "casting",
                Job::Request(Request::Cast(CastRequest {
                    ballot: ballot(number),
                    revision: FIRST_REVISION,
                    answer: Reply::new(to),
                })),
            )
            .unwrap();
        answers.push(answer);
    }
    let refused = ledger.cast(ballot(u64::MAX), FIRST_REVISION).await;
    assert_eq!(refused, Err(Unavailable::Busy));
    go_on.send(()).unwrap();
    for answer in answers {
        assert!(matches!(answer.await.unwrap(), Ok(CastOutcome::Recorded(_))));
    }
    assert_eq!(ledger.accepted(PollId::MAIN).await, Ok(MAX_QUEUE as u64));
}

#[tokio::test]
async fn a_request_that_was_not_begun_in_time_is_certainly_not_done() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = ledger(directory.path()).await;
    let go_on = hold(&ledger).await;
    let (cast, change) =
        tokio::join!(ledger.cast(ballot(1), FIRST_REVISION), ledger.change(PollId::MAIN, PollChange::Close));
    assert!(matches!(cast, Err(Unavailable::NotDone { .. })), "{cast:?}");
    assert!(matches!(change, Err(Unavailable::NotDone { .. })), "{change:?}");
    go_on.send(()).unwrap();
    assert!(matches!(ledger.cast(ballot(2), FIRST_REVISION).await, Ok(CastOutcome::Recorded(_))), "the poll is open");
    counted(&ledger, 1).await;
    assert_eq!(ledger.accepted(PollId::MAIN).await, Ok(1));
}
