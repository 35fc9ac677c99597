//! Opening the file again: what stays, who is refused, and what a recount finds.
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use domain::{
    Ballot, BallotBox, CastOutcome, Choices, FIRST_REVISION, Movement, Poll, PollId, PollSpec, Position, Scoreboard,
    VoterId,
};
use rusqlite::Connection;
use scrutin_ledger_sqlite::{OpenError, SqliteLedger, SqliteScoreboard};

async fn create_main(ledger: &SqliteLedger) {
    let poll = Poll::new(PollId::MAIN, PollSpec::simple("Cats or Dogs?", ["Cats", "Dogs"])).unwrap();
    ledger.create(poll).await.unwrap();
}

async fn cast(ledger: &SqliteLedger, voter: u8) -> Position {
    let ballot =
        Ballot { poll: PollId::MAIN, voter: VoterId::from_bytes([voter; 16]), choices: Choices::parse(["a"]).unwrap() };
    match ledger.cast(ballot, FIRST_REVISION).await.unwrap() {
        CastOutcome::Recorded(position) => position,
        other => panic!("not recorded: {other:?}"),
    }
}

/// Waits until `count` ballots are counted.
async fn counted(scoreboard: &dyn Scoreboard, count: u64) {
    while scoreboard.tallies(&[PollId::MAIN]).await.unwrap()[0].figures.ballots != count {
        scoreboard.moved().await;
    }
}

async fn votes(scoreboard: &dyn Scoreboard) -> Vec<u64> {
    scoreboard.tallies(&[PollId::MAIN]).await.unwrap().remove(0).figures.votes
}

#[tokio::test]
async fn positions_grow_although_the_clock_was_set_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let millis = Arc::new(AtomicU64::new(1_700_000_000_000));
    let open = || {
        let millis = Arc::clone(&millis);
        SqliteLedger::open_with_clock(&path, Arc::new(move || millis.load(Ordering::Relaxed))).unwrap()
    };
    let ledger = open();
    create_main(&ledger).await;
    let first = cast(&ledger, 1).await;
    assert_eq!(first.millis(), 1_700_000_000_000);
    millis.store(1_600_000_000_000, Ordering::Relaxed);
    let second = cast(&ledger, 2).await;
    drop(ledger);
    let ledger = open();
    let third = cast(&ledger, 3).await;
    assert!(first < second && second < third, "{first} {second} {third}");
    millis.store(1_800_000_000_000, Ordering::Relaxed);
    assert_eq!(cast(&ledger, 4).await, Position::new(1_800_000_000_000, 0).unwrap());
    counted(&*ledger.scoreboard(), 4).await;
    assert_eq!(votes(&*ledger.scoreboard()).await, vec![4, 0]);
}

#[tokio::test]
async fn a_clock_beyond_the_last_position_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let open = || SqliteLedger::open_with_clock(&path, Arc::new(|| u64::MAX)).unwrap();
    let ledger = open();
    create_main(&ledger).await;
    let first = cast(&ledger, 1).await;
    assert_eq!(first.millis(), Position::MAX_MILLIS);
    drop(ledger);
    let conn = Connection::open(&path).unwrap();
    conn.execute("UPDATE log SET position = ?1", [i64::MAX]).unwrap();
    conn.close().unwrap();
    let ledger = open();
    let ballot =
        Ballot { poll: PollId::MAIN, voter: VoterId::from_bytes([2; 16]), choices: Choices::parse(["a"]).unwrap() };
    assert!(ledger.cast(ballot, FIRST_REVISION).await.is_err(), "acknowledged without a position");
    assert_eq!(votes(&*ledger.scoreboard()).await, vec![1, 0]);
}

#[tokio::test]
async fn closing_leaves_one_file_that_holds_everything() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let ledger = SqliteLedger::open(&path).unwrap();
    create_main(&ledger).await;
    cast(&ledger, 1).await;
    let unanswered = ledger.cast(
        Ballot { poll: PollId::MAIN, voter: VoterId::from_bytes([2; 16]), choices: Choices::parse(["b"]).unwrap() },
        FIRST_REVISION,
    );
    // Asked once and then dropped: the request is queued, and closing still finishes it.
    assert!(futures_once(unanswered).await);
    drop(ledger);

    let alone = directory.path().join("copy.db");
    std::fs::copy(&path, &alone).unwrap();
    assert_eq!(votes(&SqliteScoreboard::open(&alone).unwrap()).await, vec![1, 1]);
}

