//! What both kinds of stories do: cast ballots, change polls, and run the commands that move a ledger.

use std::{
    path::Path,
    process::{Command, Output},
};

use reqwest::{Client, StatusCode, header};
use serde_json::{Value, json};
use testkit::{
    programs::{self, ORGANISER_TOKEN},
    tallies, wait,
};

/// A voter of the API, with the cookie that the first answer set.
pub(crate) struct Voter {
    pub(crate) cookie: String,
    pub(crate) receipt: String,
}

pub(crate) async fn cast(vote_url: &str, poll: &str, choice: &str, cookie: Option<&str>) -> Voter {
    let mut request = Client::new().post(format!("{vote_url}/api/polls/{poll}/ballots"));
    if let Some(cookie) = cookie {
        request = request.header(header::COOKIE, cookie);
    }
    let answer = request.json(&json!({"choices": [choice]})).send().await.expect("vote answers");
    assert_eq!(answer.status(), StatusCode::CREATED);
    let set = answer.headers().get_all(header::SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
    let voter = set.filter_map(|line| line.split(';').next()).find(|pair| pair.starts_with("voter-"));
    let cookie = voter.or(cookie).expect("a new voter gets a cookie").to_owned();
    let body: Value = serde_json::from_str(&answer.text().await.expect("text")).expect("JSON");
    Voter { cookie, receipt: body["receipt"].as_str().expect("a receipt").to_owned() }
}

pub(crate) async fn organise(vote_url: &str, path: &str, body: Value) {
    let request = Client::new().post(format!("{vote_url}/api/polls{path}")).bearer_auth(ORGANISER_TOKEN);
    let answer = request.json(&body).send().await.expect("vote answers");
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
}

pub(crate) fn export(data: &Path, file: &Path) -> Output {
    let mut command = Command::new(programs::path("scrutin"));
    command.args(["export", "--data-dir"]).arg(data).arg(file).env_clear();
    command.output().expect("scrutin export runs")
}

pub(crate) fn import(database_url: &str, partitions: &str, file: &Path) -> Output {
    let mut command = Command::new(programs::path("worker"));
    command.arg("import").arg(file).env_clear();
    command.env("DATABASE_URL", database_url).env("PARTITIONS", partitions).env("BATCH_ENTRIES", "100");
    command.output().expect("worker import runs")
}

/// `scrutin import` or another command on a data directory.
pub(crate) fn scrutin(data: &Path, arguments: &[&Path]) -> Output {
    let mut command = Command::new(programs::path("scrutin"));
    command.arg("--data-dir").arg(data).args(arguments).env_clear();
    command.output().expect("scrutin runs")
}

pub(crate) fn import_at_home(data: &Path, file: &Path) -> Output {
    scrutin(data, &["import".as_ref(), file])
}

pub(crate) fn export_of_services(database_url: &str, file: &Path) -> Output {
    let mut command = Command::new(programs::path("worker"));
    command.arg("export").arg(file).env_clear().env("DATABASE_URL", database_url);
    command.output().expect("worker export runs")
}

pub(crate) fn recount_of_services(database_url: &str) -> Output {
    let mut command = Command::new(programs::path("worker"));
    command.arg("recount").env_clear().env("DATABASE_URL", database_url).output().expect("worker recount runs")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A poll's tally as soon as so many ballots are counted.
pub(crate) async fn counted(result_url: &str, poll: &str, ballots: u64) -> Value {
    wait::until_true("the ballots to be counted", || async {
        tallies::tally(result_url, poll).await.is_some_and(|tally| tally["counted"] == ballots)
    })
    .await;
    tallies::tally(result_url, poll).await.expect("a tally")
}

/// A poll's tally as soon as its close is counted too.
pub(crate) async fn finished(result_url: &str, poll: &str, ballots: u64) -> Value {
    wait::until_true("the close to be counted", || async {
        tallies::tally(result_url, poll).await.is_some_and(|tally| tally["final"] == true)
    })
    .await;
    counted(result_url, poll, ballots).await
}

/// What the receipt's page says of it over the API.
pub(crate) async fn state(result_url: &str, poll: &str, receipt: &str) -> String {
    let url = format!("{result_url}/api/polls/{poll}/receipts/{receipt}");
    let answer = reqwest::get(url).await.expect("result answers").text().await.expect("text");
    let body: Value = serde_json::from_str(&answer).expect("JSON");
    body["status"].as_str().unwrap_or_else(|| panic!("no status: {answer}")).to_owned()
}
