//! The program `worker` itself: its commands, its exit codes, what it tells its operator.

#![expect(clippy::unwrap_used, reason = "what a test can't have makes it fail, helpers included")]

use std::process::{Command, Output};

use domain::{Ballot, BallotBox, CastOutcome, Choices, FIRST_REVISION, Partitions, PollId, VoterId};
use log_redis::RedisBallotBox;
use testkit::{
    postgres_server::TestDatabase,
    programs::{self, Service},
    redis_server::RedisServer,
    wait::until_true,
};

/// Runs the program to its end, with these settings and no others.
fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut worker = Command::new(env!("CARGO_BIN_EXE_worker"));
    worker.args(arguments).env_clear().envs(environment.iter().copied()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn cast(redis: &RedisServer, ballots: u8) {
    let ballot_box = RedisBallotBox::new(&redis.url().parse().unwrap(), Partitions::ONE);
    until_true("ballots are taken", || async { ballot_box.ready().await.is_ok() }).await;
    for voter in 0..ballots {
        let (voter, choices) = (VoterId::from_bytes([voter; 16]), Choices::parse(["a"]).unwrap());
        let cast = ballot_box.cast(Ballot { poll: PollId::MAIN, voter, choices }, FIRST_REVISION).await;
        assert!(matches!(cast, Ok(CastOutcome::Recorded(_))), "{cast:?}");
    }
}

async fn metric_is(worker: &Service, name: &str, value: &str) {
    let value: f64 = value.parse().unwrap();
    let what = format!("{name} is {value}");
    until_true(&what, || async { (worker.metric(name).await - value).abs() < f64::EPSILON }).await;
}

#[tokio::test]
async fn the_recount_agrees_until_a_figure_is_tampered_with() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let worker = programs::worker(&redis.url(), &database.url());
    cast(&redis, 7).await;
    metric_is(&worker, "scrutin_worker_ballots_total", "7").await;

    let recount = run(&["recount"], &[("DATABASE_URL", &database.url())]);
    assert_eq!(recount.status.code(), Some(0), "{recount:?}");
    assert!(text(&recount.stdout).ends_with("1 poll agrees\n"), "{recount:?}");

    let tamper = "UPDATE tallies SET votes = votes + 1";
    database.client().await.batch_execute(tamper).await.unwrap();
    let recount = run(&["--database-url", &database.url(), "recount"], &[]);
    assert_eq!(recount.status.code(), Some(1), "{recount:?}");
    let stdout = text(&recount.stdout);
    assert!(stdout.contains("8             7  DIFFERS\n"), "{stdout}");
}

#[tokio::test]
async fn the_operator_sees_what_is_counted_what_waits_and_that_it_is_well() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let mut worker = programs::worker(&redis.url(), &database.url());
    worker.ready().await;
    let admin = worker.admin.to_string();
    assert_eq!(run(&["healthcheck"], &[("ADMIN_ADDR", &admin)]).status.code(), Some(0));
    cast(&redis, 3).await;
    for (name, value) in [
        ("scrutin_worker_leads", "1"),
        ("scrutin_worker_entries_total", "3"),
        ("scrutin_worker_ballots_total", "3"),
        ("scrutin_worker_rejected_total", "0"),
        ("scrutin_worker_batch_entries_sum", "3"),
        ("scrutin_worker_lag_ballots", "0"),
        ("scrutin_worker_logs_begun_total", "1"),
        ("scrutin_worker_gaps_total", "0"),
    ] {
        metric_is(&worker, name, value).await;
    }

    let log = "SELECT log_id FROM log";
    let log: String = database.client().await.query_one(log, &[]).await.unwrap().get(0);
    metric_is(&worker, &format!("scrutin_worker_log_info{{partition=\"0\",log=\"{log}\"}}"), "1").await;

    // Nothing can be counted while the database takes no connections: the lag grows, and voting goes on.
    let client = database.client().await;
    let allow =
        |allow: bool| format!("UPDATE pg_database SET datallowconn = {allow} WHERE datname = current_database()");
    let terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'scrutin-worker'";
    client.batch_execute(&allow(false)).await.unwrap();
    client.batch_execute(terminate).await.unwrap();
    cast(&redis, 5).await;
    metric_is(&worker, "scrutin_worker_lag_ballots", "5").await;
    client.batch_execute(&allow(true)).await.unwrap();
    metric_is(&worker, "scrutin_worker_lag_ballots", "0").await;
    metric_is(&worker, "scrutin_worker_ballots_total", "8").await;
    assert!(worker.program.output().contains("ledger.away"), "{}", worker.program.output());

    assert!(worker.program.terminate().await.success());
    let health = run(&["healthcheck"], &[("ADMIN_ADDR", &admin)]);
    assert_eq!(health.status.code(), Some(1), "{health:?}");
}

#[tokio::test]
async fn settings_of_the_first_poll_that_come_too_late_are_told() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let mut first = programs::worker_with(&redis.url(), &database.url(), &[("OPTION_A", "Tea")]);
    first.ready().await;
    assert!(first.program.terminate().await.success());
    assert!(!first.program.output().contains("settings_not_applied"), "{}", first.program.output());
    let again = programs::worker_with(&redis.url(), &database.url(), &[("OPTION_A", "Coffee")]);
    until_true("the worker to tell", || async { again.program.output().contains("settings_not_applied: OPTION_A") })
        .await;
}

#[test]
fn a_wrong_setting_is_one_line_that_names_it_and_exit_code_2() {
    for (key, value) in [
        ("REDIS_URL", "http://:hunter2@redis"),
        ("DATABASE_URL", "mysql://u:hunter2@db/votes"),
        ("PARTITIONS", "0"),
        ("LOG_RETENTION", "an hour"),
        ("BATCH_ENTRIES", "10001"),
        ("QUESTION", " "),
        ("OPTION_A", " "),
        ("OPTION_B", "Cats"),
        ("ADMIN_ADDR", "here"),
        ("LOG", "info,=="),
    ] {
        let output = run(&[], &[(key, value)]);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{key}: {stderr}");
        assert!(stderr.starts_with(&format!("worker: {key}: ")) && stderr.lines().count() == 1, "{stderr}");
        assert!(!stderr.contains("hunter2"), "{stderr}");
    }
    assert_eq!(run(&["count"], &[]).status.code(), Some(2), "an unknown command");
}
