//! What release 0.1.0 stored is taken over: a directory that a kill left, with ballots in its ring file, by the
//! all-in-one; an append-only file with ballots that are not counted, and a dump, by the services.
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use reqwest::{Client, StatusCode, header};
use serde_json::{Value, json};
use testkit::{
    all_in_one::AllInOne,
    postgres_server::TestDatabase,
    programs::{self, Services},
    redis_server::{RedisFiles, RedisServer},
    tallies, wait,
};

fn stored(by: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/0.1.0").join(by)
}

/// What the browsers have kept.
fn voters(by: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(stored(by).join("voters.json")).unwrap()).unwrap()
}

/// Casts over the API with the cookie that a browser has kept.
async fn cast(vote_url: &str, poll: &str, choice: &str, cookie: Option<&str>, code: Option<&str>) -> StatusCode {
    let mut request = Client::new().post(format!("{vote_url}/api/polls/{poll}/ballots"));
    if let Some(cookie) = cookie {
        request = request.header(header::COOKIE, cookie);
    }
    let mut body = json!({"choices": [choice]});
    if let Some(code) = code {
        body["code"] = code.into();
    }
    request.json(&body).send().await.expect("it answers").status()
}

async fn tallied(result_url: &str, poll: &str, votes: &[u64], voters: u64) {
    wait::until_true(&format!("{votes:?} by {voters} in {poll}"), || async {
        let tally = tallies::tally(result_url, poll).await;
        tally.is_some_and(|tally| tallies::votes(&tally, votes.len()) == votes && tally["voters"] == voters)
    })
    .await;
}

async fn receipt_says(result_url: &str, of: &Value, state: &str) {
    let (poll, receipt) = (of["poll"].as_str().unwrap(), of["receipt"].as_str().unwrap());
    let url = format!("{result_url}/api/polls/{poll}/receipts/{receipt}");
    let answer = reqwest::get(url).await.unwrap().text().await.unwrap();
    assert!(answer.contains(&format!("\"{state}\"")), "{poll}: {answer}");
}

/// Everything that was acknowledged is counted, what people have kept is good, and voting goes on.
async fn goes_on(vote_url: &str, result_url: &str, token: &str, voters: &Value) {
    tallied(result_url, "main", &[5, 1], 6).await;
    tallied(result_url, "closed", &[1, 0], 1).await;
    tallied(result_url, "once", &[1, 1], 2).await;
    tallied(result_url, "reset", &[1, 1], 2).await;
    tallied(result_url, "codes", &[1, 1], 2).await;
    let hidden = tallies::tally(result_url, "hidden").await.expect("a tally");
    assert_eq!(hidden["voters"], 2);
    assert!(tallies::votes(&hidden, 3).iter().all(|&votes| votes == 0), "hidden stays hidden: {hidden}");

    // Receipts: counted before and from the ring file, replaced before and by one from there, of a past round.
    for waited in voters["waiting"].as_array().unwrap() {
        receipt_says(result_url, waited, "counted").await;
    }
    for (of, state) in [
        (&voters["counted"][0], "counted"),
        (&voters["counted"][1], "replaced"),
        (&voters["replaced"], "replaced"),
        (&voters["again"], "counted"),
        (&voters["counted"][5], "past_round"),
        (&voters["second"], "counted"),
        (&voters["used"], "counted"),
    ] {
        receipt_says(result_url, of, state).await;
    }

    // A browser with its cookie is the voter it was; who voted once has voted; codes are good, and used ones are used.
    let cookie = |of: &Value| of["cookie"].as_str().unwrap().to_owned();
    let code = |number: usize| voters["codes"][number]["code"].as_str().unwrap().to_owned();
    assert_eq!(cast(vote_url, "main", "b", Some(&cookie(&voters["counted"][0])), None).await, StatusCode::CREATED);
    tallied(result_url, "main", &[4, 2], 6).await;
    for voted in [&voters["counted"][4], &voters["waiting"][4]] {
        assert_ne!(cast(vote_url, "once", "a", Some(&cookie(voted)), None).await, StatusCode::CREATED);
    }
    assert_ne!(cast(vote_url, "codes", "b", None, Some(&code(0))).await, StatusCode::CREATED);
    assert_ne!(cast(vote_url, "codes", "b", None, Some(&code(1))).await, StatusCode::CREATED);
    assert_eq!(cast(vote_url, "codes", "b", None, Some(&code(2))).await, StatusCode::CREATED);
    assert_eq!(cast(vote_url, "closed", "a", None, None).await, StatusCode::CONFLICT);
    // No voter of that release read that ballots would be published.
    let publish = format!("{vote_url}/api/polls/closed/publish");
    let refused = Client::new().post(publish).bearer_auth(token).send().await.unwrap().text().await.unwrap();
    assert!(refused.contains("not-to-be-published"), "{refused}");
    let open = format!("{vote_url}/api/polls/closed/open");
    let opened = Client::new().post(open).bearer_auth(token).json(&json!({})).send().await.unwrap();
    assert_eq!(opened.status(), StatusCode::OK, "the organiser's token is good");
    assert_eq!(cast(vote_url, "closed", "b", None, None).await, StatusCode::CREATED);
    tallied(result_url, "codes", &[1, 2], 3).await;
    tallied(result_url, "closed", &[1, 1], 2).await;
    tallied(result_url, "once", &[1, 1], 2).await;
}

