//! From the vote to the check: on the real services a poll is published, and what voters and a witness have kept of it
//! holds; what is tampered with in the ledger does not.

use std::{fs, path::Path, process::Output};

use reqwest::{Client, StatusCode, header};
use serde_json::{Value, json};
use testkit::{
    all_in_one::AllInOne,
    postgres_server::TestDatabase,
    programs::{ORGANISER_TOKEN, Services},
    redis_server::RedisServer,
    tallies::tally,
    wait,
};

/// How many people vote.
const VOTERS: u64 = 40;

/// The poll at its two hosts.
struct PublishedEvening {
    vote_url: String,
    result_url: String,
    client: Client,
}

/// A voter: cookie, and the receipts of their ballots in order.
struct ReceiptHolder {
    cookie: String,
    receipts: Vec<String>,
}

impl PublishedEvening {
    /// Makes the poll.
    async fn begin(vote_url: String, result_url: String) -> Self {
        let evening = Self { vote_url, result_url, client: Client::new() };
        let poll = json!({
            "id": "board", "question": "Who?", "options": ["Ada", "Grace", "Barbara"], "max_choices": 2,
            "publish": true,
        });
        assert_eq!(evening.organise("/api/polls", Some(poll)).await, StatusCode::CREATED);
        wait::until("the poll at the result host", || tally(&evening.result_url, "board")).await;
        evening
    }

    async fn organise(&self, path: &str, body: Option<Value>) -> StatusCode {
        let request = self.client.post(format!("{}{path}", self.vote_url)).bearer_auth(ORGANISER_TOKEN);
        let request = if let Some(body) = body { request.json(&body) } else { request };
        request.send().await.expect("vote answers").status()
    }

    async fn come(&self) -> ReceiptHolder {
        let page = self.client.get(format!("{}/p/board", self.vote_url)).send().await.expect("a page");
        let cookies = page.headers().get_all(header::SET_COOKIE).iter();
        let cookies = cookies.filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
        ReceiptHolder { cookie: cookies.collect::<Vec<_>>().join("; "), receipts: Vec::new() }
    }

    async fn vote(&self, voter: &mut ReceiptHolder, choices: &[&str]) {
        let address = format!("{}/api/polls/board/ballots", self.vote_url);
        let request = self.client.post(address).header(header::COOKIE, &voter.cookie);
        let answer = request.json(&json!({"choices": choices})).send().await.expect("vote answers");
        assert_eq!(answer.status(), StatusCode::CREATED);
        let answer: Value = answer.json().await.expect("it is JSON");
        voter.receipts.push(answer["receipt"].as_str().expect("a receipt").to_owned());
    }

    /// A thing of the poll at the result host, once it is there.
    async fn thing(&self, thing: &str) -> String {
        let address = format!("{}/api/polls/board/{thing}", self.result_url);
        wait::until(&format!("{thing} at the result host"), || async {
            let answer = self.client.get(&address).send().await.ok()?;
            if answer.status() == StatusCode::OK { answer.text().await.ok() } else { None }
        })
        .await
    }

    /// Runs a command of the all-in-one on the poll's page.
    async fn scrutin(&self, command: &str, arguments: &[String]) -> Output {
        let page = format!("{}/p/board", self.result_url);
        let program =
            tokio::process::Command::new(env!("CARGO_BIN_EXE_scrutin")).args([command, &page]).args(arguments).output();
        program.await.expect("the program runs")
    }
}

fn keep(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    fs::write(&path, text).expect("the directory takes files");
    path.to_str().expect("a path of letters").to_owned()
}

fn option(name: &str, value: impl Into<String>) -> [String; 2] {
    [format!("--{name}"), value.into()]
}

fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_at_the_services_holds_when_the_ballots_are_published() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    keep_and_check(&PublishedEvening::begin(services.vote.url(), services.result.url()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_at_the_all_in_one_holds_when_the_ballots_are_published() {
    let data = tempfile::tempdir().expect("a directory");
    let all_in_one = AllInOne::start_with(data.path(), [("ORGANISER_TOKEN", ORGANISER_TOKEN)]).await;
    keep_and_check(&PublishedEvening::begin(all_in_one.vote_url(), all_in_one.result_url()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ballot_that_is_changed_in_the_ledger_is_found_by_anybody() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    let evening = PublishedEvening::begin(services.vote.url(), services.result.url()).await;
    for _ in 0..3 {
        evening.vote(&mut evening.come().await, &["a"]).await;
    }
    assert_eq!(evening.organise("/api/polls/board/close", None).await, StatusCode::OK);
    evening.thing("seal").await;
    let client = database.client().await;
    let one = "SELECT voter FROM ballots ORDER BY voter LIMIT 1";
    let changed = client.execute(&format!("UPDATE ballots SET choices = 2 WHERE voter = ({one})"), &[]).await;
    assert_eq!(changed.expect("the ledger takes it"), 1);
    assert_eq!(evening.organise("/api/polls/board/publish", None).await, StatusCode::OK);
    evening.thing("published").await;
    let verified = evening.scrutin("verify", &["--json".to_owned()]).await;
    assert_eq!(verified.status.code(), Some(1), "{}", printed(&verified));
    let json: Value = serde_json::from_slice(&verified.stdout).expect("it prints JSON");
    let findings: Vec<_> = json["findings"].as_array().expect("a list").iter().map(|one| &one["finding"]).collect();
    assert_eq!(findings, ["other-root", "votes-differ", "votes-differ"]);
}

/// Votes, keeps what voters and a witness may, publishes, and checks.
async fn keep_and_check(evening: &PublishedEvening) {
    let directory = tempfile::tempdir().expect("a directory");
    let mut voters = Vec::new();
    for number in 0..VOTERS {
        let mut voter = evening.come().await;
        let choices = [&["a"][..], &["b"], &["a", "c"]][usize::try_from(number % 3).expect("small")];
        evening.vote(&mut voter, choices).await;
        voters.push(voter);
    }
    let promise = evening.thing(&format!("receipts/{}/promise", voters[0].receipts[0])).await;
    let witness_files = directory.path().join("witness").to_str().expect("a path of letters").to_owned();
    let witness = [&option("directory", &witness_files)[..], &["--once".to_owned()]].concat();
    let seen = evening.scrutin("witness", &witness).await;
    assert_eq!(seen.status.code(), Some(0), "{}", printed(&seen));

    evening.vote(&mut voters[0], &["c"]).await;
    evening.vote(&mut voters[1], &["c"]).await;
    assert_eq!(evening.organise("/api/polls/board/close", None).await, StatusCode::OK);
    let seal = evening.thing("seal").await;
    let first = evening.thing(&format!("receipts/{}/proof", voters[0].receipts[0])).await;
    let second = evening.thing(&format!("receipts/{}/proof", voters[1].receipts[1])).await;
    let other = evening.thing(&format!("receipts/{}/proof", voters[2].receipts[0])).await;
    let seen = evening.scrutin("witness", &witness).await;
    assert_eq!(seen.status.code(), Some(0), "{}", printed(&seen));
    let early = evening.scrutin("verify", &[]).await;
    assert_eq!(early.status.code(), Some(2), "nothing is published yet: {}", printed(&early));
    assert_eq!(evening.organise("/api/polls/board/publish", None).await, StatusCode::OK);
    evening.thing("published").await;

    let mut arguments = Vec::new();
    for (name, text) in [("first", &first), ("second", &second), ("other", &other)] {
        arguments.extend(option("proof", keep(directory.path(), name, text)));
    }
    arguments.extend(option("promise", keep(directory.path(), "promise", &promise)));
    arguments.extend(option("seal", keep(directory.path(), "seal", &seal)));
    arguments.extend(option("key", format!("{witness_files}/.well-known/scrutin-key")));
    let log: Value = serde_json::from_str(&evening.thing("log").await).expect("it is JSON");
    for tree in log["trees"].as_array().expect("a list") {
        let place = format!("{}/{}/{}", tree["round"], tree["partition"], tree["generation"]);
        arguments.extend(option("checkpoint", format!("{witness_files}/api/polls/board/log/{place}/checkpoint")));
    }
    arguments.push("--json".to_owned());
    let verified = evening.scrutin("verify", &arguments).await;
    assert_eq!(verified.status.code(), Some(0), "{}", printed(&verified));
    let json: Value = serde_json::from_slice(&verified.stdout).expect("it prints JSON");
    assert_eq!(json["poll"]["votes"], json!([26, 12, 15]));
    assert_eq!((json["poll"]["voters"].as_u64(), json["poll"]["ballots"].as_u64()), (Some(VOTERS), Some(VOTERS + 2)));
    let mut receipts: Vec<_> = json["receipts"].as_array().expect("a list").iter().map(|one| &one["choices"]).collect();
    receipts.sort_by_key(ToString::to_string);
    assert_eq!(receipts, [&json!("ac"), &json!("c"), &Value::Null, &Value::Null], "two of the same replaced ballot");
}
