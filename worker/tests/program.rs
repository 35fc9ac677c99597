//! The program `worker` itself: its commands, its exit codes, what it tells its operator.

#![expect(clippy::unwrap_used, reason = "what a test can't have makes it fail, helpers included")]

use std::process::{Command, Output};

use domain::{Ballot, BallotBox, CastOutcome, Choices, FIRST_REVISION, Partitions, PollId, VoterId};
use log_redis::RedisBallotBox;
use testkit::{
    postgres_server::TestDatabase,
    programs::{self, Service},
    redis_server::RedisServer,
    wait::{self, until_true},
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
    cast_in(redis, Partitions::ONE, ballots).await;
}

async fn cast_in(redis: &RedisServer, partitions: Partitions, ballots: u8) {
    let ballot_box = RedisBallotBox::new(&redis.url().parse().unwrap(), partitions);
    until_true("ballots are taken", || async { ballot_box.ready().await.is_ok() }).await;
    for voter in 0..ballots {
        let (voter, choices) = (VoterId::from_bytes([voter; 16]), Choices::parse(["a"]).unwrap());
        let ballot = Ballot { poll: PollId::MAIN, voter, choices };
        // Of several partitions one may begin later than the others.
        let cast = wait::until("the ballot", async || ballot_box.cast(ballot, FIRST_REVISION).await.ok()).await;
        assert!(matches!(cast, CastOutcome::Recorded(_)), "{cast:?}");
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

async fn ballots(database: &TestDatabase) -> i64 {
    database.client().await.query_one("SELECT count(*) FROM ballots", &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn two_databases_hold_one_installation_and_a_lost_one_is_replaced() {
    let redis = RedisServer::start().await;
    let redis_url = redis.url();
    let (one, two, empty) = (TestDatabase::create().await, TestDatabase::create().await, TestDatabase::create().await);
    let addresses = format!("{} {}", one.url(), two.url());
    let partitions = [("PARTITIONS", "2")];
    let worker = programs::worker_with(&redis_url, &addresses, &partitions);
    cast_in(&redis, Partitions::new(2).unwrap(), 40).await;
    metric_is(&worker, "scrutin_worker_ballots_total", "40").await;
    let (at_one, at_two) = (ballots(&one).await, ballots(&two).await);
    assert!(at_one > 0 && at_two > 0 && at_one + at_two == 40, "{at_one} + {at_two}");
    let recount = run(&["recount"], &[("DATABASE_URL", &addresses)]);
    assert_eq!(recount.status.code(), Some(0), "{recount:?}");
    let said = text(&recount.stdout);
    assert!(said.contains("ballots             40            40\n") && said.ends_with("1 poll agrees\n"), "{said}");

    // The second database is lost, and an empty one takes its place.
    drop(worker);
    let addresses = format!("{} {}", one.url(), empty.url());
    let worker = programs::worker_with(&redis_url, &addresses, &partitions);
    let refused = async || worker.program.output().contains("installation.refused");
    until_true("the worker to refuse it", refused).await;
    drop(worker);
    let servers = [("REDIS_URL", &*redis_url), ("DATABASE_URL", &*addresses), partitions[0]];
    let begun = run(&["begin"], &servers);
    assert!(!begun.status.success() && text(&begun.stderr).contains("--adopt"), "{begun:?}");
    let begun = run(&["begin", "--adopt"], &servers);
    assert!(begun.status.success(), "{begun:?}");
    let worker = programs::worker_with(&redis_url, &addresses, &partitions);
    worker.ready().await;
    metric_is(&worker, "scrutin_worker_leads", "2").await;
    until_true("its ballots to be counted again", async || ballots(&empty).await == at_two).await;
    assert_eq!(ballots(&one).await, at_one);
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
async fn a_poll_setting_that_comes_too_late_is_told_once_by_its_name() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let late = [("OPTION_B", "Frogs"), ("QUESTION", "Cats or Frogs?")];
    let mut worker = programs::worker_with(&redis.url(), &database.url(), &late[..1]);
    worker.ready().await;
    cast(&redis, 1).await;
    assert!(!worker.program.output().contains("poll.settings_not_applied"), "they made the poll");
    assert!(worker.program.terminate().await.success());

    let worker = programs::worker_with(&redis.url(), &database.url(), &late);
    until_true("the line", || async { worker.program.output().contains("poll.settings_not_applied") }).await;
    let output = worker.program.output();
    let line = output.lines().find(|line| line.contains("poll.settings_not_applied")).unwrap();
    assert!(line.contains("QUESTION") && !line.contains("OPTION_B"), "{line}");
    // It is attached again, and does not repeat itself.
    let mut connection = redis.connection().await;
    redis::cmd("DEL").arg("{scrutin:0}:attached").exec_async(&mut connection).await.unwrap();
    until_true("it is attached again", || async { worker.program.output().contains("log.detached") }).await;
    cast(&redis, 1).await;
    assert_eq!(worker.program.output().matches("poll.settings_not_applied").count(), 1);
}

#[tokio::test]
async fn a_replica_of_redis_is_warned_of_when_it_comes() {
    let (redis, replica) = (RedisServer::start().await, RedisServer::start().await);
    let database = TestDatabase::create().await;
    let worker = programs::worker(&redis.url(), &database.url());
    worker.ready().await;
    assert!(!worker.program.output().contains("durability.replicas"));
    let mut connection = replica.connection().await;
    let port = redis.port().to_string();
    redis::cmd("REPLICAOF").arg("127.0.0.1").arg(port).exec_async(&mut connection).await.unwrap();
    until_true("the warning", || async { worker.program.output().contains("durability.replicas") }).await;
    cast(&redis, 1).await;
}

#[test]
fn a_wrong_setting_is_one_line_that_names_it_and_exit_code_2() {
    for (key, value) in [
        ("REDIS_URL", "http://:hunter2@redis"),
        ("DATABASE_URL", "mysql://u:hunter2@db/votes"),
        ("DATABASE_URL", "postgres://u:hunter2@db/votes?sslmode=allow"),
        ("DATABASE_URL", "postgres://u:hunter2@db/votes?sslmode=verify-full"),
        ("DATABASE_URL", "postgres://u:hunter2@db/votes?sslmode=verify-full&sslrootcert=/absent.pem"),
        ("DATABASE_URL", "postgres://u:hunter2@a,b/votes?target_session_attrs=standby"),
        ("DATABASE_URL", "postgres://a postgres://u:hunter2@b"),
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
    let import = run(&["import", "-"], &[("DATABASE_URL", "postgres://a postgres://b")]);
    assert_eq!(import.status.code(), Some(2), "{import:?}");
    assert!(text(&import.stderr).starts_with("worker: DATABASE_URL: 2 addresses for 1 partitions"), "{import:?}");
    assert_eq!(run(&["count"], &[]).status.code(), Some(2), "an unknown command");
}

#[tokio::test]
async fn clocks_that_differ_are_told_and_measured() {
    let (ahead, mut behind, database) =
        (RedisServer::start().await, RedisServer::start().await, TestDatabase::create().await);
    let files = behind.files();
    behind.set_back(&files, std::time::Duration::from_secs(5)).await;
    let addresses = format!("{} {}", ahead.url(), behind.url());
    let worker = programs::worker_with(&addresses, &database.url(), &[("PARTITIONS", "2")]);
    until_true("the skew is told", || async { worker.program.output().contains("log.clock_skew") }).await;
    for (partition, expected) in [(0, 0.0), (1, -5.0)] {
        let name = format!("scrutin_worker_log_clock_ahead_seconds{{partition=\"{partition}\"}}");
        until_true("the clock is measured", || async { (worker.metric(&name).await - expected).abs() < 1.0 }).await;
    }
}