#[tokio::test]
async fn a_directory_of_0_1_0_is_counted_to_its_end_and_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    fs::create_dir(&data).unwrap();
    let unpacked =
        Command::new("tar").arg("-xzf").arg(stored("all-in-one").join("data.tar.gz")).arg("-C").arg(&data).status();
    assert!(unpacked.expect("tar runs").success());
    let token = fs::read_to_string(data.join("organiser-token")).unwrap();

    let mut scrutin = AllInOne::start(&data).await;
    let mode = |name: &str| fs::metadata(data.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(["scrutin.db", "scrutin.db.waiting", "scrutin.db.lock"].map(mode), [0o600; 3]);
    goes_on(&scrutin.vote_url(), &scrutin.result_url(), token.trim(), &voters("all-in-one")).await;

    assert!(scrutin.program.terminate().await.success());
    let mut recount = Command::new(programs::path("scrutin"));
    let recount = recount.arg("recount").env_clear().env("DATA_DIR", &data).output().unwrap();
    let said = String::from_utf8_lossy(&recount.stdout).into_owned();
    assert_eq!(recount.status.code(), Some(0), "{said}");
    assert!(said.contains("trees that agree with their ballots: 6 of 6\n"), "{said}");
    assert!(said.contains("6 polls agree") && said.contains("rejected entries: 0"), "{said}");
    assert!(!said.contains("gap") && !said.contains("waiting"), "{said}");
}

#[tokio::test]
async fn a_log_and_a_dump_of_0_1_0_are_counted_to_their_end_and_go_on() {
    let stored = stored("services");
    let (mut redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    redis.set_back(&RedisFiles::copied(&stored), Duration::ZERO).await;
    let mut restore = Command::new("psql");
    let restore = restore.args(["-qv", "ON_ERROR_STOP=1", "-d"]).arg(database.url()).arg("-f");
    assert!(restore.arg(stored.join("dump.sql")).status().expect("psql runs").success());

    let services = Services::start(&redis.url(), &database.url()).await;
    let (vote_url, result_url) = (services.vote.url(), services.result.url());
    goes_on(&vote_url, &result_url, programs::ORGANISER_TOKEN, &voters("services")).await;
    let mut recount = Command::new(programs::path("worker"));
    let recount = recount.arg("recount").env_clear().env("DATABASE_URL", database.url()).output().unwrap();
    let said = String::from_utf8_lossy(&recount.stdout).into_owned();
    assert_eq!(recount.status.code(), Some(0), "{said}");
    assert!(said.contains("trees that agree with their ballots: 6 of 6\n"), "{said}");
    assert!(said.contains("6 polls agree") && said.contains("rejected entries: 0"), "{said}");
    assert!(!said.contains("gap"), "{said}");
    let log = services.worker.program.output();
    assert!(!log.contains("log.lost") && !log.contains("log.begun"), "it is the same log: {log}");
}
