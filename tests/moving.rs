//! Moving house: what the all-in-one counted is counted by the stack, and its voters stay who they are.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use reqwest::{Client, StatusCode, header};
use serde_json::{Value, json};
use testkit::{
    all_in_one::AllInOne,
    crowd::{self, Crowd},
    postgres_server::TestDatabase,
    programs::{self, ORGANISER_TOKEN, SECRET_KEY, Services},
    redis_server::RedisServer,
    wait,
};

/// A voter of the API, with the cookie that the first answer set.
struct Voter {
    cookie: String,
    receipt: String,
}

async fn cast(vote_url: &str, poll: &str, choice: &str, cookie: Option<&str>) -> Voter {
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

async fn organise(vote_url: &str, path: &str, body: Value) {
    let request = Client::new().post(format!("{vote_url}/api/polls{path}")).bearer_auth(ORGANISER_TOKEN);
    let answer = request.json(&body).send().await.expect("vote answers");
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
}

fn export(data: &Path, file: &Path) -> Output {
    let mut command = Command::new(programs::path("scrutin"));
    command.args(["export", "--data-dir"]).arg(data).arg(file).env_clear();
    command.output().expect("scrutin export runs")
}

fn import(database: &TestDatabase, partitions: &str, file: &Path) -> Output {
    let mut command = Command::new(programs::path("worker"));
    command.arg("import").arg(file).env_clear();
    command.env("DATABASE_URL", database.url()).env("PARTITIONS", partitions).env("BATCH_ENTRIES", "100");
    command.output().expect("worker import runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn what_the_all_in_one_counted_goes_on_in_the_stack() {
    let home = tempfile::tempdir().unwrap();
    let (data, file) = (home.path().join("data"), home.path().join("evening.log"));
    let settings = [("SECRET_KEY", SECRET_KEY), ("ORGANISER_TOKEN", ORGANISER_TOKEN)];
    let mut scrutin = AllInOne::start_with(&data, settings).await;
    let vote_url = scrutin.vote_url();

    // A crowd that changes its mind in one poll; another that was reset between two ballots, and closed.
    organise(&vote_url, "", json!({"id": "lunch", "question": "Lunch?", "options": ["Soup", "Salad", "Both"]})).await;
    let voters = Crowd::start(std::slice::from_ref(&vote_url), "main", 16, 2);
    voters.goes_on(300).await;
    let outcome = voters.stop(2).await;
    let early = cast(&vote_url, "lunch", "a", None).await;
    organise(&vote_url, "/lunch/reset", json!({})).await;
    let late = cast(&vote_url, "lunch", "c", None).await;
    organise(&vote_url, "/lunch/close", json!({})).await;
    let regular = cast(&vote_url, "main", "a", None).await;
    let mut tallies = Vec::new();
    for poll in ["main", "lunch"] {
        let accepted = crowd::accepted(&vote_url, poll).await.expect("what was accepted");
        wait::until_true("all ballots to be counted", || async {
            crowd::tally(&scrutin.result_url(), poll).await.is_some_and(|tally| tally["counted"] == accepted)
        })
        .await;
        tallies.push(crowd::tally(&scrutin.result_url(), poll).await.expect("a tally"));
    }
    assert!(scrutin.program.terminate().await.success());
    let written = export(&data, &file);
    assert!(written.status.success(), "{}", text(&written.stderr));

    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let imported = import(&database, "1", &file);
    assert!(imported.status.success(), "{}{}", text(&imported.stdout), text(&imported.stderr));
    assert!(text(&imported.stdout).contains("all that the file says is counted"), "{}", text(&imported.stdout));
    let again = import(&database, "1", &file);
    assert!(again.status.success(), "a second time changes nothing: {}", text(&again.stdout));

    let services = Services::start(&redis.url(), &database.url()).await;
    let (vote_url, result_url) = (services.vote.url(), services.result.url());
    for (poll, before) in ["main", "lunch"].iter().zip(&tallies) {
        let now = crowd::tally(&result_url, poll).await.expect("a tally");
        for what in ["votes", "voters", "counted", "question", "open"] {
            assert_eq!(now[what], before[what], "{what} of {poll}");
        }
    }
    outcome_and_one_more(&tallies[0], &outcome.votes);
    for (voter, poll, state) in
        [(&early, "lunch", "past_round"), (&late, "lunch", "counted"), (&regular, "main", "counted")]
    {
        let url = format!("{result_url}/api/polls/{poll}/receipts/{}", voter.receipt);
        let answer = reqwest::get(url).await.unwrap().text().await.unwrap();
        assert!(answer.contains(&format!("\"{state}\"")), "{answer}");
    }
    // The same browser is the same voter: its new ballot replaces the one of yesterday.
    cast(&vote_url, "main", "b", Some(&regular.cookie)).await;
    let votes = crowd::votes(&tallies[0], 2);
    wait::until_true("the changed vote to be counted", || async {
        let tally = crowd::tally(&result_url, "main").await;
        tally.is_some_and(|tally| {
            crowd::votes(&tally, 2) == [votes[0] - 1, votes[1] + 1] && tally["voters"] == tallies[0]["voters"]
        })
    })
    .await;

    let late = import(&database, "1", &file);
    assert!(!late.status.success());
    let said = text(&late.stderr);
    assert!(said.contains("stop the workers first") || said.contains("a file goes into an empty one"), "{said}");
}

/// The crowd's votes, and one for the first option.
fn outcome_and_one_more(tally: &Value, votes: &[u64]) {
    assert_eq!(crowd::votes(tally, 2), [votes[0] + 1, votes[1]]);
}

#[tokio::test]
async fn a_file_goes_into_several_partitions_too_and_a_broken_one_says_where() {
    let home = tempfile::tempdir().unwrap();
    let (data, file) = (home.path().join("data"), home.path().join("evening.log"));
    let mut scrutin = AllInOne::start_with(&data, [("ORGANISER_TOKEN", ORGANISER_TOKEN)]).await;
    for number in 0..6 {
        let poll = json!({"id": format!("poll-{number}"), "question": "Tea?", "options": ["Yes", "No"]});
        organise(&scrutin.vote_url(), "", poll).await;
        for _ in 0..=number {
            cast(&scrutin.vote_url(), &format!("poll-{number}"), "a", None).await;
        }
    }
    assert!(scrutin.program.terminate().await.success());
    assert!(export(&data, &file).status.success());
    let once_more = export(&data, &file);
    assert!(!once_more.status.success(), "a file that is there is never overwritten");

    let whole = fs::read_to_string(&file).unwrap();
    let cut_off = home.path().join("cut-off.log");
    fs::write(&cut_off, &whole[..whole.rfind("{\"end\"").unwrap()]).unwrap();
    let database = TestDatabase::create().await;
    let refused = import(&database, "4", &cut_off);
    assert!(!refused.status.success());
    assert!(text(&refused.stderr).contains("it was cut off"), "{}", text(&refused.stderr));

    // What was counted of it before the end was missed stays, and the whole file goes on from there.
    let imported = import(&database, "4", &file);
    assert!(imported.status.success(), "{}{}", text(&imported.stdout), text(&imported.stderr));
    assert!(text(&imported.stdout).contains("7 polls agree"), "{}", text(&imported.stdout));

    let forged = whole.replacen("\"votes\":[1,0]", "\"votes\":[2,0]", 1);
    assert_ne!(forged, whole);
    fs::write(&cut_off, forged).unwrap();
    let database = TestDatabase::create().await;
    let differs = import(&database, "4", &cut_off);
    assert_eq!(differs.status.code(), Some(1));
    assert!(text(&differs.stdout).contains("does not hold what the file says of poll-0"), "{}", text(&differs.stdout));
}
