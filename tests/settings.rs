//! Every program says what it can be told, and says in one line what it was told wrongly.

use std::{
    collections::BTreeMap,
    process::{Command, Output},
};

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

const PROGRAMS: [&str; 4] = ["scrutin", "vote", "worker", "result"];

fn help(program: &str) -> String {
    let help = run(program, &["--help"], &[]);
    assert_eq!(help.status.code(), Some(0));
    String::from_utf8(help.stdout).expect("help is text")
}

fn settings_page() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md")).expect("a page of settings")
}

/// The settings that `--help` of a program names, and the default of each that has one.
fn settings(help: &str) -> BTreeMap<&str, Option<&str>> {
    let (mut all, mut last) = (BTreeMap::new(), "");
    for line in help.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("[env: ") {
            last = rest.trim_end_matches([']', '=']);
            all.insert(last, None);
        } else if let Some(rest) = line.strip_prefix("[default: ") {
            all.insert(last, rest.strip_suffix(']').map(|default| default.trim_matches('"')));
        }
    }
    all
}

/// The rows of the table of settings: the settings in the first cell, the programs in the second, the defaults in the
/// third.
fn rows(page: &str) -> Vec<[&str; 3]> {
    let (_, table) =
        page.split_once("| key | of | default | what |\n|---|---|---|---|\n").expect("the table of settings");
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    rows.map(|row| row.splitn(5, '|').skip(1).take(3).collect::<Vec<_>>().try_into().expect("three columns")).collect()
}

#[test]
fn help_and_the_page_of_settings_name_the_same_settings_and_defaults() {
    let page = settings_page();
    for program in PROGRAMS {
        let help = help(program);
        let mut named = BTreeMap::new();
        for [keys, programs, defaults] in rows(&page) {
            if programs.contains("all") || programs.split(',').any(|each| each.trim() == program) {
                named.extend(keys.split(',').map(|key| (key.trim().trim_matches('`').to_owned(), defaults)));
            }
        }
        let settings = settings(&help);
        assert!(
            settings.keys().copied().eq(named.keys()),
            "{program}: {:?}, docs/settings.md {:?}",
            settings.keys(),
            named.keys()
        );
        for (key, default) in settings {
            let listed = named[key];
            assert!(
                default.is_none_or(|default| listed.contains(default)),
                "{program} {key}: {default:?}, docs/settings.md {listed}"
            );
        }
    }
}

#[test]
fn every_program_says_its_version_and_the_commit_if_it_was_told() {
    let commit = option_env!("SCRUTIN_COMMIT").filter(|commit| !commit.is_empty());
    let commit = commit.map(|commit| format!(" ({commit})")).unwrap_or_default();
    for program in PROGRAMS.into_iter().chain(["crowd"]) {
        let version = run(program, &["--version"], &[]);
        assert_eq!(version.status.code(), Some(0));
        let expected = format!("{program} {}{commit}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(String::from_utf8_lossy(&version.stdout), expected);
    }
}

#[test]
fn the_page_of_settings_names_every_command() {
    let page = settings_page();
    for program in PROGRAMS {
        let help = help(program);
        let (_, commands) = help.split_once("\nCommands:\n").unwrap();
        let commands = commands.lines().take_while(|line| !line.is_empty());
        let commands: Vec<_> = commands.filter_map(|line| line.strip_prefix("  ")?.split_once(' ')).collect();
        let commands = commands.into_iter().map(|(name, _)| name).filter(|name| !name.is_empty() && *name != "help");
        for command in commands {
            let named = if command == "healthcheck" { format!("`{command}`") } else { format!("`{program} {command}") };
            assert!(page.contains(&named), "docs/settings.md does not name {named}");
        }
    }
}

#[test]
fn a_wrong_value_is_one_clear_line_that_names_the_key() {
    let secret = ("SECRET_KEY", SECRET_KEY);
    for (program, environment) in [
        ("scrutin", &[("VOTE_ADDR", "here")][..]),
        ("scrutin", &[("SECRET_KEY", "short")]),
        ("scrutin", &[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector")]),
        (
            "scrutin",
            &[
                ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://collector"),
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector"),
            ],
        ),
        ("scrutin", &[("DATA_DIR", "/proc/none")]),
        ("vote", &[("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"), secret]),
        ("vote", &[("PARTITIONS", "0"), secret]),
        ("vote", &[("LISTEN_ADDR", "80"), secret]),
        ("vote", &[("RESULT_URL", "results"), secret]),
        ("vote", &[("REDIS_URL", "http://redis"), secret]),
        ("vote", &[("REDIS_URL", "redis://a redis://b"), secret]),
        ("vote", &[("REDIS_CA_FILE", "/none/ca.pem"), ("REDIS_URL", "rediss://a"), secret]),
        ("worker", &[("REDIS_CA_FILE", "/none/ca.pem")]),
        ("vote", &[("ORGANISER_TOKEN", "short"), secret]),
        ("vote", &[("SECRET_KEY", "short")]),
        ("vote", &[("KEEP_ALIVE", "0s"), secret]),
        ("vote", &[("TRUSTED_HOPS", "0"), secret]),
        ("result", &[("MAX_CONNECTIONS", "0"), secret]),
        ("worker", &[("LOG_RETENTION", "1 hour")]),
        ("worker", &[("DATABASE_URL", "mysql://db")]),
        ("worker", &[("DATABASE_URL", "postgres://db?sslmode=verify-full")]),
        ("worker", &[("DATABASE_URL", "postgres://a postgres://b")]),
        ("result", &[("DATABASE_URL", "postgres://db?sslmode=require&sslrootcert=/absent.pem"), secret]),
        ("result", &[("DATABASE_URL", "postgres://a/v postgres://a/v"), secret]),
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
