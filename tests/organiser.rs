//! The organiser's page while things happen elsewhere, and the page to try the API.

use reqwest::Client;
use serde_json::{Value, json};
use testkit::{
    browser::{Browser, Driver, Setup},
    postgres_server::TestDatabase,
    programs::{ORGANISER_TOKEN, Services},
    redis_server::RedisServer,
    wait,
};

/// The page of the default poll, in the browser of the organiser.
async fn open(driver: &Driver, services: &Services) -> Browser {
    let browser = driver.open(Setup { size: (1280, 1000), ..Setup::default() }).await;
    let vote = services.vote.url();
    browser.goto(&format!("{vote}/organise/sign-in?token={ORGANISER_TOKEN}")).await;
    browser.goto(&format!("{vote}/organise/main")).await;
    browser.find("#voters:not(:empty)").await;
    browser
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_from_elsewhere_is_told_and_the_numbers_move_without_a_reload() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    let (vote, client) = (services.vote.url(), Client::new());
    let driver = Driver::start().await;
    let browser = open(&driver, &services).await;
    browser.run("window.sameAsBefore = true").await;
    for _ in 0..2 {
        let cast = client.post(format!("{vote}/api/polls/main/ballots")).json(&json!({"choices": ["a"]})).send().await;
        assert_eq!(cast.expect("vote answers").status(), 201);
    }
    let numbers = "return ['voters', 'accepted', 'counted', 'lag'].map(id => document.getElementById(id).textContent)";
    wait::until_true("the numbers to move", || async { browser.run(numbers).await == json!(["2", "2", "2", "0"]) })
        .await;
    browser.find("tr[data-key=a] .share").await;
    assert!(!browser.has("#changed:not([hidden])").await, "votes are no change of the poll");

    let hide = client.post(format!("{vote}/api/polls/main/hide")).bearer_auth(ORGANISER_TOKEN).send().await;
    assert_eq!(hide.expect("vote answers").status(), 200);
    browser.find("#changed:not([hidden])").await;
    assert_eq!(browser.run("return window.sameAsBefore").await, true, "nobody's page is taken away");
    browser.click("#changed a").await;
    browser.find("form[action$='/reveal']").await;
    assert!(!browser.has("#changed:not([hidden])").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_gets_itself_a_new_ticket_before_the_old_one_ends() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    let driver = Driver::start().await;
    let browser = open(&driver, &services).await;
    // The first renewal is due after a minute; here at once.
    let hurry = "const later = window.setTimeout; \
        window.setTimeout = (what, ms, ...rest) => later(what, ms === 60_000 ? 0 : ms, ...rest);";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": hurry})).await;
    browser.goto(&format!("{}/organise/main", services.vote.url())).await;
    let shown = "return [...new Set(performance.getEntriesByType('resource').map(({name}) => new URL(name)) \
        .filter(({pathname}) => pathname.endsWith('/tally')).map(({searchParams}) => searchParams.get('ticket')))]";
    let tickets = wait::until("the figures to be asked for with a new ticket", || async {
        let tickets = browser.run(shown).await;
        tickets.as_array().is_some_and(|tickets| tickets.len() == 2).then_some(tickets)
    });
    let tickets = tickets.await;
    let at_first = browser.run("return document.querySelector('table.votes').dataset.ticket").await;
    assert_eq!(tickets[0], at_first);
    for ticket in tickets.as_array().into_iter().flatten() {
        let ticket = ticket.as_str().expect("text");
        let url = format!("{}/api/polls/main/tally?ticket={ticket}", services.result.url());
        assert_eq!(reqwest::get(url).await.expect("result answers").status(), 200, "it is one that opens");
    }
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_french_page_of_the_api_what_is_english_says_so() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    let driver = Driver::start().await;
    let browser = driver.open(Setup { language: "fr", ..Setup::default() }).await;
    browser.goto(&format!("{}/api", services.vote.url())).await;
    browser.find("#operations summary").await;
    let others = "return [...new Set([...document.querySelectorAll('#operations :is(summary, label, p.small)')] \
        .filter(it => !it.querySelector('[lang=en]')).map(it => it.textContent))]";
    let others: Vec<Value> = serde_json::from_value(browser.run(others).await).expect("texts");
    assert_eq!(others, ["Corps (JSON)"], "our own words are French");
    let english = browser.run("return document.querySelectorAll('#operations [lang=en]').length").await;
    assert!(english.as_u64() >= Some(15), "{english}");
}
