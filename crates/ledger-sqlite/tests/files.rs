//! The ledger's files: one writer whatever the name, for their owner only, and watched while they are open.
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    sync::Arc,
    time::Duration,
};

use domain::{
    Ballot, BallotBox, CastOutcome, Choices, FIRST_REVISION, Poll, PollId, PollSpec, Position, Scoreboard, Unavailable,
    VoterId,
};
use rusqlite::Connection;
use scrutin_ledger_sqlite::{OpenError, SqliteLedger, SqliteScoreboard};
use testkit::wait;

async fn create_main(ledger: &SqliteLedger) {
    let poll = Poll::new(PollId::MAIN, PollSpec::simple("Cats or Dogs?", ["Cats", "Dogs"])).unwrap();
    ledger.create(poll).await.unwrap();
}

async fn cast(ledger: &SqliteLedger, voter: u8) -> Result<Position, Unavailable> {
    let ballot =
        Ballot { poll: PollId::MAIN, voter: VoterId::from_bytes([voter; 16]), choices: Choices::parse(["a"]).unwrap() };
    match ledger.cast(ballot, FIRST_REVISION).await? {
        CastOutcome::Recorded(position) => Ok(position),
        other => panic!("not recorded: {other:?}"),
    }
}

/// Once `voters` are counted.
async fn counted(ledger: &SqliteLedger, voters: u64) {
    wait::until_true("the count", || async {
        ledger.scoreboard().tallies(&[PollId::MAIN]).await.is_ok_and(|tallies| tallies[0].figures.voters == voters)
    })
    .await;
}

#[test]
fn one_open_file_of_a_ledger_keeps_other_writers_out() {
    for locked in ["ledger.db.lock", "ledger.db.waiting"] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.db");
        drop(SqliteLedger::open(&path).unwrap());
        let held = File::open(directory.path().join(locked)).unwrap();
        held.lock().unwrap();
        let refused = SqliteLedger::open(&path).unwrap_err();
        assert!(matches!(refused, OpenError::InUse { .. }), "{locked}: {refused:?}");
        drop(held);
        SqliteLedger::open(&path).unwrap();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_ledger_itself_is_locked_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let ledger = SqliteLedger::open(&path).unwrap();
    // As a process would find it that made a lock file and a ring file of its own.
    let other = File::open(&path).unwrap();
    assert!(matches!(other.try_lock(), Err(fs::TryLockError::WouldBlock)));
    drop(ledger);
    other.try_lock().unwrap();
    assert!(matches!(SqliteLedger::open(&path), Err(OpenError::InUse { .. })));
}

#[tokio::test]
async fn a_link_to_the_ledger_leads_to_the_same_lock() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("disk")).unwrap();
    let path = directory.path().join("disk/ledger.db");
    let ledger = SqliteLedger::open(&path).unwrap();
    symlink(&path, directory.path().join("link.db")).unwrap();
    symlink("disk", directory.path().join("data")).unwrap();
    for name in ["link.db", "data/ledger.db", "disk/../disk/ledger.db"] {
        let refused = SqliteLedger::open(&directory.path().join(name)).unwrap_err();
        assert!(matches!(refused, OpenError::InUse { .. }), "{name}: {refused:?}");
    }
    drop(ledger);
    SqliteLedger::open(&directory.path().join("link.db")).unwrap();
}

#[test]
fn a_file_with_a_second_name_is_refused() {
    for linked in ["ledger.db", "ledger.db.waiting"] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.db");
        drop(SqliteLedger::open(&path).unwrap());
        fs::hard_link(directory.path().join(linked), directory.path().join("other.db")).unwrap();
        for name in ["ledger.db", "other.db"] {
            let refused = SqliteLedger::open(&directory.path().join(name));
            if linked == name || name == "ledger.db" {
                let refused = refused.unwrap_err();
                assert!(matches!(refused, OpenError::HardLinked { links: 2, .. }), "{linked}: {refused:?}");
                assert!(refused.to_string().contains("second writer"), "{refused}");
            }
        }
        fs::remove_file(directory.path().join("other.db")).unwrap();
        SqliteLedger::open(&path).unwrap();
    }
}

#[tokio::test]
async fn a_ring_file_beside_a_link_from_an_earlier_release_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let (path, link) = (directory.path().join("ledger.db"), directory.path().join("link.db"));
    let ledger = SqliteLedger::open(&path).unwrap();
    create_main(&ledger).await;
    cast(&ledger, 1).await.unwrap();
    counted(&ledger, 1).await;
    // The ring file keeps the ballot until it closes; to a ledger from before it, the ballot waits.
    fs::copy(directory.path().join("ledger.db.waiting"), directory.path().join("link.db.waiting")).unwrap();
    drop(ledger);
    uncount(&path);
    symlink("ledger.db", &link).unwrap();
    let again = SqliteLedger::open(&link).unwrap();
    counted(&again, 1).await;
    assert_eq!(fs::metadata(directory.path().join("link.db.waiting")).unwrap().len(), 0, "it waits there no more");
    cast(&again, 2).await.unwrap();
    counted(&again, 2).await;
}

/// Sets a ledger back to before its ballots.
fn uncount(path: &Path) {
    let conn = Connection::open(path).unwrap();
    conn.execute_batch(
        "DELETE FROM ballots; UPDATE tallies SET votes = 0; UPDATE turnout SET voters = 0, counted = 0;
         UPDATE log SET position = (SELECT position FROM polls), counted = 0;",
    )
    .unwrap();
    conn.close().unwrap();
}

