//! The all-in-one where its ledger can't be written: voting goes on, and everybody is told that nothing is counted.

use reqwest::{Client, StatusCode};
use rusqlite::{Connection, TransactionBehavior};
use serde_json::json;
use testkit::{address, all_in_one::AllInOne, programs::ORGANISER_TOKEN, tallies, wait};

async fn vote(scrutin: &AllInOne) {
    let request = Client::new().post(scrutin.vote_url()).form(&[("vote", "a")]);
    assert!(request.send().await.expect("it answers").status().is_success());
}

async fn text(url: &str) -> (StatusCode, String) {
    let answer = reqwest::get(url).await.expect("it answers");
    (answer.status(), answer.text().await.expect("text"))
}

#[tokio::test]
async fn a_count_that_stands_still_is_told_while_voting_goes_on() {
    let data = tempfile::tempdir().unwrap();
    let admin = address::free().to_string();
    let settings = [("ADMIN_ADDR", admin.as_str()), ("ORGANISER_TOKEN", ORGANISER_TOKEN)];
    let scrutin = AllInOne::start_with(data.path(), settings).await;
    let (readyz, metrics) = (format!("http://{admin}/readyz"), format!("http://{admin}/metrics"));
    vote(&scrutin).await;
    wait::until_true("it to be ready", || async { text(&readyz).await.0 == StatusCode::OK }).await;

    // Another program holds the ledger, as on a full disk nothing can be written to it.
    let mut other = Connection::open(data.path().join("scrutin.db")).unwrap();
    let held = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    vote(&scrutin).await;
    wait::until_true("it to say that it is not ready", || async {
        let (status, reason) = text(&readyz).await;
        status == StatusCode::SERVICE_UNAVAILABLE && reason.contains("wait to be counted") && reason.contains("locked")
    })
    .await;
    let close = format!("{}/api/polls/main/close", scrutin.vote_url());
    let click =
        || async { Client::new().post(&close).bearer_auth(ORGANISER_TOKEN).json(&json!({})).send().await.unwrap() };
    let (refused, ()) = tokio::join!(click(), async {
        for _ in 0..10 {
            vote(&scrutin).await;
        }
    });
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let of_name = |text: &str, name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
        value.unwrap_or_default()
    };
    wait::until_true("the metrics to show what waits", || async {
        let (_, shown) = text(&metrics).await;
        of_name(&shown, "scrutin_ledger_lag_ballots") > 10.5 && of_name(&shown, "scrutin_ledger_lag_seconds") > 0.0
    })
    .await;
    wait::until_true("the scores to be stale", || async {
        tallies::tally(&scrutin.result_url(), "main").await.is_some_and(|tally| !tally["stale_since"].is_null())
    })
    .await;

    held.rollback().unwrap();
    wait::until_true("all to be counted", || async {
        let tally = tallies::tally(&scrutin.result_url(), "main").await;
        tally.is_some_and(|tally| tally["voters"] == 12 && tally["stale_since"].is_null())
    })
    .await;
    assert_eq!(text(&readyz).await.0, StatusCode::OK);
    assert_eq!(click().await.status(), StatusCode::OK);
    let log = scrutin.program.output();
    assert_eq!(log.matches("ledger.refused").count(), 1, "an outage is told once: {log}");
    assert_eq!(log.matches("ledger.counting").count(), 1, "and so is its end: {log}");
}
