//! Scores never pass for live while nothing is counted, with the real programs.

#![expect(clippy::unwrap_used, reason = "all of it is test code, also where clippy does not see that")]

use serde_json::{Value, json};
use testkit::{postgres_server::TestDatabase, programs::Services, redis_server::RedisServer, wait};

async fn tally(services: &Services) -> Value {
    let answer = reqwest::get(format!("{}/api/polls/main/tally", services.result.url())).await.unwrap();
    answer.json().await.unwrap()
}

async fn page(services: &Services) -> String {
    reqwest::get(services.result.url()).await.unwrap().text().await.unwrap()
}

async fn stands_still(services: &Services) -> u64 {
    wait::until("the scores say since when they stand still", || async {
        tally(services).await["stale_since"].as_u64()
    })
    .await
}

async fn is_live(services: &Services, voters: u64) {
    wait::until_true("all are counted and the scores are live", || async {
        let tally = tally(services).await;
        tally["voters"] == voters && tally["stale_since"].is_null()
    })
    .await;
}

#[tokio::test]
async fn a_count_that_stands_still_is_shown_and_live_again_when_back() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let mut services = Services::start(&redis.url(), &database.url()).await;
    is_live(&services, 0).await;
    let client = reqwest::Client::new();
    let ballots = format!("{}/api/polls/main/ballots", services.vote.url());
    let vote = async || {
        let answer = client.post(&ballots).json(&json!({ "choices": ["a"] })).send().await.unwrap();
        assert_eq!(answer.status(), 201);
    };
    services.worker.program.kill();
    for _ in 0..30 {
        vote().await;
    }
    let since = stands_still(&services).await;
    assert!(page(&services).await.contains(r#"data-kind="stale""#));
    assert_eq!(tally(&services).await["stale_since"], since, "and it stays that");
    assert!(tally(&services).await["at"].as_u64().unwrap() > since);
    services.worker.program.start_again();
    is_live(&services, 30).await;

    // One that hangs keeps its lead, and its connections.
    services.worker.program.signal("STOP");
    assert!(stands_still(&services).await > since);
    services.worker.program.signal("CONT");
    is_live(&services, 30).await;
    assert!(!page(&services).await.contains(r#"data-kind="stale""#));
}