#[tokio::test]
async fn all_files_are_for_their_owner_only_and_older_ones_become_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let modes = || {
        let entries = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap());
        let mode = |entry: &fs::DirEntry| entry.metadata().unwrap().permissions().mode() & 0o777;
        let mut modes: Vec<_> =
            entries.map(|entry| (entry.file_name().into_string().unwrap(), format!("{:o}", mode(&entry)))).collect();
        modes.sort();
        modes
    };
    let names = ["ledger.db", "ledger.db-shm", "ledger.db-wal", "ledger.db.lock", "ledger.db.waiting"];
    let expected = names.map(|name| (name.to_owned(), "600".to_owned()));
    let ledger = SqliteLedger::open(&path).unwrap();
    assert_eq!(modes(), expected);
    drop(ledger);
    for name in ["ledger.db", "ledger.db.lock", "ledger.db.waiting"] {
        fs::set_permissions(directory.path().join(name), Permissions::from_mode(0o644)).unwrap();
    }
    let _ledger = SqliteLedger::open(&path).unwrap();
    assert_eq!(modes(), expected);
}

/// Moves these files away while they are open, and perhaps puts others in their place; then nothing is taken.
async fn stops_without(names: &[&str], replaced: bool) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let ledger = SqliteLedger::open(&path).unwrap();
    create_main(&ledger).await;
    cast(&ledger, 1).await.unwrap();
    ledger.ready().await.unwrap();
    let aside = directory.path().join("aside");
    fs::create_dir(&aside).unwrap();
    for name in names {
        let path = directory.path().join(name);
        fs::rename(&path, aside.join(name)).unwrap();
        if replaced {
            fs::copy(aside.join(name), &path).unwrap();
        }
    }
    assert!(cast(&ledger, 2).await.is_err(), "{names:?}: acknowledged into a file that nobody will read");
    let unready = ledger.ready().await.unwrap_err().to_string();
    assert!(unready.contains("deleted or moved") || unready.contains("replaced"), "{names:?}: {unready}");
    let poll = Poll::new(PollId::parse("lunch").unwrap(), PollSpec::simple("Lunch?", ["Soup", "Salad"])).unwrap();
    assert!(ledger.create(poll).await.is_err(), "{names:?}: nothing is changed either");
    drop(ledger);

    for name in names {
        fs::rename(aside.join(name), directory.path().join(name)).unwrap();
    }
    let again = SqliteLedger::open(&path).unwrap();
    counted_at_least(&again, 1).await;
    cast(&again, 3).await.unwrap();
}

/// A ballot that was not acknowledged may be counted too.
async fn counted_at_least(ledger: &Arc<SqliteLedger>, voters: u64) {
    let figures = ledger.scoreboard().tallies(&[PollId::MAIN]).await.unwrap().remove(0).figures;
    assert!(figures.voters >= voters, "{figures:?}");
    assert!(ledger.scoreboard().audit().await.unwrap().recounts[0].agrees());
}

#[tokio::test]
async fn without_its_files_no_ballot_is_accepted_and_none_is_lost() {
    let all = ["ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.db.waiting"];
    for name in all {
        stops_without(&[name], false).await;
    }
    stops_without(&all, false).await;
    stops_without(&["ledger.db"], true).await;
    stops_without(&["ledger.db.waiting"], true).await;
    stops_without(&all, true).await;
}

#[tokio::test]
async fn a_directory_that_was_renamed_is_noticed_without_a_vote() {
    let home = tempfile::tempdir().unwrap();
    let (data, elsewhere) = (home.path().join("data"), home.path().join("elsewhere"));
    fs::create_dir(&data).unwrap();
    let ledger = SqliteLedger::open(&data.join("ledger.db")).unwrap();
    create_main(&ledger).await;
    fs::rename(&data, &elsewhere).unwrap();
    wait::until_true("reading to end", || async { ledger.scoreboard().tallies(&[PollId::MAIN]).await.is_err() }).await;
    assert!(ledger.ready().await.is_err());
    fs::rename(&elsewhere, &data).unwrap();
    tokio::time::timeout(Duration::from_secs(5), cast(&ledger, 1))
        .await
        .unwrap()
        .expect_err("it stays so until a start");
}

#[tokio::test]
async fn a_ledger_that_somebody_else_moved_on_is_not_written_any_more() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let ledger = SqliteLedger::open(&path).unwrap();
    create_main(&ledger).await;
    cast(&ledger, 1).await.unwrap();
    counted(&ledger, 1).await;
    // As a second writer would, whose clock is ahead: the ballots of this one would all be passed over.
    let other = Connection::open(&path).unwrap();
    other.execute("UPDATE log SET position = position + (60000 << 20)", ()).unwrap();
    _ = cast(&ledger, 2).await;
    wait::until_true("the writer to stop", || async { cast(&ledger, 3).await.is_err() }).await;
    let unready = ledger.ready().await.unwrap_err().to_string();
    assert!(unready.contains("another program writes"), "{unready}");
    let waiting = fs::read(directory.path().join("ledger.db.waiting")).unwrap();
    drop(ledger);
    assert_eq!(fs::read(directory.path().join("ledger.db.waiting")).unwrap(), waiting, "what waits is kept");
    // Its place is passed: it can't be counted any more, and that is told.
    let (_, uncounted) = SqliteScoreboard::open(&path).unwrap().recount().await.unwrap();
    assert!(!uncounted.passed_over.is_empty(), "{uncounted:?}");
    assert!(uncounted.waiting.is_empty(), "{uncounted:?}");
}
