//! What is lost, emptied or restored, with the real programs: the log begins anew, an older ledger counts the
//! rest again, and what can't be read is set aside, each time with a line that says so.

use reqwest::{Client, StatusCode};
use serde_json::json;
use testkit::{
    postgres_server::TestDatabase,
    programs::{self, ORGANISER_TOKEN, Service, Services},
    redis_server::RedisServer,
    steady_voters::SteadyVoters,
    tallies, wait,
};

async fn cast(vote: &Service, poll: &str, choice: &str) -> StatusCode {
    let url = format!("{}/api/polls/{poll}/ballots", vote.url());
    let answer = Client::new().post(url).json(&json!({"choices": [choice]})).send().await;
    answer.expect("vote answers").status()
}

async fn organise(vote: &Service, path: &str, body: serde_json::Value) -> StatusCode {
    let url = format!("{}/api/polls{path}", vote.url());
    let answer = Client::new().post(url).bearer_auth(ORGANISER_TOKEN).json(&body).send().await;
    answer.expect("vote answers").status()
}

/// Waits until the tally of a poll is so.
async fn tallied(result: &Service, poll: &str, votes: &[u64]) {
    wait::until_true(&format!("{votes:?} in {poll}"), || async {
        let tally = tallies::tally(&result.url(), poll).await;
        tally.is_some_and(|tally| tallies::votes(&tally, votes.len()) == votes)
    })
    .await;
}

/// Waits until this poll takes a ballot for `choice` again.
async fn takes_ballots_again(vote: &Service, poll: &str, choice: &str) {
    wait::until_true("ballots to be taken again", || async { cast(vote, poll, choice).await == StatusCode::CREATED })
        .await;
}

#[tokio::test]
async fn an_emptied_redis_gets_its_polls_back_and_the_closed_stay_closed() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    let vote = &services.vote;
    let lunch = json!({"id": "lunch", "question": "Lunch?", "options": ["Soup", "Salad"]});
    assert_eq!(organise(vote, "", lunch.clone()).await, StatusCode::CREATED);
    assert_eq!(cast(vote, "lunch", "a").await, StatusCode::CREATED);
    assert_eq!(organise(vote, "/lunch/close", json!({})).await, StatusCode::OK);
    assert_eq!(cast(vote, "main", "b").await, StatusCode::CREATED);
    tallied(&services.result, "lunch", &[1, 0]).await;
    tallied(&services.result, "main", &[0, 1]).await;

    let mut connection = redis.connection().await;
    redis::cmd("FLUSHALL").exec_async(&mut connection).await.expect("Redis is emptied");
    takes_ballots_again(vote, "main", "a").await;
    assert_eq!(cast(vote, "lunch", "b").await, StatusCode::CONFLICT, "a closed poll does not come back open");
    assert_eq!(organise(vote, "", lunch).await, StatusCode::CONFLICT, "a poll that the ledger has is not made again");
    tallied(&services.result, "main", &[1, 1]).await;
    tallied(&services.result, "lunch", &[1, 0]).await;
    assert!(services.worker.program.output().contains("log.begun"), "the worker says that it began a new log");
}

#[tokio::test]
async fn an_older_dump_of_the_database_is_caught_up_from_the_log() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let mut services = Services::start(&redis.url(), &database.url()).await;
    let voters = SteadyVoters::start(&[services.vote.url()], "main", 8, 2);
    voters.goes_on(100).await;
    let dump = tempfile::NamedTempFile::new().expect("a file for the dump");
    let dumped = std::process::Command::new("pg_dump")
        .args(["--format=custom", "--file"])
        .arg(dump.path())
        .arg(database.url())
        .status();
    assert!(dumped.expect("pg_dump runs (Debian package postgresql-client)").success());
    voters.goes_on(300).await;
    let outcome = voters.stop(2).await;
    outcome.is_counted(&services.vote.url(), &services.result.url(), "main").await;

    // The night it goes wrong: the database is lost, and an older dump is all there is.
    services.worker.program.kill();
    services.result.program.kill();
    let restored = TestDatabase::create().await;
    let status = std::process::Command::new("pg_restore")
        .args(["--no-owner", "--dbname"])
        .arg(restored.url())
        .arg(dump.path())
        .status();
    assert!(status.expect("pg_restore runs").success());
    services.worker.program.start_again_with("DATABASE_URL", &restored.url());
    services.result.program.start_again_with("DATABASE_URL", &restored.url());
    services.ready().await;
    outcome.is_counted(&services.vote.url(), &services.result.url(), "main").await;
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_is_set_aside_and_the_rest_is_counted() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    let mut connection = redis.connection().await;
    for nonsense in [&b"x"[..], &[0xff, 0x00, 0xfe]] {
        redis::cmd("XADD")
            .arg("{scrutin:0}:log")
            .arg("*")
            .arg("t")
            .arg(nonsense)
            .exec_async(&mut connection)
            .await
            .expect("the log takes anything");
    }
    assert_eq!(cast(&services.vote, "main", "a").await, StatusCode::CREATED);
    tallied(&services.result, "main", &[1, 0]).await;
    wait::until_true("two entries set aside", || async {
        (services.worker.metric("scrutin_worker_rejected_total").await - 2.0).abs() < 0.5
    })
    .await;
}

#[tokio::test]
async fn the_services_start_in_any_order_with_nothing_there_yet() {
    // Addresses at which nothing is yet.
    let (mut redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    redis.kill();
    let vote = programs::vote(&redis.url(), None);
    let worker = programs::worker(&redis.url(), &database.url());
    let result = programs::result(&database.url(), None);
    wait::until_true("vote to answer without Redis", || async {
        reqwest::get(vote.url()).await.is_ok_and(|answer| answer.status() == StatusCode::SERVICE_UNAVAILABLE)
    })
    .await;
    redis.restart().await;
    for service in [&vote, &worker, &result] {
        service.ready().await;
    }
    takes_ballots_again(&vote, "main", "b").await;
    tallied(&result, "main", &[0, 1]).await;
}

#[tokio::test]
async fn recount_agrees_until_somebody_tampers_with_a_tally() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    assert_eq!(cast(&services.vote, "main", "a").await, StatusCode::CREATED);
    tallied(&services.result, "main", &[1, 0]).await;
    let recount = || {
        std::process::Command::new(programs::path("worker"))
            .arg("recount")
            .env_clear()
            .env("DATABASE_URL", database.url())
            .output()
            .expect("worker recount runs")
    };
    let honest = recount();
    assert_eq!(honest.status.code(), Some(0), "{honest:?}");
    assert!(String::from_utf8_lossy(&honest.stdout).contains("main"), "{honest:?}");

    database.client().await.batch_execute("UPDATE tallies SET votes = votes + 1").await.expect("a tally is changed");
    let tampered = recount();
    assert_eq!(tampered.status.code(), Some(1), "{tampered:?}");
}
