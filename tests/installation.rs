//! Services that don't belong together: each is refused with a line that says what and why, and takes nothing.

#![expect(clippy::unwrap_used, reason = "what a test can't have makes it fail, helpers included")]

use std::process::{Command, Output};

use testkit::{
    address,
    postgres_server::TestDatabase,
    programs::{self, ORGANISER_TOKEN, Program, SECRET_KEY, Service, Services},
    redis_server::RedisServer,
    wait::{until, until_true},
};

const OTHER_KEY: &str = "another secret for tests, of more than 32 bytes";

/// Runs a command of the worker to its end.
fn worker_command(redis: &RedisServer, database: &TestDatabase, words: &[&str], further: &[(&str, &str)]) -> Output {
    let (redis_url, database_url) = (redis.url(), database.url());
    let servers = [("REDIS_URL", &*redis_url), ("DATABASE_URL", &*database_url)];
    let mut command = Command::new(programs::path("worker"));
    command.args(words).env_clear().envs(servers).envs(further.iter().copied()).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Starts `vote` or `result` with another key.
fn with_other_key(name: &'static str, server: (&str, &str)) -> Service {
    let (listen, admin) = (address::free(), address::free());
    let (listen_addr, admin_addr) = (listen.to_string(), admin.to_string());
    let environment = [
        ("LISTEN_ADDR", &*listen_addr),
        ("ADMIN_ADDR", &*admin_addr),
        ("SECRET_KEY", OTHER_KEY),
        ("ORGANISER_TOKEN", ORGANISER_TOKEN),
        server,
    ];
    Service { program: Program::start(name, &[], environment), listen: Some(listen), admin }
}

/// A new voter votes; the status.
async fn vote_at(vote: &Service) -> u16 {
    let client = reqwest::Client::builder().cookie_store(true).build().unwrap();
    let body = serde_json::json!({ "choices": ["a"] });
    // It may just be starting.
    let sent = until("an answer of vote", || async {
        client.post(format!("{}/api/polls/main/ballots", vote.url())).json(&body).send().await.ok()
    });
    sent.await.status().as_u16()
}

/// Waits until the service says in its log, and where it is asked whether it is ready, that it is refused.
async fn is_refused(service: &Service, event: &str, words: &[&str]) {
    let line = until(&format!("{event} of {words:?}"), || async {
        let output = service.program.output();
        output.lines().find(|line| line.contains(event)).map(str::to_owned)
    })
    .await;
    // Each partition says why it is not ready when it knows: the first may be asked about before it has looked.
    until_true(&format!("/readyz answers 503 with {words:?}"), || async {
        let Ok(answer) = reqwest::get(format!("http://{}/readyz", service.admin)).await else { return false };
        let refused = answer.status() == 503;
        answer.text().await.is_ok_and(|body| refused && words.iter().all(|word| body.contains(word)))
    })
    .await;
    for word in words {
        assert!(line.contains(word), "{word}: {line}");
    }
}

async fn shows(services: &Services, votes: u64) {
    let url = format!("{}/api/polls/main/tally", services.result.url());
    until_true(&format!("{votes} votes are shown"), || async {
        let Ok(answer) = reqwest::get(&url).await else { return false };
        answer.json::<serde_json::Value>().await.is_ok_and(|tally| tally["voters"] == votes)
    })
    .await;
}

#[tokio::test]
async fn a_second_vote_or_result_with_another_key_is_refused() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    assert_eq!(vote_at(&services.vote).await, 201);
    let other = with_other_key("vote", ("REDIS_URL", &redis.url()));
    is_refused(&other, "installation.refused", &["SECRET_KEY", "fingerprint", "worker rekey"]).await;
    assert_eq!(vote_at(&other).await, 503);
    let other = with_other_key("result", ("DATABASE_URL", &database.url()));
    is_refused(&other, "installation.refused", &["SECRET_KEY", "fingerprint"]).await;
    assert_eq!(vote_at(&services.vote).await, 201);
    shows(&services, 2).await;
    assert!(!services.vote.program.output().contains(SECRET_KEY));
}

#[tokio::test]
async fn a_second_ledger_leaves_the_log_of_the_first_alone() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let mut services = Services::start(&redis.url(), &database.url()).await;
    assert_eq!(vote_at(&services.vote).await, 201);
    shows(&services, 1).await;
    services.worker.program.kill();
    for _ in 0..20 {
        assert_eq!(vote_at(&services.vote).await, 201);
    }
    // Staging, by mistake on the log of production, with no patience for what is counted.
    let staging = TestDatabase::create().await;
    let stranger = programs::worker_with(&redis.url(), &staging.url(), &[("LOG_RETENTION", "1ms")]);
    is_refused(&stranger, "installation.refused", &["belongs to the installation", "DATABASE_URL", "--adopt"]).await;
    let refused = worker_command(&redis, &staging, &["begin"], &[]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(said(&refused).contains("--adopt"), "{refused:?}");

    services.worker.program.start_again();
    shows(&services, 21).await;
    assert_eq!(stranger.program.output().matches("installation.refused").count(), 1, "told once");
    // The ledger is lost for good, and an empty one takes its place.
    services.worker.program.kill();
    let adopted = worker_command(&redis, &staging, &["begin", "--adopt"], &[]);
    assert!(adopted.status.success(), "{}", said(&adopted));
    stranger.ready().await;
}

