//! The live page of an event: what it shows without a script, and how it follows the event in a real browser.

#![allow(clippy::unwrap_used, reason = "clippy does not see that helpers beside #[test] functions are tests")]

mod support;

use domain::{EventChange, EventSpec, FrontPage, PollChange, PollSpec, PollState};
use http::{StatusCode, header};
use scrutin_result::Config;
use serde_json::json;
use support::{App, config, links, spawn_app_with};
use testkit::{
    browser::{Browser, Driver, PHONE, PROJECTOR, Setup},
    wait,
};
use web::signed_link::{self, Purpose};

async fn evening() -> App {
    evening_with(config()).await
}

async fn evening_with(config: Config) -> App {
    let app = spawn_app_with(config).await;
    for (id, question) in [("tea", "Tea?"), ("cake", "Cake?")] {
        app.ledger.create(id, PollSpec { state: PollState::Waiting, ..PollSpec::simple(question, ["Yes", "No"]) });
    }
    app.ledger.create_event("evening", "The evening", &["tea", "cake"]);
    app
}

async fn open(app: &App, path: &str, setup: Setup) -> (Driver, Browser) {
    let driver = Driver::start().await;
    let browser = driver.open(setup).await;
    browser.goto(&app.url(path)).await;
    (driver, browser)
}

async fn until(browser: &Browser, what: &str, script: &str) {
    wait::until_true(what, || async { browser.run(&format!("return {script}")).await == json!(true) }).await;
}

#[tokio::test]
async fn the_page_shows_the_question_that_is_on_and_else_the_way_to_vote() {
    let app = evening().await;
    let before = app.page("/e/evening").await;
    for text in ["<title>The evening · Live result", ">The evening</h1>", "vote.example.org<wbr>/e/evening</a>"] {
        assert!(before.contains(text), "{text}: {before}");
    }
    assert!(before.contains("href=\"/e/evening/join\"") && !before.contains("Tea?"));
    app.ledger.press_next("evening");
    let open = app.page("/e/evening").await;
    for text in ["<title>Tea? · Live result", ">Tea?</h1>", "data-key=\"a\"", "vote.example.org<wbr>/e/evening</a>"] {
        assert!(open.contains(text), "{text}: {open}");
    }
    assert!(open.contains("id=\"phones\">Look at your phones"), "nobody has voted yet: {open}");
    app.ledger.vote("tea", 0);
    assert!(app.page("/e/evening").await.contains("id=\"phones\" hidden>"));
    app.ledger.change("tea", &PollChange::Hide);
    let hidden = app.page("/e/evening").await;
    assert!(hidden.contains("id=\"phones\">Look at your phones") && !hidden.contains("data-key=\"a\""), "{hidden}");
    for _ in 0..5 {
        app.ledger.press_next("evening");
    }
    let over = app.page("/e/evening").await;
    assert!(over.contains("That was the last question") && over.contains("/e/evening</a>"), "{over}");
    assert!(app.page("/p/tea").await.contains("vote.example.org<wbr>/p/tea</a>"), "the poll's page is as before");
}

#[tokio::test]
async fn an_event_without_a_poll_that_is_counted_shows_the_way_to_vote() {
    let app = evening().await;
    app.ledger.remove("tea");
    let unknown = EventSpec { title: "The evening".to_owned(), polls: vec!["tea".parse().unwrap()] };
    app.ledger.create("tea", PollSpec::simple("Tea?", ["Yes", "No"]));
    app.ledger.change_event("evening", &EventChange::Edit(unknown));
    app.ledger.press_next("evening");
    app.ledger.remove("tea");
    wait::until_true("the poll to be forgotten", async || app.page("/e/evening").await.contains("between at")).await;
}

