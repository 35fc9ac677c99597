//! Voters' pages of an event: they follow the organiser by themselves, and nothing that was filled in is lost without a
//! word. And a whole evening.

mod whole_evening;

use reqwest::Client;
use serde_json::{Value, json};
use testkit::{
    all_in_one::AllInOne,
    browser::{Browser, Driver, Setup},
    postgres_server::TestDatabase,
    programs::{ORGANISER_TOKEN, Services},
    redis_server::RedisServer,
    wait,
};

/// The services with an event of these questions, which wait.
struct Evening {
    services: Services,
    driver: Driver,
    _servers: (RedisServer, TestDatabase),
}

impl Evening {
    async fn begin(polls: &[Value]) -> Self {
        let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
        let services = Services::start(&redis.url(), &database.url()).await;
        let evening = Self { services, driver: Driver::start().await, _servers: (redis, database) };
        for poll in polls {
            evening.organise("POST", "/polls", poll.clone()).await;
        }
        let ids: Vec<&Value> = polls.iter().map(|poll| &poll["id"]).collect();
        evening.organise("POST", "/events", json!({"id": "evening", "title": "Quiz night", "polls": ids})).await;
        evening
    }

    async fn organise(&self, method: &str, path: &str, body: Value) -> Value {
        organise(&self.services.vote.url(), method, path, body).await
    }

    /// Presses the large button.
    async fn next(&self) {
        self.organise("POST", "/events/evening/next", json!({})).await;
    }

    /// Opens the event's page and marks it, so that another one would be told from it.
    async fn voter(&self, setup: Setup) -> Browser {
        let browser = self.driver.open(setup).await;
        self.open(&browser).await;
        browser
    }

    async fn open(&self, browser: &Browser) {
        browser.goto(&format!("{}/e/evening", self.services.vote.url())).await;
        browser.run("document.documentElement.dataset.same = 'yes'").await;
    }
}

async fn organise(vote_url: &str, method: &str, path: &str, body: Value) -> Value {
    let url = format!("{vote_url}/api{path}");
    let request = Client::new().request(method.parse().expect("a method"), url).bearer_auth(ORGANISER_TOKEN);
    let answer = request.json(&body).send().await.expect("vote answers");
    assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap_or_default());
    answer.json().await.expect("JSON")
}

/// Waits for these words on the same page.
async fn follows(browser: &Browser, words: &str) {
    browser.shows(words).await;
    let same = browser.run("return document.documentElement.dataset.same").await;
    assert_eq!(same, "yes", "without another page: {words}");
}

fn poll(id: &str) -> Value {
    json!({"id": id, "question": format!("Question {id}?"), "options": ["x", "y", "z"], "state": "waiting"})
}

async fn with_script(evening: &Evening, source: &str) -> Browser {
    let browser = evening.driver.open(Setup::default()).await;
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": source})).await;
    evening.open(&browser).await;
    browser
}

async fn viewers(evening: &Evening, expected: f64) {
    wait::until_true("the pages to be connected", || async {
        evening.services.result.metric("scrutin_result_viewers").await >= expected
    })
    .await;
}

/// No request tells where event and poll are: only the socket.
const SOCKET_ONLY: &str = "const { fetch } = window;
    const tells = (url) => /[/](now|tally)$/.test(String(url));
    window.fetch = (url, options) => tells(url) ? Promise.reject(new Error()) : fetch(url, options);";
/// As behind a proxy that blocks WebSockets.
const NO_SOCKET: &str = "window.WebSocket = function () {
    this.close = () => {};
    setTimeout(() => this.onclose && this.onclose(), 50);
};";
/// `deafen()`: connections by which nothing but pings comes any more, so that nothing says that they are dead.
/// `sleepFor(ms)`: the clock goes on, and nothing else.
const SLEEPY: &str = "const Native = window.WebSocket;
    const sockets = [];
    window.WebSocket = function (url) {
        const socket = new Native(url);
        const isHeard = ({ data }) => !socket.deaf || data[0] === '2';
        const hear = (listener) => (event) => isHeard(event) && listener(event);
        Object.defineProperty(socket, 'onmessage', { set: (it) => socket.addEventListener('message', hear(it)) });
        sockets.push(socket);
        return socket;
    };
    window.connections = () => sockets.length;
    window.deafen = () => sockets.forEach((socket) => { socket.deaf = true; });
    window.sleepFor = (ms) => { const { now } = Date; Date.now = () => now() + ms; };";

