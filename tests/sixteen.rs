//! Sixteen partitions, each on a server of its own, of which one is full: with the real programs.

#![expect(clippy::unwrap_used, reason = "all of it is test code, also where clippy does not see that")]

use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::{
    postgres_server::TestDatabase,
    programs::{ORGANISER_TOKEN, Services},
    redis_server::RedisServer,
    tallies, wait,
};

const PARTITIONS: usize = 16;
const FULL: usize = 5;

/// A new voter casts a ballot; `None` if the log of the voter's partition is full.
async fn cast(vote_url: &str) -> Option<()> {
    let request = reqwest::Client::new().post(format!("{vote_url}/api/polls/main/ballots"));
    let answer = request.json(&json!({"choices": ["a"]})).send().await.unwrap();
    let status = answer.status();
    let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    match status {
        StatusCode::CREATED => Some(()),
        StatusCode::SERVICE_UNAVAILABLE if body["code"] == "full" => None,
        _ => panic!("{status}: {body}"),
    }
}

async fn close(vote_url: &str) -> StatusCode {
    let request = reqwest::Client::new().post(format!("{vote_url}/api/polls/main/close"));
    request.bearer_auth(ORGANISER_TOKEN).send().await.unwrap().status()
}

async fn limit_memory(redis: &RedisServer, bytes: &str) {
    let mut connection = redis.connection().await;
    redis::cmd("CONFIG").arg(&["SET", "maxmemory", bytes]).exec_async(&mut connection).await.unwrap();
}

/// Voters of the full one hear that nothing was recorded, those of the others vote, and the result is whole.
#[tokio::test]
async fn one_full_partition_of_sixteen_refuses_its_voters_and_no_others() {
    let mut servers = Vec::new();
    for _ in 0..PARTITIONS {
        servers.push(RedisServer::start().await);
    }
    let addresses: Vec<String> = servers.iter().map(RedisServer::url).collect();
    let database = TestDatabase::create().await;
    let partitions = PARTITIONS.to_string();
    let services = Services::start_with(&addresses.join(" "), &database.url(), &[("PARTITIONS", &partitions)]).await;
    let vote_url = services.vote.url();
    limit_memory(&servers[FULL], "1").await;
    wait::until_true("one to be full", || async { cast(&vote_url).await.is_none() }).await;

    let (mut recorded, mut refused) = (tallies::accepted(&vote_url, "main").await.unwrap(), 0);
    while refused < 5 || recorded < 100 {
        match cast(&vote_url).await {
            Some(()) => recorded += 1,
            None => refused += 1,
        }
    }
    assert!(refused * 4 < recorded, "one of sixteen refuses: {refused} refused, {recorded} recorded");
    services.vote.ready().await;

    // There is room for whatever an organiser does.
    assert_eq!(close(&vote_url).await, StatusCode::OK);
    let tally = wait::until("the result to be final", || async {
        let tally = tallies::tally(&services.result.url(), "main").await?;
        (tally["final"] == true).then_some(tally)
    })
    .await;
    assert_eq!((tally["voters"].as_u64(), tallies::votes(&tally, 2)), (Some(recorded), vec![recorded, 0]));

    limit_memory(&servers[FULL], "0").await;
    let request = reqwest::Client::new().post(format!("{vote_url}/api/polls/main/open"));
    assert_eq!(request.bearer_auth(ORGANISER_TOKEN).send().await.unwrap().status(), StatusCode::OK);
    let mut in_a_row = 0;
    wait::until_true("all sixteen to record again", async || {
        in_a_row = cast(&vote_url).await.map_or(0, |()| in_a_row + 1);
        in_a_row > 100
    })
    .await;
}