#[tokio::test]
async fn the_code_of_an_event_has_a_page_and_addresses_are_corrected() {
    let app = evening().await;
    let alone = app.page("/e/evening/join").await;
    assert!(alone.contains("The evening") && alone.contains("vote.example.org/e/evening</a>"), "{alone}");
    let moved = app.get("/e/Evening.").await;
    assert_eq!(moved.headers()[header::LOCATION], "/e/evening");
    for path in ["/e/party", "/e/party/join", "/e/party/embed"] {
        assert_eq!(app.get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
    assert!(app.page("/e/party").await.contains("There is no such event"));
}

#[tokio::test]
async fn the_organisers_projector_of_an_event_has_a_place() {
    let app = evening().await;
    let now = program::now_millis();
    let event: domain::EventId = "evening".parse().unwrap();
    let ticket = signed_link::ticket(&links(), event, Purpose::Projector, now);
    let answer = app.get(&format!("/e/evening?ticket={ticket}")).await;
    assert_eq!(
        (answer.status(), &answer.headers()[header::LOCATION]),
        (StatusCode::SEE_OTHER, &"/e/evening".parse().unwrap())
    );
    assert!(answer.headers()[header::SET_COOKIE].to_str().unwrap().starts_with("projector="));
    let of_a_poll =
        signed_link::ticket(&links(), "evening".parse::<domain::PollId>().unwrap(), Purpose::Projector, now);
    assert_eq!(app.get(&format!("/e/evening?ticket={of_a_poll}")).await.status(), StatusCode::OK, "no redirect");
}

#[tokio::test]
async fn the_root_shows_what_the_organiser_put_there() {
    let app = evening().await;
    app.ledger.press_next("evening");
    let event = FrontPage::Event("evening".parse().unwrap());
    app.ledger.change("main", &PollChange::PutInFront(Some(event)));
    let root = app.page("/").await;
    assert!(root.contains("data-event=\"evening\"") && root.contains(">Tea?</h1>"), "{root}");
    assert!(root.contains("href=\"https://vote.example.org\">vote.example.org</a>"), "people join there: {root}");
    let main = app.page("/p/main").await;
    assert!(main.contains("Cats or Dogs?") && main.contains("vote.example.org<wbr>/p/main</a>"), "{main}");
    app.ledger.change("main", &PollChange::PutInFront(Some(FrontPage::Poll("cake".parse().unwrap()))));
    let root = app.page("/").await;
    assert!(root.contains(">Cake?</h1>") && root.contains("href=\"https://vote.example.org\""), "{root}");
}

#[tokio::test]
async fn an_event_may_be_framed_where_polls_may_and_names_its_theme() {
    let app =
        evening_with(Config { embed_origins: vec!["https://slides.example.com".parse().unwrap()], ..config() }).await;
    app.ledger.press_next("evening");
    for (path, class) in [("/e/evening/embed", "board embed clear\""), ("/e/evening/embed?theme=dark", "clear dark\"")]
    {
        let answer = app.get(path).await;
        let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        assert!(policy.contains("frame-ancestors https://slides.example.com"), "{policy}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(class) && page.contains(">Tea?</h1>") && !page.contains("color-scheme"), "{page}");
        // What can't be framed opens elsewhere.
        assert!(page.contains("target=\"_blank\"") && !page.contains("class=\"enlarge\""), "{page}");
    }
    let whole = app.get("/e/evening").await;
    assert_eq!(whole.headers()[header::X_FRAME_OPTIONS], "DENY");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_projector_follows_the_event_and_tells_screen_readers() {
    let app = evening().await;
    let (_driver, browser) = open(&app, "/e/evening", Setup { size: PROJECTOR, ..Setup::default() }).await;
    until(&browser, "live", "document.getElementById('connection').dataset.kind === 'live'").await;
    until(&browser, "no link to look again", "document.getElementById('again').hidden").await;
    browser.run("window.same = true").await;
    app.ledger.press_next("evening");
    until(&browser, "the question", "document.querySelector('h1').textContent === 'Tea?'").await;
    until(&browser, "the news", "document.getElementById('news').textContent === 'New question: Tea?'").await;
    until(&browser, "live", "document.getElementById('connection').dataset.kind === 'live'").await;
    app.ledger.vote("tea", 1);
    until(&browser, "the vote", "document.querySelector('[data-key=b] .count').textContent === '1'").await;
    until(&browser, "no phones", "document.getElementById('phones').hidden").await;
    app.ledger.press_next("evening");
    until(&browser, "the close", "document.getElementById('state').textContent === 'Voting is closed'").await;
    until(&browser, "the closed page", "document.getElementById('poll').dataset.key.startsWith('3 closed ')").await;

    // The focus stays where it was, on the new page of the question.
    browser.run("document.querySelector('.enlarge').focus()").await;
    app.ledger.press_next("evening");
    until(&browser, "the next question", "document.querySelector('h1').textContent === 'Cake?'").await;
    assert_eq!(browser.run("return document.activeElement.className").await, "enlarge");
    assert_eq!(browser.run("return document.title").await, "Cake? · Live result");
    app.ledger.vote("cake", 0);
    until(&browser, "the vote", "document.querySelector('[data-key=a] .count').textContent === '1'").await;
    browser.run("document.querySelector('.join p a').focus()").await;
    app.ledger.press_next("evening");
    app.ledger.press_next("evening");
    until(&browser, "the end", "document.querySelector('.between.over') !== null").await;
    assert_eq!(browser.run("return document.activeElement.tagName").await, "H1");
    assert_eq!(browser.run("return window.same").await, true, "it was never loaded again");
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_websockets_the_projector_follows_by_asking() {
    let app = evening().await;
    let driver = Driver::start().await;
    let browser = driver.open(Setup::default()).await;
    let source = "window.WebSocket = class { \
        constructor() { setTimeout(() => this.onclose && this.onclose(), 50); } close() {} send() {} }";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": source})).await;
    browser.goto(&app.url("/e/evening")).await;
    browser.find("[data-kind=polled]").await;
    app.ledger.press_next("evening");
    browser.shows("Tea?").await;
    app.ledger.vote("tea", 0);
    until(&browser, "the vote", "document.querySelector('[data-key=a] .count').textContent === '1'").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projector_that_wakes_asks_before_it_finds_its_connection_dead() {
    let app = evening().await;
    let driver = Driver::start().await;
    let browser = driver.open(Setup::default()).await;
    // Connected, and then silent, as after sleep.
    let source = "window.WebSocket = class { \
        constructor() { setTimeout(() => { \
            this.onmessage({data: '0{\"pingInterval\":60000,\"pingTimeout\":60000}'}); \
            this.onmessage({data: '40{}'}); }, 50); } \
        close() {} send() {} }";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": source})).await;
    browser.goto(&app.url("/e/evening")).await;
    browser.find("[data-kind=live]").await;
    app.ledger.press_next("evening");
    browser.run("document.dispatchEvent(new Event('visibilitychange'))").await;
    browser.shows("Tea?").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_javascript_a_link_shows_the_question_that_is_on() {
    let app = evening().await;
    let (_driver, browser) = open(&app, "/e/evening", Setup { javascript: false, ..Setup::default() }).await;
    browser.shows("The evening").await;
    app.ledger.press_next("evening");
    wait::until_true("the question", || async {
        browser.click("#again a").await;
        browser.text().await.contains("Tea?")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_of_an_event_fills_the_screen_by_a_click_or_the_key_q() {
    let app = evening().await;
    let (_driver, browser) = open(&app, "/e/evening", Setup { size: PROJECTOR, ..Setup::default() }).await;
    until(&browser, "the button", "!document.getElementById('full-screen').hidden").await;
    let large = "document.querySelector('#join-large .qr')?.getBoundingClientRect().height > innerHeight * 0.65";
    browser.type_into("body", "q").await;
    until(&browser, "the code", large).await;
    browser.shows("vote.example.org/e/evening").await;
    // It stays over the next question, for those who come late.
    app.ledger.press_next("evening");
    until(&browser, "the question behind it", "document.querySelector('#content h1').textContent === 'Tea?'").await;
    assert_eq!(browser.run("return document.getElementById('join-large').hidden").await, false);
    browser.type_into("body", "q").await;
    until(&browser, "the page", "document.getElementById('join-large').hidden").await;
    browser.click(".enlarge").await;
    until(&browser, "the code", large).await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn between_the_questions_the_code_is_large_and_all_fits_the_screen() {
    let app = evening().await;
    let driver = Driver::start().await;
    for size in [(360, 640), PHONE, (1280, 720), PROJECTOR] {
        let browser = driver.open(Setup { size, ..Setup::default() }).await;
        browser.goto(&app.url("/e/evening")).await;
        let code = "const {height, bottom, right} = document.querySelector('.qr').getBoundingClientRect(); \
            return [height > Math.min(innerWidth, innerHeight) * 0.4, bottom <= innerHeight && right <= innerWidth, \
                document.documentElement.scrollWidth <= innerWidth]";
        assert_eq!(browser.run(code).await, json!([true, true, true]), "{size:?}");
    }
}
