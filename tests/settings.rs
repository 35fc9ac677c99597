//! Every program says what it can be told, and says in one line what it was told wrongly.

use std::process::{Command, Output};

use reqwest::StatusCode;
use testkit::{
    address,
    programs::{self, Program, SECRET_KEY},
    wait,
};

fn run(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(programs::path(program));
    command.args(arguments).env_clear().envs(environment.iter().copied()).output().expect("it runs")
}

#[test]
fn help_names_every_setting_with_its_default() {
    let expected: [(&str, &[&str]); 4] = [
        ("scrutin", &["VOTE_ADDR", "RESULT_ADDR", "DATA_DIR", "QUESTION", "OPTION_A", "OPTION_B", "SECRET_KEY"]),
        (
            "vote",
            &[
                "REDIS_URL",
                "LISTEN_ADDR",
                "ADMIN_ADDR",
                "SECRET_KEY",
                "ORGANISER_TOKEN",
                "RESULT_URL",
                "PARTITIONS",
                "TRUSTED_PROXIES",
                "TRUSTED_HOPS",
                "KEEP_ALIVE",
                "MAX_CONNECTIONS",
            ],
        ),
        ("worker", &["REDIS_URL", "DATABASE_URL", "ADMIN_ADDR", "PARTITIONS", "LOG_RETENTION", "QUESTION"]),
        (
            "result",
            &[
                "DATABASE_URL",
                "LISTEN_ADDR",
                "ADMIN_ADDR",
                "SECRET_KEY",
                "VOTE_URL",
                "ALLOWED_ORIGINS",
                "EMBED_ORIGINS",
            ],
        ),
    ];
    for (program, keys) in expected {
        let help = run(program, &["--help"], &[]);
        assert_eq!(help.status.code(), Some(0));
        let text = String::from_utf8(help.stdout).unwrap();
        for key in keys {
            assert!(text.contains(&format!("[env: {key}")), "{program} --help does not name {key}: {text}");
        }
    }
}

#[test]
fn a_wrong_value_is_one_clear_line_that_names_the_key() {
    let secret = ("SECRET_KEY", SECRET_KEY);
    for (program, environment) in [
        ("scrutin", &[("VOTE_ADDR", "here")][..]),
        ("scrutin", &[("SECRET_KEY", "short")]),
        ("vote", &[("PARTITIONS", "0"), secret]),
        ("vote", &[("LISTEN_ADDR", "80"), secret]),
        ("vote", &[("RESULT_URL", "results"), secret]),
        ("vote", &[("REDIS_URL", "http://redis"), secret]),
        ("vote", &[("ORGANISER_TOKEN", "short"), secret]),
        ("vote", &[("SECRET_KEY", "short")]),
        ("vote", &[("KEEP_ALIVE", "0s"), secret]),
        ("vote", &[("TRUSTED_HOPS", "0"), secret]),
        ("result", &[("MAX_CONNECTIONS", "0"), secret]),
        ("worker", &[("LOG_RETENTION", "1 hour")]),
        ("worker", &[("DATABASE_URL", "mysql://db")]),
        ("worker", &[("QUESTION", " ")]),
        ("result", &[("VOTE_URL", "vote"), secret]),
        ("result", &[("ALLOWED_ORIGINS", "https://a.example,b"), secret]),
    ] {
        let output = run(program, &[], environment);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{program} {environment:?}: {said}");
        assert_eq!(said.trim().lines().count(), 1, "{program} {environment:?}: {said}");
        assert!(said.contains(environment[0].0), "{program} {environment:?}: {said}");
    }
    let missing = run("vote", &[], &[]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8(missing.stderr).unwrap().contains("SECRET_KEY"));
}

#[test]
fn a_password_that_cuts_its_address_short_is_told_how_to_be_written() {
    let secret = ("SECRET_KEY", SECRET_KEY);
    for (program, key, address, encoded) in [
        ("worker", "DATABASE_URL", "postgres://vote:hunter#2@db:5432/votes", "%23"),
        ("worker", "REDIS_URL", "redis://:hunter/2@redis:6379", "%2F"),
        ("result", "DATABASE_URL", "postgres://vote:hunter?2@db/votes", "%3F"),
        ("vote", "REDIS_URL", "redis://:hunter#2@redis", "%23"),
    ] {
        let output = run(program, &[], &[(key, address), secret]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(key) && said.contains(encoded) && !said.contains("hunter"), "{said}");
    }
}

#[tokio::test]
async fn without_an_organisers_token_there_is_no_organiser_and_the_log_says_so() {
    let (listen, admin) = (address::free(), address::free());
    let environment = [
        ("LISTEN_ADDR", listen.to_string()),
        ("ADMIN_ADDR", admin.to_string()),
        ("SECRET_KEY", SECRET_KEY.to_owned()),
        // Nobody answers there, and nobody is asked.
        ("REDIS_URL", format!("redis://{}", address::free())),
    ];
    let vote = Program::start("vote", &[], environment);
    wait::until_true("the log to say it", || async { vote.output().contains("ORGANISER_TOKEN is not set") }).await;
    let answer =
        wait::until("vote to answer", || async { reqwest::get(format!("http://{listen}/organise")).await.ok() });
    let answer = answer.await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    let bearer = reqwest::Client::new().get(format!("http://{listen}/api/polls")).bearer_auth("whatever-it-may-be");
    assert_eq!(bearer.send().await.unwrap().status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_result_service_says_so_too_and_takes_no_token() {
    let (listen, admin) = (address::free(), address::free());
    let environment = [
        ("LISTEN_ADDR", listen.to_string()),
        ("ADMIN_ADDR", admin.to_string()),
        ("SECRET_KEY", SECRET_KEY.to_owned()),
        ("DATABASE_URL", format!("postgres://nobody@{}/none", address::free())),
    ];
    let result = Program::start("result", &[], environment);
    wait::until_true("the log to say it", || async { result.output().contains("ORGANISER_TOKEN is not set") }).await;
    let url = format!("http://{listen}/api/polls/main/ballots.csv");
    let answer = wait::until("result to answer", || async {
        reqwest::Client::new().get(&url).bearer_auth("whatever-it-may-be").send().await.ok()
    });
    assert_eq!(answer.await.status(), StatusCode::FORBIDDEN);
}
