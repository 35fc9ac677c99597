//! A countdown in real browsers, with the real services: whatever time a browser thinks it is, its pages show how much
//! is left, and say by themselves that it is over.

#![expect(clippy::unwrap_used, reason = "all of it is test code, also where clippy does not see that")]

use reqwest::Client;
use serde_json::{Value, json};
use testkit::{
    browser::{Browser, Driver, PHONE, PROJECTOR, Setup},
    postgres_server::TestDatabase,
    programs::{ORGANISER_TOKEN, Services},
    redis_server::RedisServer,
    wait,
};

/// From the next page on the browser's clock of the day is an hour ahead.
async fn an_hour_ahead(browser: &Browser) {
    let source = "const real = Date; const ahead = 3600000; \
        Date = class extends real { \
            constructor(...it) { super(...(it.length ? it : [real.now() + ahead])); } \
            static now() { return real.now() + ahead; } };";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": source})).await;
}

async fn open_for(services: &Services, seconds: u32) {
    let url = format!("{}/api/polls/main/open", services.vote.url());
    let opened = Client::new().post(url).bearer_auth(ORGANISER_TOKEN).json(&json!({"seconds": seconds})).send().await;
    assert_eq!(opened.unwrap().status(), 200);
}

async fn get(url: &str) -> Value {
    reqwest::get(url).await.unwrap().json().await.unwrap()
}

/// How many seconds the page shows; `None` while it shows no countdown.
async fn shown(browser: &Browser) -> Option<u64> {
    let script = "const it = document.querySelector('.countdown'); \
        return it && !it.hidden ? it.querySelector('.clock').textContent : null";
    let text = browser.run(script).await;
    let (minutes, seconds) = text.as_str()?.split_once(':').unwrap();
    Some(minutes.parse::<u64>().unwrap() * 60 + seconds.parse::<u64>().unwrap())
}

/// Asserts that the page shows what the API says, give or take a second.
async fn shows_what_is_left(browser: &Browser, api: &str, who: &str) {
    wait::until_true(&format!("{who}: a countdown"), || async { shown(browser).await.is_some() }).await;
    let (before, on_page) = (get(api).await["closes_in_ms"].as_u64().unwrap(), shown(browser).await.unwrap());
    let after = get(api).await["closes_in_ms"].as_u64().unwrap();
    let range = (after / 1_000).saturating_sub(1)..=before / 1_000 + 2;
    assert!(range.contains(&on_page), "{who} sees {on_page} s, where {after} to {before} ms are left");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_count_down_by_no_clock_of_their_own_and_close_by_themselves() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    let (vote, result) = (services.vote.url(), services.result.url());
    let driver = Driver::start().await;
    let [voter, organiser] = [driver.open(Setup::default()).await, driver.open(Setup::default()).await];
    let projector = driver.open(Setup { size: PROJECTOR, ..Setup::default() }).await;
    let plain = driver.open(Setup { javascript: false, size: PHONE, ..Setup::default() }).await;
    for browser in [&voter, &organiser, &projector] {
        an_hour_ahead(browser).await;
    }
    organiser.goto(&format!("{vote}/organise/sign-in?token={ORGANISER_TOKEN}")).await;
    if organiser.has("form[action$='sign-in'] button").await {
        organiser.submit("form[action$='sign-in'] button").await;
    }
    voter.goto(&vote).await;
    projector.goto(&result).await;
    let hours = voter.run("return Math.round((Date.now() - performance.timeOrigin) / 3600000)").await;
    assert_eq!(hours, 1, "the browser's clock is wrong");
    assert_eq!((shown(&voter).await, shown(&projector).await), (None, None));

    // By the organiser's page, for two minutes; pages that are open learn of it.
    organiser.goto(&format!("{vote}/organise/main")).await;
    organiser.run("document.querySelector('form.opening select').value = '120'").await;
    organiser.submit("form.opening button").await;
    let (of_vote, of_result) = (format!("{vote}/api/polls/main"), format!("{result}/api/polls/main/tally"));
    shows_what_is_left(&organiser, &of_vote, "the organiser").await;
    shows_what_is_left(&voter, &of_vote, "the voter").await;
    wait::until_true("the tally to tell", || async { get(&of_result).await["closes_in_ms"].is_u64() }).await;
    shows_what_is_left(&projector, &of_result, "the projector").await;
    plain.goto(&vote).await;
    shows_what_is_left(&plain, &of_vote, "who has no JavaScript").await;

    // A shorter one, to its end.
    open_for(&services, 14).await;
    for (browser, api, who) in [(&voter, &of_vote, "voter"), (&projector, &of_result, "projector")] {
        wait::until_true("less time", || async { shown(browser).await.is_some_and(|left| left <= 14) }).await;
        shows_what_is_left(browser, api, who).await;
    }
    let said = "return document.querySelector('.countdown [role=status]').textContent";
    for browser in [&voter, &projector] {
        wait::until_true("the last ten seconds to be large", || browser.has(".countdown.last")).await;
        assert_eq!(browser.run(said).await, "10 seconds left", "it is said once, and not each second");
    }
    wait::until_true("the voter's page to be closed", || voter.has("[data-page-key^='closed ']")).await;
    assert!(!voter.has("form.ballot").await && shown(&voter).await.is_none());
    wait::until_true("the projector to say so", || projector.has("#poll[data-state=closed]")).await;
    wait::until_true("the figures to be final", || async { get(&of_result).await["final"] == true }).await;
    projector.shows("Voting is closed").await;
    assert_eq!(shown(&projector).await, None);
    organiser.find("#changed:not([hidden])").await;
    for browser in [&voter, &projector, &organiser] {
        assert_eq!(browser.complaints().await, [""; 0]);
    }
}
