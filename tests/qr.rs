//! The QR codes that are handed out, read from pictures of the screen by somebody else's reader: each leads where the
//! link beside it does.

use std::{
    collections::BTreeSet,
    io::Write,
    process::{Command, Stdio},
};

use reqwest::Client;
use serde_json::json;
use testkit::{
    browser::{Browser, Driver, PROJECTOR, Setup},
    postgres_server::TestDatabase,
    programs::{ORGANISER_TOKEN, Services},
    redis_server::RedisServer,
    wait,
};

/// The texts of all QR codes that are on the screen.
async fn read(browser: &Browser) -> BTreeSet<String> {
    let picture = browser.screenshot().await;
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/python/bin/python");
    let mut reader = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/read_qr.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("scripts/install-test-tools made the Python environment");
    reader.stdin.take().expect("its input is piped").write_all(&picture).expect("it takes a picture");
    let output = reader.wait_with_output().expect("it ends");
    assert!(output.status.success());
    let lines = String::from_utf8(output.stdout).expect("it prints text");
    lines.lines().map(|line| serde_json::from_str(line).expect("it prints JSON")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_qr_code_leads_where_its_link_does_in_light_and_dark() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    let (vote, result) = (services.vote.url(), services.result.url());
    let board = json!({"id": "board", "question": "Who?", "options": ["Ada", "Grace"], "access": "codes"});
    let created = Client::new().post(format!("{vote}/api/polls")).bearer_auth(ORGANISER_TOKEN).json(&board);
    assert_eq!(created.send().await.expect("vote answers").status(), 201);
    wait::until("the poll at the result host", || testkit::tallies::tally(&result, "board")).await;
    let link = BTreeSet::from([format!("{vote}/p/board")]);

    let driver = Driver::start().await;
    for dark in [false, true] {
        let browser = driver.open(Setup { size: PROJECTOR, dark, ..Setup::default() }).await;
        browser.goto(&result).await;
        assert_eq!(read(&browser).await, BTreeSet::from([vote.clone()]), "the default poll on the projector");
        browser.goto(&format!("{result}/p/board")).await;
        assert_eq!(read(&browser).await, link, "on the projector");

        browser.goto(&format!("{vote}/organise/sign-in?token={ORGANISER_TOKEN}")).await;
        browser.goto(&format!("{vote}/organise/board")).await;
        assert_eq!(read(&browser).await, link, "on the organiser's page");

        browser.goto(&format!("{vote}/organise/board/codes?from=7&count=6")).await;
        let codes = "return [...document.querySelectorAll('.cards .code')].map(code => code.textContent.trim())";
        let codes: Vec<String> = serde_json::from_value(browser.run(codes).await).expect("codes");
        assert_eq!(codes.len(), 6);
        let link = |code: String| format!("{vote}/p/board?code={}", code.replace('-', ""));
        assert_eq!(read(&browser).await, codes.into_iter().map(link).collect(), "on the sheet");
    }
}
