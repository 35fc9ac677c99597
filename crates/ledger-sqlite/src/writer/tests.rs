//! What happens when the disk is full, the work panics, or more is asked than can be done.

use std::{path::Path, sync::mpsc as blocking};

use domain::{BallotBox, Choices, FIRST_REVISION, PollSpec, Scoreboard, VoterId};

use super::*;
use crate::SqliteLedger;

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

/// Does something on the writer's thread and connection, and waits until it is done.
async fn on_the_desk(ledger: &SqliteLedger, work: impl FnOnce(&Connection) + Send + 'static) {
    let work = |conn: &mut Connection, _: &Movements| {
        work(conn);
        Ok(())
    };
    ledger.writer.work("testing", Duration::from_secs(10), work).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_refuses_ballots_until_there_is_space_again() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = ledger(directory.path()).await;
    on_the_desk(&ledger, |conn| {
        let pages: u32 = conn.query_row("PRAGMA page_count", (), |row| row.get(0)).unwrap();
        conn.query_row(&format!("PRAGMA max_page_count = {}", pages + 2), (), |_| Ok(())).unwrap();
    })
    .await;

    let mut recorded = 0;
    let refused = loop {
        match ledger.cast(ballot(recorded), FIRST_REVISION).await {
            Ok(Cast::Recorded(_)) => recorded += 1,
            other => break other,
        }
        assert!(recorded < 10_000, "the disk is never full");
    };
    assert!(matches!(refused, Err(Unavailable::Failed { .. })), "{refused:?}");
    assert_eq!(ledger.accepted(PollId::MAIN).await, Ok(recorded), "what is full is still read");

    on_the_desk(&ledger, |conn| {
        conn.query_row("PRAGMA max_page_count = 1000000", (), |_| Ok(())).unwrap();
    })
    .await;
    assert!(matches!(ledger.cast(ballot(recorded), FIRST_REVISION).await, Ok(Cast::Recorded(_))));
    let figures = ledger.tallies(&[PollId::MAIN]).await.unwrap().remove(0).figures;
    assert_eq!((figures.votes[0], figures.counted), (recorded + 1, recorded + 1));
    assert!(ledger.audit().await.unwrap().polls[0].agrees());
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
    let panicked = ledger.writer.work("testing", Duration::from_secs(10), work).await;
    assert!(matches!(panicked, Err(Unavailable::Failed { .. })), "{panicked:?}");
    assert!(matches!(ledger.cast(ballot(1), FIRST_REVISION).await, Ok(Cast::Recorded(_))));
    assert_eq!(ledger.tallies(&[PollId::MAIN]).await.unwrap()[0].figures.votes, [1, 0]);
}

#[tokio::test]
async fn with_a_full_queue_callers_are_told_at_once_that_nothing_happened() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = ledger(directory.path()).await;
    let (begun, has_begun) = oneshot::channel();
    let (go_on, wait) = blocking::channel::<()>();
    let hold = move |_: &mut Connection, _: &Movements| {
        begun.send(()).unwrap();
        wait.recv().unwrap();
    };
    assert!(ledger.writer.submit("holding", Job::Work(Box::new(hold))).is_ok());
    has_begun.await.unwrap();

    let mut answers = Vec::new();
    for number in 0..MAX_QUEUE as u64 {
        let (to, answer) = oneshot::channel();
        ledger.writer.submit("casting", Job::Request(Request::Cast(ballot(number), FIRST_REVISION, to))).unwrap();
        answers.push(answer);
    }
    let refused = ledger.cast(ballot(u64::MAX), FIRST_REVISION).await;
    assert_eq!(refused, Err(Unavailable::Busy));
    go_on.send(()).unwrap();
    for answer in answers {
        assert!(matches!(answer.await.unwrap(), Cast::Recorded(_)));
    }
    assert_eq!(ledger.accepted(PollId::MAIN).await, Ok(MAX_QUEUE as u64));
}
