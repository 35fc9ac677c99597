//! The all-in-one's figures outside of the program: a recount and a copy have everything that was acknowledged, or say
//! what they lack.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use reqwest::Client;
use rusqlite::{Connection, TransactionBehavior};
use testkit::{all_in_one::AllInOne, programs, tallies, wait};

/// So many new voters vote, and are told that it is recorded.
async fn vote(scrutin: &AllInOne, voters: usize) {
    for _ in 0..voters {
        let request = Client::new().post(scrutin.vote_url()).form(&[("vote", "a")]);
        assert!(request.send().await.expect("it answers").status().is_success());
    }
}

async fn counted(scrutin: &AllInOne, voters: u64) {
    wait::until_true("the count", || async {
        tallies::tally(&scrutin.result_url(), "main").await.is_some_and(|tally| tally["voters"] == voters)
    })
    .await;
}

fn run(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(programs::path("scrutin"));
    command.args(arguments).arg("--data-dir").arg(data).env_clear().output().expect("scrutin runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Leaves ballots in the ring file that are in no table: the ledger is held by another program, and the power fails.
async fn kill_while_waiting(scrutin: &mut AllInOne, data: &Path, voters: usize) {
    let mut other = Connection::open(data.join("scrutin.db")).expect("a second program opens the ledger");
    let held = other.transaction_with_behavior(TransactionBehavior::Immediate).expect("it holds the ledger");
    vote(scrutin, voters).await;
    scrutin.program.kill();
    held.rollback().expect("and lets go");
}

#[tokio::test]
async fn a_recount_names_what_waits_and_after_a_start_it_is_counted() {
    let data = tempfile::tempdir().unwrap();
    let mut scrutin = AllInOne::start(data.path()).await;
    vote(&scrutin, 3).await;
    counted(&scrutin, 3).await;
    kill_while_waiting(&mut scrutin, data.path(), 5).await;
    let recount = run(data.path(), &["recount"]);
    let text = said(&recount);
    assert!(text.contains("waiting: 5 ballots of main") && text.contains("1 poll agrees"), "{text}");
    scrutin.program.start_again();
    counted(&scrutin, 8).await;
    assert!(!said(&run(data.path(), &["recount"])).contains("waiting"));
}

#[tokio::test]
async fn a_terminal_that_is_closed_ends_it_well_and_everything_is_in_the_ledger() {
    let data = tempfile::tempdir().unwrap();
    let mut scrutin = AllInOne::start(data.path()).await;
    vote(&scrutin, 20).await;
    scrutin.program.signal("HUP");
    assert!(scrutin.program.exit().await.success());
    let alone = tempfile::tempdir().unwrap();
    fs::copy(data.path().join("scrutin.db"), alone.path().join("scrutin.db")).unwrap();
    let recount = run(alone.path(), &["recount"]);
    let text = said(&recount);
    assert_eq!(recount.status.code(), Some(0), "{text}");
    assert!(text.lines().any(|line| line.split_whitespace().eq(["main", "voters", "20", "20"])), "{text}");
}

#[tokio::test]
async fn damaged_slots_are_named_by_a_recount_and_at_the_next_start() {
    let data = tempfile::tempdir().unwrap();
    let mut scrutin = AllInOne::start(data.path()).await;
    kill_while_waiting(&mut scrutin, data.path(), 6).await;
    let ring = data.path().join("scrutin.db.waiting");
    let mut bytes = fs::read(&ring).unwrap();
    // The voter's pseudonym in the second and in the fourth slot: a header of 32 bytes, and 65 for each slot.
    for slot in [1, 3] {
        bytes[32 + slot * 65 + 40] ^= 1;
    }
    fs::write(&ring, bytes).unwrap();
    let text = said(&run(data.path(), &["recount"]));
    assert!(text.contains("waiting: 4 ballots of main"), "{text}");
    assert!(text.contains("damaged: 2 slots") && text.contains("in slot 1, position"), "{text}");
    scrutin.program.start_again();
    counted(&scrutin, 4).await;
    let log = scrutin.program.output();
    assert!(log.contains("ring.damaged") && log.contains("\"slots\":2") && log.contains("in slot 3"), "{log}");
}

#[tokio::test]
async fn a_copy_of_a_running_ledger_alone_says_that_it_is_incomplete() {
    let (data, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let scrutin = AllInOne::start(data.path()).await;
    vote(&scrutin, 2).await;
    counted(&scrutin, 2).await;
    let file = copy.path().join("scrutin.db");
    let other = Connection::open(data.path().join("scrutin.db")).unwrap();
    other.execute("VACUUM INTO ?1", [file.to_str().unwrap()]).unwrap();
    drop(other);
    let recount = run(copy.path(), &["recount"]);
    assert_eq!(recount.status.code(), Some(1), "{recount:?}");
    assert!(said(&recount).contains("INCOMPLETE"), "{recount:?}");

    fs::copy(data.path().join("secret-key"), copy.path().join("secret-key")).unwrap();
    let mut again = AllInOne::start(copy.path()).await;
    assert!(again.program.output().contains("ring.missing"), "{}", again.program.output());
    vote(&again, 1).await;
    counted(&again, 3).await;
    assert!(again.program.terminate().await.success());
    let text = said(&run(copy.path(), &["recount"]));
    assert!(text.contains("gap: partition 0") && text.contains("1 poll agrees"), "{text}");
    assert!(!text.contains("INCOMPLETE"), "what is missing is noted now: {text}");
}

#[tokio::test]
async fn a_backup_of_a_running_program_has_everything_acknowledged() {
    let (data, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut scrutin = AllInOne::start(data.path()).await;
    vote(&scrutin, 2).await;
    counted(&scrutin, 2).await;
    // Some of it waits: the ledger is held by another program.
    let mut other = Connection::open(data.path().join("scrutin.db")).unwrap();
    let held = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    vote(&scrutin, 4).await;
    let file = copy.path().join("scrutin.db");
    let backup = run(data.path(), &["backup", file.to_str().unwrap()]);
    assert!(backup.status.success(), "{}", said(&backup));
    held.rollback().unwrap();
    let again = run(data.path(), &["backup", file.to_str().unwrap()]);
    assert!(!again.status.success(), "nothing is overwritten: {}", said(&again));
    let recount = run(copy.path(), &["recount"]);
    assert_eq!(recount.status.code(), Some(0), "{}", said(&recount));

    counted(&scrutin, 6).await;
    assert!(scrutin.program.terminate().await.success());
    for name in ["secret-key", "organiser-token"] {
        fs::copy(data.path().join(name), copy.path().join(name)).unwrap();
    }
    let restored = AllInOne::start(copy.path()).await;
    counted(&restored, 6).await;
    assert!(!restored.program.output().contains("ring."), "{}", restored.program.output());
}
