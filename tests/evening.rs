//! An organiser's whole evening, in a real browser against the real services: create, hand out codes, three voters
//! (one without JavaScript, one with a code), hide, reveal, change, close, reset, export.

use reqwest::Client;
use serde_json::Value;
use testkit::{
    browser::{Browser, Driver, PHONE, PROJECTOR, Setup},
    postgres_server::TestDatabase,
    programs::{ORGANISER_TOKEN, Services},
    redis_server::RedisServer,
    wait,
};

async fn sign_in(browser: &Browser, vote: &str) {
    browser.goto(&format!("{vote}/organise")).await;
    browser.type_into("#token", "not the organiser's token").await;
    browser.click("main form button").await;
    browser.find("[role=alert]").await;
    browser.type_into("#token", ORGANISER_TOKEN).await;
    browser.click("main form button").await;
    browser.find("#question").await;
}

/// Creates a poll with the organiser's form.
async fn create(browser: &Browser, vote: &str, id: &str, question: &str, options: &str, ticks: &[&str]) {
    browser.goto(&format!("{vote}/organise")).await;
    browser.type_into("#question", question).await;
    browser.type_into("#options", options).await;
    browser.type_into("#id", id).await;
    for tick in ticks {
        browser.click(tick).await;
    }
    browser.click("form[action='/organise'] button").await;
    browser.shows(question).await;
}

/// What the organiser may fetch, with the token.
async fn export(services: &Services, poll: &str, file: &str) -> String {
    let url = format!("{}/api/polls/{poll}/{file}", services.result.url());
    let answer = Client::new().get(url).bearer_auth(ORGANISER_TOKEN).send().await.expect("result answers");
    assert_eq!(answer.status(), 200, "{file}");
    answer.text().await.expect("text")
}