#[tokio::test]
async fn another_number_of_partitions_is_refused_by_vote_and_worker() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let mut services = Services::start(&redis.url(), &database.url()).await;
    services.worker.program.start_again_with("PARTITIONS", "4");
    services.vote.program.start_again_with("PARTITIONS", "4");
    is_refused(&services.worker, "installation.refused", &["PARTITIONS is 4", "PARTITIONS=1"]).await;
    is_refused(&services.vote, "installation.refused", &["PARTITIONS is 4"]).await;
    assert_eq!(vote_at(&services.vote).await, 503);
    services.worker.program.start_again_with("PARTITIONS", "1");
    services.vote.program.start_again_with("PARTITIONS", "1");
    services.ready().await;
    assert_eq!(vote_at(&services.vote).await, 201);
    shows(&services, 1).await;
}

#[tokio::test]
async fn a_log_is_begun_elsewhere_only_when_the_operator_says_so() {
    let (mut redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let mut services = Services::start(&redis.url(), &database.url()).await;
    assert_eq!(vote_at(&services.vote).await, 201);
    shows(&services, 1).await;
    redis.kill();
    let elsewhere = RedisServer::start().await;
    services.worker.program.start_again_with("REDIS_URL", &elsewhere.url());
    services.vote.program.start_again_with("REDIS_URL", &elsewhere.url());
    let (before, now) = (redis.url().replace("redis://", ""), elsewhere.url().replace("redis://", ""));
    is_refused(&services.worker, "installation.refused", &[&before, &now, "worker begin"]).await;
    assert_eq!(vote_at(&services.vote).await, 503);

    let begun = worker_command(&elsewhere, &database, &["begin"], &[]);
    assert!(begun.status.success(), "{}", said(&begun));
    services.ready().await;
    assert_eq!(vote_at(&services.vote).await, 201);
    shows(&services, 2).await;
    // Where it was, it is begun again by itself.
    let mut connection = elsewhere.connection().await;
    redis::cmd("FLUSHALL").exec_async(&mut connection).await.unwrap();
    until_true("ballots are taken again", || async { vote_at(&services.vote).await == 201 }).await;
    shows(&services, 3).await;
}

#[tokio::test]
async fn the_key_is_changed_by_a_command_and_not_while_a_poll_is_open() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let mut services = Services::start(&redis.url(), &database.url()).await;
    assert_eq!(vote_at(&services.vote).await, 201);
    let new = [("SECRET_KEY", OTHER_KEY)];
    let refused = worker_command(&redis, &database, &["rekey"], &new);
    assert!(refused.status.code() == Some(1) && said(&refused).contains("a poll is open"), "{refused:?}");
    let close = reqwest::Client::new().post(format!("{}/api/polls/main/close", services.vote.url()));
    let close = close.bearer_auth(ORGANISER_TOKEN).send().await.unwrap();
    assert!(close.status().is_success(), "{close:?}");
    until_true("the close is counted", || async {
        worker_command(&redis, &database, &["rekey"], &new).status.success()
    })
    .await;

    is_refused(&services.vote, "installation.refused", &["SECRET_KEY"]).await;
    is_refused(&services.result, "installation.refused", &["SECRET_KEY"]).await;
    services.vote.program.start_again_with("SECRET_KEY", OTHER_KEY);
    services.result.program.start_again_with("SECRET_KEY", OTHER_KEY);
    services.ready().await;
}

#[tokio::test]
async fn a_redis_that_would_lose_ballots_makes_vote_and_worker_not_ready() {
    let redis = RedisServer::start_with(&["--appendonly", "no"]).await;
    let database = TestDatabase::create().await;
    let vote = programs::vote(&redis.url(), None);
    let worker = programs::worker(&redis.url(), &database.url());
    for service in [&vote, &worker] {
        is_refused(service, "durability.refused", &["appendonly is no and must be yes"]).await;
    }
    assert_eq!(vote_at(&vote).await, 503);
    assert!(
        (vote.metric("scrutin_log_durability{partition=\"0\",state=\"refused\"}").await - 1.0).abs() < f64::EPSILON
    );
    drop((vote, worker));

    let unchecked = Services::start_with(&redis.url(), &database.url(), &[("DURABILITY", "unchecked")]).await;
    assert_eq!(vote_at(&unchecked.vote).await, 201);
    assert!(unchecked.vote.program.output().contains("durability.unchecked"));
}

/// Runs the all-in-one to its end.
fn all_in_one(directory: &std::path::Path, words: &[&str], key: Option<&str>) -> Output {
    let mut command = Command::new(programs::path("scrutin"));
    let anywhere = [("VOTE_ADDR", "127.0.0.1:0"), ("RESULT_ADDR", "127.0.0.1:0")];
    command.args(words).env_clear().env("DATA_DIR", directory).envs(anywhere);
    command.envs(key.map(|key| ("SECRET_KEY", key))).output().unwrap()
}

#[tokio::test]
async fn another_key_over_a_data_directory_is_refused_until_it_is_changed() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    let anywhere = [("VOTE_ADDR", "127.0.0.1:0"), ("RESULT_ADDR", "127.0.0.1:0"), ("DATA_DIR", data)];
    let mut running = Program::start("scrutin", &[], anywhere);
    until_true("it serves", || async { running.output().contains("http://") }).await;
    running.terminate().await;

    let refused = all_in_one(directory.path(), &[], Some(OTHER_KEY));
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(said(&refused).contains("SECRET_KEY") && said(&refused).contains("scrutin rekey"), "{refused:?}");
    let refused = all_in_one(directory.path(), &["rekey"], Some(OTHER_KEY));
    assert!(refused.status.code() == Some(1) && said(&refused).contains("a poll is open"), "{refused:?}");
    let forced = all_in_one(directory.path(), &["rekey", "--force"], Some(OTHER_KEY));
    assert!(forced.status.success(), "{}", said(&forced));

    running.start_again_with("SECRET_KEY", OTHER_KEY);
    let lines = |output: &str| output.matches("http://").count();
    let before = lines(&running.output());
    until_true("it serves again", || async { lines(&running.output()) >= before }).await;
    assert!(running.is_running());
}
