//! Voters' pages that stay open: they notice what becomes of their poll, and lose nothing that was filled in.

use reqwest::Client;
use serde_json::{Value, json};
use testkit::{
    all_in_one::AllInOne,
    browser::{Browser, Driver, Setup},
    postgres_server::TestDatabase,
    programs::{ORGANISER_TOKEN, Services},
    redis_server::RedisServer,
    tallies, wait,
};

async fn organise(vote_url: &str, method: &str, path: &str, body: Value) {
    let url = format!("{vote_url}/api/polls{path}");
    let request = Client::new().request(method.parse().expect("a method"), url).bearer_auth(ORGANISER_TOKEN);
    let answer = request.json(&body).send().await.expect("vote answers");
    assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap_or_default());
}

struct Evening {
    server: AllInOne,
    browser: Browser,
    _driver: Driver,
    _data: tempfile::TempDir,
}

impl Evening {
    async fn begin() -> Self {
        let data = tempfile::tempdir().expect("a directory");
        let server = AllInOne::start_with(data.path(), [("ORGANISER_TOKEN", ORGANISER_TOKEN)]).await;
        let driver = Driver::start().await;
        let browser = driver.open(Setup::default()).await;
        Self { server, browser, _driver: driver, _data: data }
    }

    async fn create(&self, spec: Value) {
        organise(&self.server.vote_url(), "POST", "", spec).await;
    }

    async fn change(&self, path: &str) {
        organise(&self.server.vote_url(), "POST", path, json!({})).await;
    }

    /// Opens the poll's page and marks it, so that another one would be told from it.
    async fn open(&self, poll: &str) {
        self.browser.goto(&format!("{}/p/{poll}", self.server.vote_url())).await;
        self.browser.run("document.documentElement.dataset.same = 'yes'").await;
    }

