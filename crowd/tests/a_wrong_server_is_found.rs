//! The crowd against servers that keep the promise, and servers that break it in one small way each.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod fake;

use std::net::SocketAddr;

use clap::Parser;
use fake::Lie;
use scrutin_crowd::{Report, Settings, run};
use tokio_util::sync::CancellationToken;

/// Sixty voters, who change their minds a lot.
const SIXTY: &str = "--voters 60 --probes 1 --duration 2s --settle 20s";
/// The same, but they don't wait for long, since what they wait for never comes.
const SIXTY_IN_VAIN: &str = "--voters 60 --probes 0 --duration 2s --settle 5s";
/// Sixty voters who all try again, and have the time to change their minds after that. Of their receipts none is looked
/// up but those that tell which of two ballots counts.
const PATIENT: &str = "--voters 60 --probes 0 --duration 6s --settle 20s --retries 100 --receipts 0";
/// Voters who all vote once, so that none of their ballots can be explained by a later one.
const NO_CHANGES: &str = "--voters 1000 --probes 0 --changes 0 --duration 2s --settle 20s";
/// The same, where nobody is there.
const NO_SERVER: &str = "--voters 1000 --settle 1s";

async fn crowd_at(lie: Lie, crowd: &str) -> Report {
    let arguments = arguments(fake::start(lie).await, crowd);
    let settings = Settings::parse_from(std::iter::once("crowd").chain(arguments.split(' ')));
    run(&settings, CancellationToken::new()).await.unwrap()
}

fn arguments(fake: SocketAddr, crowd: &str) -> String {
    let url = format!("--vote-url http://{fake} --result-url http://{fake}");
    format!("{url} --viewers 5 --rate 100 --seed 1 {crowd}")
}

fn broken(report: &Report) -> Vec<&str> {
    report.promise.iter().filter(|check| !check.kept).map(|check| check.what.as_str()).collect()
}

#[tokio::test]
async fn a_server_that_keeps_the_promise_passes() {
    let report = crowd_at(Lie::None, SIXTY).await;
    assert!(report.kept, "{report}");
    // How many more there are is up to the machine.
    assert!(report.ballots.acknowledged > 61 && report.errors.is_empty(), "{report}");
    assert!(report.voters == 61 && report.ballots.latency.count > 60 && report.cast_to_screen.count > 0, "{report}");
}

#[tokio::test]
async fn errors_alone_break_nothing() {
    for lie in [Lie::ErrorButRecorded, Lie::ErrorNotRecorded] {
        let report = crowd_at(lie, SIXTY).await;
        assert!(report.kept && report.ballots.unknown > 10, "{lie:?} {report}");
    }
}

#[tokio::test]
async fn a_lost_ballot_is_found() {
    let report = crowd_at(Lie::LoseOne, NO_CHANGES).await;
    assert!(!report.kept && broken(&report).contains(&"voters whose vote is not explained"), "{report}");
}

#[tokio::test]
async fn a_ballot_counted_twice_is_found() {
    let report = crowd_at(Lie::CountTwice, NO_CHANGES).await;
    assert!(broken(&report).contains(&"turnout"), "{report}");
}

#[tokio::test]
async fn a_ballot_counted_for_another_option_is_found() {
    let report = crowd_at(Lie::WrongOption, NO_CHANGES).await;
    assert!(broken(&report).contains(&"voters whose vote is not explained"), "{report}");
}

#[tokio::test]
async fn a_change_of_mind_that_was_not_counted_is_found() {
    let report = crowd_at(Lie::KeepTheFirst, SIXTY).await;
    assert!(broken(&report).contains(&"voters whose vote is not explained"), "{report}");
}

#[tokio::test]
async fn one_screen_with_old_scores_is_found() {
    let report = crowd_at(Lie::StaleScreen, SIXTY_IN_VAIN).await;
    assert_eq!(broken(&report), ["screens that show this tally"], "{report}");
    assert_eq!(report.viewers.all_final_after_ms, None, "{report}");
}

#[tokio::test]
async fn a_receipt_that_is_not_found_is_told() {
    let report = crowd_at(Lie::ForgetReceipt, SIXTY).await;
    assert_eq!(broken(&report), ["receipts that say what their voter knows"], "{report}");
}

#[tokio::test]
async fn published_ballots_are_verified_against_what_was_kept() {
    let crowd = format!("{SIXTY} --published-within 20s --receipts 40");
    let report = crowd_at(Lie::None, &crowd).await;
    assert!(report.kept, "{report}");
    let found = |what: &str| report.promise.iter().find(|check| check.what == what).unwrap().found.clone();
    assert_eq!(found("receipts that have a promise"), "40, and 1 checkpoints");
    assert_eq!(found("receipts that have a proof"), "40");
    assert_eq!(found("the published ballots hold"), "80 notes of voters");
}

#[tokio::test]
async fn a_publication_that_lacks_a_ballot_is_found() {
    let crowd = format!("{SIXTY} --published-within 20s");
    let report = crowd_at(Lie::PublishWithoutOne, &crowd).await;
    let expected = ["the published ballots have the tally", "the published ballots hold"];
    assert_eq!(broken(&report), expected, "{report}");
}

// What counts for such a voter can be explained by the ballot before, whose outcome is unknown.
#[tokio::test]
async fn an_acknowledged_ballot_lost_after_an_unknown_one_is_found() {
    let report = crowd_at(Lie::LoseAfterError, PATIENT).await;
    assert_eq!(broken(&report), ["receipts that say which of two ballots counts"], "{report}");
}

#[tokio::test]
async fn a_ballot_in_doubt_that_is_counted_after_a_change_of_mind_is_found() {
    let report = crowd_at(Lie::CountLate, PATIENT).await;
    assert!(broken(&report).contains(&"voters whose vote is not explained"), "{report}");
}

#[tokio::test]
async fn a_count_that_never_comes_to_its_end_is_told() {
    let report = crowd_at(Lie::NeverFinish, SIXTY_IN_VAIN).await;
    assert_eq!(broken(&report), ["everything accepted is counted"], "{report}");
}

#[tokio::test]
async fn the_exit_code_tells_kept_from_broken_from_not_tried() {
    let nobody = "127.0.0.1:1".parse().unwrap();
    let (honest, losing) = (fake::start(Lie::None).await, fake::start(Lie::LoseOne).await);
    for (server, crowd, code) in [(honest, NO_CHANGES, 0), (losing, NO_CHANGES, 1), (nobody, NO_SERVER, 2)] {
        let mut program = tokio::process::Command::new(env!("CARGO_BIN_EXE_crowd"));
        let output = program.args(arguments(server, crowd).split(' ')).arg("--json").output().await.unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
        if code < 2 {
            let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(report["kept"], code == 0);
        }
    }
}
