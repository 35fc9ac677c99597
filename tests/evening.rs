//! An organiser's whole evening, in a real browser against the real services: create, hand out codes, three voters
//! (one without JavaScript, one with a code), hide, reveal, change, close, export, reset, sign out.

use std::path::Path;

use serde_json::{Value, json};
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

/// Clicks the link to an export on the page of `dinner`, and gives what the browser saved.
async fn export(organiser: &Browser, directory: &Path, file: &str) -> String {
    let behavior = json!({"behavior": "allow", "downloadPath": directory});
    organiser.devtools("Browser.setDownloadBehavior", behavior).await;
    organiser.click(&format!("a[href$='/export/{file}']")).await;
    let saved = directory.join(format!("dinner-{file}"));
    // While it is being saved it has another name; an empty file of this name may stand there meanwhile.
    wait::until(file, || async { std::fs::read_to_string(&saved).ok().filter(|text| !text.is_empty()) }).await
}

/// Chooses and sends.
async fn vote_for(browser: &Browser, choice: &str) {
    browser.click(&format!("input[value={choice}]")).await;
    browser.click("main form button").await;
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
    let third = driver.open(Setup { size: PHONE, dark: true, ..Setup::default() }).await;

    // A poll with hidden results, and one with codes.
    sign_in(&organiser, &vote).await;
    let hide = "input[name=results][value=hidden]";
    create(&organiser, &vote, "dinner", "What is for dinner?", "Soup\nSalad\nCake", &[hide]).await;
    let by_code = "input[name=access][value=codes]";
    create(&organiser, &vote, "board", "Who is to be on the board?", "Ada\nGrace", &[by_code]).await;

    // The codes: a sheet of 300, of which one is used.
    organiser.find("#count").await.clear().await.expect("a field can be emptied");
    organiser.type_into("#count", "300").await;
    organiser.click("form[action$='/codes'] button:not(.plain)").await;
    organiser.find(".cards").await;
    let codes =
        organiser.run("return [...document.querySelectorAll('.code')].map(code => code.textContent.trim())").await;
    let codes: Vec<&str> = codes.as_array().expect("codes").iter().filter_map(Value::as_str).collect();
    assert_eq!(codes.len(), 300);
    phone.goto(&format!("{vote}/p/board")).await;
    phone.type_into("#code", "0000-0000-0000").await;
    vote_for(&phone, "a").await;
    phone.find(".note.bad, .failed:not(:empty)").await;
    phone.goto(&format!("{vote}/p/board")).await;
    phone.type_into("#code", codes[7]).await;
    vote_for(&phone, "b").await;
    phone.shows("recorded").await;

    // The screen shows the turnout and nothing else, while three people vote and the organiser watches.
    screen.goto(&format!("{result}/p/dinner")).await;
    organiser.click("header a[href='/organise']:not(.brand)").await;
    organiser.click("a[href='/organise/dinner']").await;
    number(&organiser, "voters", "0").await;
    for (browser, choice, recorded) in
        [(&phone, "a", "recorded"), (&plain, "b", "enregistré"), (&third, "c", "recorded")]
    {
        browser.goto(&format!("{vote}/p/dinner")).await;
        vote_for(browser, choice).await;
        browser.shows(recorded).await;
    }
    screen.shows("3 voters").await;
    assert!(!screen.has("tr[data-key]").await, "no bar while the result is hidden");

    // The organiser sees the votes all the same, on the page that was open all the time, and reveals them.
    number(&organiser, "voters", "3").await;
    number(&organiser, "accepted", "3").await;
    number(&organiser, "lag", "0").await;
    organiser.click("form[action$='/reveal'] button").await;
    screen.find("tr[data-key=c]").await;

    // A changed mind, after which the result is shown below the ballot.
    phone.goto(&format!("{vote}/p/dinner")).await;
    vote_for(&phone, "b").await;
    wait::until_true("two thirds for b on the screen", || async {
        screen.run("return document.querySelector('tr[data-key=b] .count').textContent").await == "2"
    })
    .await;
    phone.find("section.live tr[data-key=b]").await;
    phone.click(".recorded a[href*='/receipts/']").await;
    phone.shows("counted").await;

    // Closed: who comes late is told so. That page asks for nothing, as on a phone in a pocket: otherwise it would
    // notice the close and take its form away.
    third.find("section.live tr[data-key=b]").await;
    third.run("Object.defineProperty(document, 'hidden', { get: () => true })").await;
    organiser.click("form[action$='/close'] button").await;
    organiser.find("form[action$='/open'] button").await;
    vote_for(&third, "a").await;
    third.shows("Your vote was not recorded: this poll is closed.").await;

    // The exported ballots, counted again here, are the tally.
    let directory = tempfile::tempdir().expect("a directory for what is saved");
    let directory = directory.path();
    let ballots: Value = serde_json::from_str(&export(&organiser, directory, "ballots.json").await).expect("JSON");
    let tally: Value = serde_json::from_str(&export(&organiser, directory, "tally.json").await).expect("JSON");
    let counted = |key: &str| {
        let chosen =
            |ballot: &&Value| ballot["choices"].as_array().is_some_and(|keys| keys.iter().any(|chosen| chosen == key));
        ballots["ballots"].as_array().expect("a list").iter().filter(chosen).count()
    };
    for (key, votes) in [("a", 0), ("b", 2), ("c", 1)] {
        assert_eq!((counted(key), tally["votes"][key].as_u64()), (votes, Some(votes as u64)), "{key}: {ballots}");
    }
    assert_eq!(export(&organiser, directory, "ballots.csv").await.lines().count(), 1 + 3);
    assert_eq!(export(&organiser, directory, "tally.csv").await.lines().count(), 1 + 3);
    let stranger = reqwest::get(format!("{result}/api/polls/dinner/ballots.csv")).await.expect("result answers");
    assert_eq!(stranger.status(), 401);

    // Reset asks first; then the tally starts at nothing, and the old ballots stay in the ledger.
    organiser.click("a[href$='/reset']").await;
    organiser.click("form[action$='/reset'] button").await;
    organiser.find("form[action$='/open'] button").await;
    let tally = wait::until("an empty tally", || async {
        testkit::tallies::tally(&result, "dinner").await.filter(|tally| tally["voters"] == 0)
    })
    .await;
    assert_eq!(tally["counted"], 4, "three voters, one of whom changed their mind");

    // Good night.
    organiser.click("form[action='/organise/sign-out'] button").await;
    organiser.find("#token").await;
    organiser.goto(&format!("{vote}/organise/dinner")).await;
    organiser.find("#token").await;

    for (name, browser) in [("organiser", &organiser), ("screen", &screen), ("phone", &phone), ("third", &third)] {
        let complaints = browser.complaints().await;
        let complaints: Vec<_> = complaints.iter().filter(|line| !line.contains("status of 4")).collect();
        assert!(complaints.is_empty(), "{name}: {complaints:?}");
    }
}