    /// Waits for these words on the same page.
    async fn shows(&self, words: &str) {
        self.browser.shows(words).await;
        let same = self.browser.run("return document.documentElement.dataset.same").await;
        assert_eq!(same, "yes", "without another page: {words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_page_notices_what_becomes_of_its_poll() {
    let evening = Evening::begin().await;
    evening.create(json!({"id": "tea", "question": "Tea?", "options": ["Yes", "No"], "state": "waiting"})).await;
    evening.open("tea").await;
    evening.shows("This poll is not open yet").await;
    evening.change("/tea/open").await;
    evening.shows("Tap an answer to vote").await;
    evening.browser.click("button[value=b]").await;
    evening.shows("You chose No").await;
    evening.change("/tea/reset").await;
    evening.shows("The poll has begun anew").await;
    evening.change("/tea/hide").await;
    evening.shows("The organiser reveals the result later").await;
    evening.change("/tea/close").await;
    evening.shows("This poll is closed").await;
    evening.change("/tea/reveal").await;
    evening.shows("Nobody has voted yet").await;
    evening.change("/tea/open").await;
    evening.shows("Tap an answer to vote").await;
    assert_eq!(evening.browser.complaints().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_page_tells_that_ballots_will_be_and_are_published() {
    let evening = Evening::begin().await;
    evening.create(json!({"id": "tea", "question": "Tea?", "options": ["Yes", "No"]})).await;
    evening.open("tea").await;
    evening.shows("Tap an answer to vote").await;
    assert!(!evening.browser.text().await.contains("published"));
    organise(&evening.server.vote_url(), "PATCH", "/tea", json!({"publish": true})).await;
    evening.shows("all ballots will be published, without names").await;
    evening.browser.click("button[value=b]").await;
    evening.shows("You chose No").await;
    evening.change("/tea/close").await;
    evening.shows("This poll is closed").await;
    assert!(!evening.browser.text().await.contains("published"), "nobody knows when");

    // The organiser's browser runs no script.
    let driver = Driver::start().await;
    let organiser = driver.open(Setup { javascript: false, ..Setup::default() }).await;
    let vote_url = evening.server.vote_url();
    organiser.goto(&format!("{vote_url}/organise/sign-in?token={ORGANISER_TOKEN}")).await;
    organiser.goto(&format!("{vote_url}/organise/tea")).await;
    organiser.submit("a[href$='/publish']").await;
    organiser.click("main form button").await;
    organiser.shows("Publish all ballots?").await;
    organiser.click("input[name=sure]").await;
    organiser.submit("main form button").await;
    organiser.shows("All ballots are published, without names.").await;
    evening.shows("All ballots are published, without names.").await;
    let link = "return document.querySelector('.note a[href$=\"/p/tea/check\"]').textContent";
    assert_eq!(evening.browser.run(link).await, "Check the count");
    assert_eq!(evening.browser.complaints().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_filled_in_and_not_sent_is_kept_or_told() {
    let evening = Evening::begin().await;
    evening.create(json!({"id": "tea", "question": "Which?", "options": ["x", "y", "z"], "max_choices": 2})).await;
    let spec = json!({"id": "who", "question": "Who?", "options": ["x", "y"], "access": "codes"});
    evening.create(spec.clone()).await;
    let ticked = "return [...document.querySelectorAll('input:checked')].map(it => it.value).join()";

    evening.open("tea").await;
    evening.browser.click("input[value=a]").await;
    evening.browser.click("input[value=c]").await;
    evening.change("/tea/hide").await;
    evening.shows("The organiser reveals the result later").await;
    assert_eq!(evening.browser.run(ticked).await, "a,c");
    evening.shows("2 of 2 chosen").await;
    evening.change("/tea/close").await;
    evening.shows("This poll is closed").await;
    evening.shows("what you had chosen was not sent").await;

    evening.open("who").await;
    evening.browser.type_into("#code", "K7QM-2XPD").await;
    evening.browser.click("input[value=b]").await;
    evening.change("/who/hide").await;
    evening.shows("The organiser reveals the result later").await;
    let code = "return document.getElementById('code').value";
    assert_eq!(evening.browser.run(code).await, "K7QM-2XPD");
    assert_eq!(evening.browser.run(ticked).await, "b");
    let rewritten = json!({"question": "Who else?", "options": ["u", "v"], "access": "codes"});
    organise(&evening.server.vote_url(), "PATCH", "/who", rewritten).await;
    evening.shows("Who else?").await;
    evening.shows("what you had chosen was not sent").await;
    assert_eq!(evening.browser.run(ticked).await, "", "what stands for another option is not chosen");
    assert_eq!(evening.browser.complaints().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tap_that_was_meant_for_other_words_casts_nothing() {
    let evening = Evening::begin().await;
    evening.create(json!({"id": "tea", "question": "Tea?", "options": ["Yes", "No"]})).await;
    evening.open("tea").await;
    // The finger comes down in the moment in which the page changes.
    let late = "new MutationObserver((_, seen) => { seen.disconnect(); \
        document.querySelector('button[value=a]').click(); document.documentElement.dataset.tapped = ''; }) \
        .observe(document.querySelector('main').parentNode, {childList: true});";
    evening.browser.run(late).await;
    let rewritten = json!({"question": "Shall we give up tea?", "options": ["Yes", "No"]});
    organise(&evening.server.vote_url(), "PATCH", "/tea", rewritten).await;
    evening.shows("Shall we give up tea?").await;
    evening.browser.find("html[data-tapped]").await;
    // The next tap is one again, and the only one that is cast.
    evening.browser.find("form.ballot:not([aria-busy=true])").await;
    evening.browser.click("button[value=b]").await;
    evening.browser.find("button[value=b].mine").await;
    let url = format!("{}/api/polls/tea", evening.server.vote_url());
    let poll: Value = Client::new()
        .get(url)
        .bearer_auth(ORGANISER_TOKEN)
        .send()
        .await
        .expect("vote answers")
        .json()
        .await
        .expect("JSON");
    assert_eq!(poll["accepted"], 1, "{poll}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ballot_that_is_not_counted_yet_is_said_to_be_under_way() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    let result_url = services.result.url();
    wait::until("the poll to be in the ledger", || tallies::tally(&result_url, "main")).await;
    let driver = Driver::start().await;
    for (language, counting, counted) in [
        ("en", "Your vote is being counted", "One person has voted"),
        ("fr", "Votre vote est en cours de décompte", "2 personnes ont voté"),
    ] {
        let browser = driver.open(Setup { language, ..Setup::default() }).await;
        browser.goto(&services.vote.url()).await;
        services.worker.program.signal("STOP");
        browser.click("button[value=b]").await;
        browser.shows(counting).await;
        assert!(!browser.text().await.contains("Nobody has voted yet"), "beside a recorded vote");
        services.worker.program.signal("CONT");
        browser.shows(counted).await;
        assert_eq!(browser.complaints().await, [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn phones_and_screens_have_the_same_words_at_the_close() {
    let evening = Evening::begin().await;
    evening.create(json!({"id": "tea", "question": "Tea?", "options": ["Yes", "No"], "publish": true})).await;
    evening.open("tea").await;
    evening.browser.click("button[value=a]").await;
    evening.shows("Your vote is recorded").await;
    evening.change("/tea/close").await;
    evening.shows("Seal of all ballots").await;
    let tally = format!("{}/api/polls/tea/tally", evening.server.result_url());
    let seal = wait::until("the seal", async || {
        let tally: Value = Client::new().get(&tally).send().await.ok()?.json().await.ok()?;
        tally.get("seal").cloned()
    });
    let words: Vec<String> = serde_json::from_value(seal.await["words"].clone()).expect("words");
    evening.shows(&words.join(" ")).await;
    evening.browser.goto(&format!("{}/p/tea", evening.server.result_url())).await;
    evening.browser.shows(&words.join(" ")).await;
    let keys = [evening.server.vote_url(), evening.server.result_url()].map(|host| async move {
        let key = Client::new().get(format!("{host}/.well-known/scrutin-key")).send().await.expect("it answers");
        key.text().await.expect("a text")
    });
    let [vote, result] = keys;
    assert_eq!(vote.await, result.await);
}
