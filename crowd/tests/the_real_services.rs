//! The crowd at the real programs, on a real Redis and PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use clap::Parser;
use scrutin_crowd::{Report, Settings, run};
use serde_json::json;
use testkit::{
    postgres_server::TestDatabase,
    programs::{ORGANISER_TOKEN, Services},
    redis_server::RedisServer,
    tallies::accepted,
    wait,
};
use tokio_util::sync::CancellationToken;

async fn crowd_at(services: &Services, seconds: u32) -> Report {
    let settings = Settings::parse_from(
        format!(
            "crowd --vote-url {} --result-url {} --voters 300 --viewers 20 --probes 2 --rate 100 --duration {seconds}s",
            services.vote.url(),
            services.result.url()
        )
        .split(' '),
    );
    run(&settings, CancellationToken::new()).await.unwrap()
}

#[tokio::test]
async fn the_promise_is_kept_also_where_others_voted_before() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    let first = crowd_at(&services, 3).await;
    assert!(first.kept && first.ballots.acknowledged > 0 && first.cast_to_screen.count > 0, "{first}");
    assert!(first.viewers.all_final_after_ms.is_some(), "{first}");
    let second = crowd_at(&services, 1).await;
    assert!(second.kept && second.viewers.lost == 0, "{second}");
}

#[tokio::test]
async fn published_ballots_hold_with_the_promises_of_all_receipts() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    let (vote, result) = (services.vote.url(), services.result.url());
    let organise = async |path: &str, body: serde_json::Value| {
        let request = reqwest::Client::new().post(format!("{vote}/api/polls{path}")).bearer_auth(ORGANISER_TOKEN);
        let answer = request.json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
    };
    let poll = json!({"id": "rehearsal", "question": "Tea?", "options": ["Yes", "No", "Later"], "publish": true});
    organise("", poll).await;
    let settings = Settings::parse_from(
        format!(
            "crowd --vote-url {vote} --result-url {result} --poll rehearsal --voters 200 --viewers 5 --probes 0 \
             --rate 200 --duration 10m --receipts 100 --published-within 60s"
        )
        .split(' '),
    );
    let enough = CancellationToken::new();
    let publishing = async {
        wait::until_true("some hundred ballots", || async { accepted(&vote, "rehearsal").await > Some(600) }).await;
        enough.cancel();
        organise("/rehearsal/close", json!({})).await;
        organise("/rehearsal/publish", json!({})).await;
    };
    let (report, ()) = tokio::join!(run(&settings, enough.clone()), publishing);
    let report = report.unwrap();
    assert!(report.kept, "{report}");
    let what: Vec<_> = report.promise.iter().map(|check| check.what.as_str()).collect();
    assert!(what.ends_with(&["the published ballots have the tally", "the published ballots hold"]), "{report}");
}

#[tokio::test]
async fn a_tally_that_was_tampered_with_is_found() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    let meddling = async {
        let client = database.client().await;
        wait::until_true("a vote to meddle with", || async {
            // In each partition that has so many at that moment.
            client.execute("UPDATE tallies SET votes = votes + 1 WHERE option = 1 AND votes > 3", &[]).await.unwrap()
                > 0
        })
        .await;
    };
    let (report, ()) = tokio::join!(crowd_at(&services, 3), meddling);
    let broken: Vec<_> = report.promise.iter().filter(|check| !check.kept).map(|check| check.what.as_str()).collect();
    assert_eq!(broken, ["votes for b", "voters whose vote is not explained"], "{report}");
}