#[tokio::test(flavor = "multi_thread")]
async fn a_page_follows_by_the_socket_by_asking_and_by_a_link() {
    let evening = Evening::begin(&[poll("one"), poll("two")]).await;
    let socket = with_script(&evening, SOCKET_ONLY).await;
    viewers(&evening, 1.0).await;
    let asks = with_script(&evening, NO_SOCKET).await;
    let plain = evening.voter(Setup { javascript: false, language: "de", ..Setup::default() }).await;
    socket.shows("Look at the speaker").await;
    plain.shows("Schauen Sie nach vorn").await;
    for words in ["Question one?", "This poll is closed", "Question two?", "This poll is closed", "the last question"] {
        evening.next().await;
        follows(&socket, words).await;
        follows(&asks, words).await;
    }
    // Without JavaScript it is one click.
    for _ in 0..2 {
        evening.organise("POST", "/events/evening/back", json!({})).await;
    }
    plain.click("#again a").await;
    plain.shows("Question two?").await;
    plain.click("input[value=b]").await;
    plain.click("main form button").await;
    plain.shows("Ihre Stimme ist abgegeben").await;
    for browser in [socket, asks] {
        assert_eq!(browser.complaints().await, [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_slept_is_right_when_it_wakes_and_follows_again() {
    let evening = Evening::begin(&[poll("one"), poll("two")]).await;
    let phone = with_script(&evening, &format!("{SLEEPY}{SOCKET_ONLY}")).await;
    viewers(&evening, 1.0).await;
    evening.next().await;
    follows(&phone, "Question one?").await;
    phone.run("deafen()").await;
    evening.next().await;
    evening.next().await;
    phone.run("sleepFor(60000)").await;
    follows(&phone, "Question two?").await;
    wait::until_true("a new connection", || async { phone.run("return connections()").await == 2 }).await;
    evening.next().await;
    follows(&phone, "This poll is closed").await;

    // Back to a tab that was hidden.
    let tab = with_script(&evening, &format!("{SLEEPY}{NO_SOCKET}")).await;
    tab.shows("This poll is closed").await;
    let hidden = |on: bool| {
        format!(
            "Object.defineProperty(document, 'hidden', {{ get: () => {on}, configurable: true }});
             document.dispatchEvent(new Event('visibilitychange'))"
        )
    };
    tab.run(&hidden(true)).await;
    evening.next().await;
    tab.run(&hidden(false)).await;
    follows(&tab, "That was the last question").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_result_host_a_page_follows_by_itself() {
    let mut evening = Evening::begin(&[poll("one")]).await;
    evening.services.result.program.kill();
    let browser = evening.voter(Setup::default()).await;
    evening.next().await;
    follows(&browser, "Question one?").await;
    evening.next().await;
    follows(&browser, "This poll is closed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_chosen_and_not_sent_is_not_lost_without_a_word() {
    let evening = Evening::begin(&[poll("one"), poll("two")]).await;
    evening.next().await;
    let browser = evening.voter(Setup::default()).await;
    viewers(&evening, 1.0).await;
    let ticked = "return [...document.querySelectorAll('input:checked')].map(it => it.value).join()";
    let focus = "return [document.activeElement.tagName, document.getElementById('said')?.textContent].join()";

    browser.click("input[value=b]").await;
    evening.next().await;
    follows(&browser, "This poll is closed").await;
    follows(&browser, "The poll has changed: what you had chosen was not sent.").await;
    // Whoever uses the keyboard is at the question, and screen readers say what happened.
    wait::until_true("focus and news", || async {
        let said = browser.run(focus).await;
        said.as_str().is_some_and(|said| said.starts_with("H1,Question one? The poll has changed: what you had"))
    })
    .await;

    // From one question to the next at once: what stood for its options stands for none of the other's.
    evening.organise("POST", "/events/evening/back", json!({})).await;
    follows(&browser, "Choose one option").await;
    browser.click("input[value=c]").await;
    evening.organise("POST", "/polls/one/close", json!({})).await;
    evening.organise("POST", "/events/evening/next", json!({})).await;
    follows(&browser, "Question two?").await;
    assert_eq!(browser.run(ticked).await, "");
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_missed_the_close_says_which_choice_was_lost() {
    let evening = Evening::begin(&[poll("one"), poll("two")]).await;
    evening.next().await;
    let browser = with_script(&evening, &format!("{SLEEPY}{SOCKET_ONLY}")).await;
    viewers(&evening, 1.0).await;
    browser.run("deafen()").await;
    browser.click("input[value=c]").await;
    evening.next().await;
    evening.next().await;
    browser.run("sleepFor(60000)").await;
    follows(&browser, "Another question is on: what you had chosen was not sent.").await;
    follows(&browser, "Question two?").await;
    assert_eq!(browser.run("return document.querySelectorAll('input:checked').length").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_all_in_one_voters_and_screen_follow_at_the_root_address() {
    let data = tempfile::tempdir().expect("a directory");
    let server = AllInOne::start_with(data.path(), [("ORGANISER_TOKEN", ORGANISER_TOKEN)]).await;
    let vote = server.vote_url();
    for id in ["one", "two"] {
        organise(&vote, "POST", "/polls", poll(id)).await;
    }
    organise(&vote, "POST", "/events", json!({"id": "evening", "title": "Quiz night", "polls": ["one", "two"]})).await;
    organise(&vote, "PUT", "/front-page", json!({"event": "evening"})).await;
    let driver = Driver::start().await;
    let (voter, screen) = (driver.open(Setup::default()).await, driver.open(Setup::default()).await);
    for (browser, url) in [(&voter, vote.clone()), (&screen, server.result_url())] {
        browser.goto(&url).await;
        browser.run("document.documentElement.dataset.same = 'yes'").await;
        follows(browser, "Quiz night").await;
    }
    organise(&vote, "POST", "/events/evening/next", json!({})).await;
    follows(&voter, "Question one?").await;
    follows(&screen, "Question one?").await;
    voter.click("input[value=b]").await;
    voter.click("main form button").await;
    follows(&voter, "Your vote is recorded").await;
    follows(&screen, "1 voter").await;
    for _ in 0..2 {
        organise(&vote, "POST", "/events/evening/next", json!({})).await;
    }
    follows(&voter, "Question two?").await;
    follows(&screen, "Question two?").await;
    for browser in [voter, screen] {
        assert_eq!(browser.complaints().await, [""; 0]);
    }
}