/// Waits until the organiser's page shows this number.
async fn number(organiser: &Browser, id: &str, expected: &str) {
    let script = format!("return document.getElementById('{id}').textContent.trim()");
    wait::until_true(&format!("{expected} as {id}"), || async {
        organiser.run(&script).await.as_str() == Some(expected)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisers_whole_evening() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    let (vote, result) = (services.vote.url(), services.result.url());
    let driver = Driver::start().await;
    let organiser = driver.open(Setup { size: (1280, 1000), ..Setup::default() }).await;
    let screen = driver.open(Setup { size: PROJECTOR, ..Setup::default() }).await;
    let phone = driver.open(Setup { size: PHONE, ..Setup::default() }).await;
    let plain = driver.open(Setup { javascript: false, language: "fr", ..Setup::default() }).await;

    // A poll with hidden results, and one with codes.
    sign_in(&organiser, &vote).await;
    let hide = "input[name=results][value=hidden]";
    create(&organiser, &vote, "dinner", "What is for dinner?", "Soup\nSalad\nCake", &[hide]).await;
    let by_code = "input[name=access][value=codes]";
    create(&organiser, &vote, "board", "Who is to be on the board?", "Ada\nGrace", &[by_code]).await;

    // The codes: a sheet of 300, of which one is used.
    organiser.goto(&format!("{vote}/organise/board/codes?from=1&count=300")).await;
    let codes =
        organiser.run("return [...document.querySelectorAll('.code')].map(code => code.textContent.trim())").await;
    let codes: Vec<&str> = codes.as_array().expect("codes").iter().filter_map(Value::as_str).collect();
    assert_eq!(codes.len(), 300);
    phone.goto(&format!("{vote}/p/board")).await;
    phone.type_into("#code", "0000-0000-0000").await;
    phone.click("input[value=a]").await;
    phone.click("main form button").await;
    phone.find(".note.bad, .failed:not(:empty)").await;
    phone.goto(&format!("{vote}/p/board")).await;
    phone.type_into("#code", codes[7]).await;
    phone.click("input[value=b]").await;
    phone.click("main form button").await;
    phone.shows("recorded").await;

    // The screen shows the turnout and nothing else, while three people vote.
    screen.goto(&format!("{result}/p/dinner")).await;
    phone.goto(&format!("{vote}/p/dinner")).await;
    phone.click("input[value=a]").await;
    phone.click("main form button").await;
    phone.shows("recorded").await;
    plain.goto(&format!("{vote}/p/dinner")).await;
    plain.click("input[value=b]").await;
    plain.click("main form button").await;
    plain.shows("enregistré").await;
    let third = Client::new().post(format!("{vote}/p/dinner")).form(&[("vote", "c")]).send().await;
    assert!(third.expect("vote answers").status().is_success());
    screen.shows("3").await;
    assert!(!screen.has("tr[data-key]").await, "no bar while the result is hidden");

    // The organiser sees the votes all the same, and reveals them.
    organiser.goto(&format!("{vote}/organise/dinner")).await;
    number(&organiser, "voters", "3").await;
    number(&organiser, "accepted", "3").await;
    number(&organiser, "lag", "0").await;
    organiser.click("form[action$='/reveal'] button").await;
    screen.find("tr[data-key=c]").await;

    // A changed mind, after which the result is shown below the ballot.
    phone.goto(&format!("{vote}/p/dinner")).await;
    phone.click("input[value=b]").await;
    phone.click("main form button").await;
    wait::until_true("two thirds for b on the screen", || async {
        screen.run("return document.querySelector('tr[data-key=b] .count').textContent").await == "2"
    })
    .await;
    phone.find("section.live tr[data-key=b]").await;
    phone.click(".recorded a[href*='/receipts/']").await;
    phone.shows("counted").await;

    // Closed: who comes late is told so.
    organiser.goto(&format!("{vote}/organise/dinner")).await;
    organiser.click("form[action$='/close'] button").await;
    organiser.find("form[action$='/open'] button").await;
    let late = Client::new().post(format!("{vote}/p/dinner")).form(&[("vote", "a")]).send().await;
    assert_eq!(late.expect("vote answers").status(), 409);

    // The exported ballots, counted again here, are the tally.
    let ballots: Value = serde_json::from_str(&export(&services, "dinner", "ballots.json").await).expect("JSON");
    let tally: Value = serde_json::from_str(&export(&services, "dinner", "tally").await).expect("JSON");
    let counted = |key: &str| {
        let chosen =
            |ballot: &&Value| ballot["choices"].as_array().is_some_and(|keys| keys.iter().any(|chosen| chosen == key));
        ballots["ballots"].as_array().expect("a list").iter().filter(chosen).count()
    };
    for (key, votes) in [("a", 0), ("b", 2), ("c", 1)] {
        assert_eq!((counted(key), tally["votes"][key].as_u64()), (votes, Some(votes as u64)), "{key}: {ballots}");
    }
    assert_eq!(export(&services, "dinner", "ballots.csv").await.lines().count(), 1 + 3);
    let stranger = reqwest::get(format!("{result}/api/polls/dinner/ballots.csv")).await.expect("result answers");
    assert_eq!(stranger.status(), 401);

    // Reset asks first; then the tally starts at nothing, and the old ballots stay in the ledger.
    organiser.goto(&format!("{vote}/organise/dinner/reset")).await;
    organiser.click("form[action$='/reset'] button").await;
    organiser.find("form[action$='/open'] button").await;
    let tally = wait::until("an empty tally", || async {
        testkit::crowd::tally(&result, "dinner").await.filter(|tally| tally["voters"] == 0)
    })
    .await;
    assert_eq!(tally["counted"], 4, "three voters, one of whom changed their mind");

    for (name, browser) in [("organiser", &organiser), ("screen", &screen), ("phone", &phone)] {
        let complaints = browser.complaints().await;
        let complaints: Vec<_> = complaints.iter().filter(|line| !line.contains("status of 4")).collect();
        assert!(complaints.is_empty(), "{name}: {complaints:?}");
    }
}