/// Polls a future a single time; says whether it is still waiting.
async fn futures_once<T>(future: impl Future<Output = T>) -> bool {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| std::task::Poll::Ready(future.as_mut().poll(context).is_pending())).await
}

#[tokio::test]
async fn a_second_writer_is_refused_and_a_reader_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let ledger = SqliteLedger::open(&path).unwrap();
    create_main(&ledger).await;
    cast(&ledger, 1).await;
    let refused = SqliteLedger::open(&path).unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused:?}");
    assert!(refused.to_string().ends_with("ledger.db is in use by another process"), "{refused}");

    let reader = SqliteScoreboard::open(&path).unwrap();
    counted(&reader, 1).await;
    cast(&ledger, 2).await;
    assert_eq!(reader.moved().await, Movement::Any);
    counted(&reader, 2).await;
    assert_eq!(votes(&reader).await, vec![2, 0]);
    drop(ledger);
    SqliteLedger::open(&path).expect("the lock goes with its holder");
}

#[tokio::test]
async fn a_database_of_a_newer_release_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    drop(SqliteLedger::open(&path).unwrap());
    let conn = Connection::open(&path).unwrap();
    conn.execute("INSERT INTO migrations (number) VALUES (999)", ()).unwrap();
    conn.close().unwrap();
    for refused in [SqliteLedger::open(&path).unwrap_err(), SqliteScoreboard::open(&path).err().unwrap()] {
        assert!(matches!(refused, OpenError::Newer { found: 999, .. }), "{refused:?}");
        assert!(refused.to_string().contains("newer release"), "{refused}");
    }
}

#[test]
fn what_is_no_ledger_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("letter.txt");
    std::fs::write(&file, "Dear Sir or Madam, ".repeat(500)).unwrap();
    let nowhere = directory.path().join("nowhere/ledger.db");
    for path in [&file, &nowhere] {
        let refused = SqliteLedger::open(path).unwrap_err().to_string();
        assert!(refused.contains(&path.display().to_string()), "{refused}");
    }
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("Dear Sir"), "the letter is left as it is");
    let missing = directory.path().join("missing.db");
    assert!(SqliteScoreboard::open(&missing).is_err());
    assert!(!missing.exists(), "a reader makes nothing");
    Connection::open(&missing).unwrap().execute_batch("CREATE TABLE other (x)").unwrap();
    let refused = SqliteScoreboard::open(&missing).err().unwrap();
    assert!(matches!(refused, OpenError::Older { found: 0, .. }), "{refused:?}");
}

#[tokio::test]
async fn a_recount_shows_what_was_tampered_with() {
    let tampering = [
        "UPDATE tallies SET votes = votes + 1 WHERE option = 1",
        "UPDATE turnout SET voters = voters + 1",
        "UPDATE ballots SET choices = 2 WHERE voter = (SELECT min(voter) FROM ballots)",
        "UPDATE ballots SET choices = 4 WHERE voter = (SELECT min(voter) FROM ballots)",
        "DELETE FROM ballots WHERE voter = (SELECT min(voter) FROM ballots)",
    ];
    for sql in tampering {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.db");
        let ledger = SqliteLedger::open(&path).unwrap();
        create_main(&ledger).await;
        for voter in 0..3 {
            cast(&ledger, voter).await;
        }
        counted(&*ledger.scoreboard(), 3).await;
        assert!(ledger.scoreboard().audit().await.unwrap().recounts[0].agrees());
        tamper(&path, sql);
        let recount = &ledger.scoreboard().audit().await.unwrap().recounts[0];
        assert!(!recount.agrees(), "{sql}: {recount:?}");
    }
}

fn tamper(path: &Path, sql: &str) {
    assert_eq!(Connection::open(path).unwrap().execute(sql, ()).unwrap(), 1, "{sql}");
}
