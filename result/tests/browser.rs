//! The live page in a real browser: what needs a keyboard, a frame or a screen of some size.

#![allow(clippy::unwrap_used, reason = "clippy does not see that helpers beside #[test] functions are tests")]

mod support;

use axum::{Router, response::Html, routing::get};
use domain::{PollChange, PollSpec};
use scrutin_result::Config;
use serde_json::json;
use support::{App, config, spawn_app, spawn_app_with};
use testkit::{
    browser::{Browser, Driver, PHONE, PROJECTOR, Setup},
    wait,
};
use tokio::net::TcpListener;

async fn open(driver: &Driver, app: &App, path: &str, size: (u32, u32)) -> Browser {
    let browser = driver.open(Setup { size, ..Setup::default() }).await;
    browser.goto(&app.url(path)).await;
    browser
}

async fn until(browser: &Browser, what: &str, script: &str) {
    wait::until_true(what, || async { browser.run(&format!("return {script}")).await == json!(true) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_f_takes_the_whole_screen_unless_it_is_switched_off() {
    let (app, driver) = (spawn_app().await, Driver::start().await);
    let browser = open(&driver, &app, "/", PROJECTOR).await;
    until(&browser, "the button", "!document.getElementById('full-screen').hidden").await;
    browser.type_into("body", "f").await;
    until(&browser, "the full screen", "document.fullscreenElement === document.documentElement").await;
    until(&browser, "no footer", "document.querySelector('.foot').offsetHeight === 0").await;
    assert_eq!(browser.run("return document.querySelector('.qr').getBoundingClientRect().height > 50").await, true);
    browser.type_into("body", "f").await;
    until(&browser, "the page", "document.fullscreenElement === null").await;

    browser.click("#full-screen button").await;
    until(&browser, "the full screen", "document.fullscreenElement !== null").await;
    browser.run("document.exitFullscreen()").await;
    until(&browser, "the focus back", "document.activeElement === document.querySelector('#full-screen button')").await;

    browser.click("#full-screen input").await;
    browser.goto(&app.url("/")).await;
    until(&browser, "the choice", "document.querySelector('#full-screen input').checked === false").await;
    browser.type_into("body", "f").await;
    assert_eq!(browser.run("return document.fullscreenElement === null").await, true, "it is remembered");
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_without_full_screen_shows_no_button() {
    let (app, driver) = (spawn_app().await, Driver::start().await);
    let browser = driver.open(Setup::default()).await;
    let source = "Object.defineProperty(document, 'fullscreenEnabled', {get: () => false})";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": source})).await;
    browser.goto(&app.url("/")).await;
    browser.shows("Live").await;
    assert_eq!(browser.run("return document.querySelector('#full-screen button').offsetHeight").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn screen_readers_announce_states_and_not_each_vote() {
    let (app, driver) = (spawn_app().await, Driver::start().await);
    let browser = open(&driver, &app, "/", PROJECTOR).await;
    until(&browser, "live", "document.getElementById('connection').dataset.kind === 'live'").await;
    let observe = "window.heard = []; \
        const live = '[role=status], [role=alert], [aria-live]'; \
        new MutationObserver(changes => changes.forEach(change => { \
            const region = (change.target.closest ? change.target : change.target.parentElement).closest(live); \
            if (region) heard.push(region.textContent); \
        })).observe(document.body, {subtree: true, childList: true, characterData: true});";
    browser.run(observe).await;
    for voters in 1..=5 {
        app.ledger.vote("main", 0);
        let turnout = if voters == 1 { "1 voter".to_owned() } else { format!("{voters} voters") };
        browser.shows(&turnout).await;
    }
    assert_eq!(browser.run("return heard").await, json!([]), "votes are not told");
    app.ledger.change("main", &PollChange::Close);
    browser.shows("Voting is closed").await;
    assert_eq!(browser.run("return heard").await, json!(["Voting is closed"]));
    app.ledger.change("main", &PollChange::Hide);
    browser.shows("The organiser will reveal the result.").await;
    until(&browser, "the news", "heard.length === 2 && heard[1] === 'The organiser will reveal the result.'").await;
    app.ledger.change("main", &PollChange::Reveal);
    until(&browser, "the news", "heard.length === 3 && heard[2] === 'The votes are shown.'").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_voting_address_is_in_the_corner_and_all_fits_the_width() {
    let (app, driver) = (spawn_app().await, Driver::start().await);
    let long = "What should we do about all of that? ".repeat(14).chars().take(500).collect::<String>();
    for (id, question) in [("short", "Which?"), ("long", &long)] {
        for options in [2, 26] {
            let texts = (1..=options).map(|number| format!("Option {number}: {}", "long text ".repeat(15)));
            app.ledger.create(&format!("{id}-{options}"), PollSpec::simple(question, texts));
        }
    }
    for size in [(360, 640), PHONE, (844, 390), (1024, 400), (1024, 600), (1280, 720), PROJECTOR, (3840, 2160)] {
        let browser = driver.open(Setup { size, ..Setup::default() }).await;
        for poll in ["short-2", "short-26", "long-2", "long-26"] {
            browser.goto(&app.url(&format!("/p/{poll}"))).await;
            let width = browser.run("return document.documentElement.scrollWidth").await;
            assert!(width.as_u64().unwrap() <= u64::from(size.0), "{poll} at {size:?} is {width} wide");
            let corner = "const {top, right, bottom} = document.querySelector('.qr').getBoundingClientRect(); \
                const link = document.querySelector('.join a').getBoundingClientRect(); \
                const there = top > innerHeight / 2 && bottom <= innerHeight && innerWidth - right < innerWidth / 10 \
                    && link.top > innerHeight / 2 && link.bottom <= innerHeight; \
                const on_top = document.elementFromPoint(right - 20, bottom - 20).closest('.qr'); \
                return [there, on_top !== null]";
            for scrolled in ["0", "document.body.scrollHeight / 3"] {
                browser.run(&format!("scrollTo({{top: {scrolled}, behavior: 'instant'}})")).await;
                assert_eq!(browser.run(corner).await, json!([true, true]), "{poll} at {size:?}: in the corner");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_moves_if_the_user_prefers_reduced_motion() {
    let (app, driver) = (spawn_app().await, Driver::start().await);
    let browser = open(&driver, &app, "/", PROJECTOR).await;
    let duration = "return getComputedStyle(document.querySelector('.level')).transitionDuration";
    assert_eq!(browser.run(duration).await, "0.4s");
    let features = json!({"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]});
    browser.devtools("Emulation.setEmulatedMedia", features).await;
    assert_eq!(browser.run(duration).await, "0s");
}

/// A page of another origin, with the live result in a frame. Its address.
async fn framing_page(result: &str) -> String {
    let page = format!("<!doctype html><title>Slides</title><iframe src=\"{result}\" width=800 height=600></iframe>");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // Another host name, so that it is another site too.
    let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    let router = Router::new().route("/", get(move || async { Html(page) }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_frame_is_live_and_any_other_is_refused() {
    let driver = Driver::start().await;
    let open = spawn_app_with(Config { embed_origins: vec!["*".parse().unwrap()], ..config() }).await;
    let browser = driver.open(Setup { size: PROJECTOR, ..Setup::default() }).await;
    browser.goto(&framing_page(&open.url("/p/main/embed")).await).await;
    browser.find("iframe").await.enter_frame().await.unwrap();
    until(&browser, "live", "document.getElementById('connection').dataset.kind === 'live'").await;
    open.ledger.vote("main", 1);
    browser.shows("1 voter").await;

    let closed = spawn_app().await;
    for (app, path) in [(&open, "/p/main"), (&closed, "/p/main/embed")] {
        let browser = driver.open(Setup { size: PROJECTOR, ..Setup::default() }).await;
        browser.goto(&framing_page(&app.url(path)).await).await;
        wait::until_true("a refusal", || async { !browser.complaints().await.is_empty() }).await;
        browser.find("iframe").await.enter_frame().await.unwrap();
        assert!(!browser.text().await.contains("Cats"), "{path} in a frame");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slides_in_a_file_show_the_frame_and_read_the_scores_if_allowed() {
    let driver = Driver::start().await;
    let allowed = Config {
        embed_origins: vec!["*".parse().unwrap()],
        allowed_origins: vec!["null".parse().unwrap()],
        ..config()
    };
    for (app, opens) in [(spawn_app_with(allowed).await, true), (spawn_app().await, false)] {
        app.ledger.vote("main", 1);
        let slides = tempfile::Builder::new().suffix(".html").tempfile().unwrap();
        let page = format!(
            "<!doctype html><title>Slides</title><iframe src=\"{}\" width=800 height=600></iframe><p></p><b></b><script>
             const say = (css, text) => document.querySelector(css).textContent = text;
             fetch(\"{}\").then(it => it.json()).then(it => say('p', `read ${{it.voters}}`), () => say('p', 'refused'));
             const socket = new WebSocket(\"ws://{}/socket.io/?EIO=4&transport=websocket\");
             socket.onopen = () => say('b', 'connected'); socket.onerror = () => say('b', 'turned away');</script>",
            app.url("/p/main/embed"),
            app.url("/api/polls/main/tally"),
            app.addr,
        );
        std::fs::write(slides.path(), page).unwrap();
        let browser = driver.open(Setup { size: PROJECTOR, ..Setup::default() }).await;
        browser.goto(&format!("file://{}", slides.path().display())).await;
        browser.shows(if opens { "read 1" } else { "refused" }).await;
        browser.shows(if opens { "connected" } else { "turned away" }).await;
        browser.find("iframe").await.enter_frame().await.unwrap();
        if opens {
            browser.shows("1 voter").await;
        } else {
            assert!(!browser.text().await.contains("Cats"), "it is not allowed here");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_receipt_shows_when_its_ballot_is_counted() {
    use domain::{Inclusion, PollId, Position, Receipt, VoterId};
    let (app, driver) = (spawn_app().await, Driver::start().await);
    *app.ledger.inclusion.lock().unwrap() = Inclusion::NotCountedYet;
    let receipt =
        Receipt { position: Position::new(1_795_423_500_123, 4).unwrap(), voter: VoterId::from_bytes([7; 16]) };
    let path = format!("/p/main/receipts/{}", receipt.encode(&support::secret(), PollId::MAIN));
    let browser = open(&driver, &app, &path, PHONE).await;
    browser.shows("Your ballot waits to be counted").await;
    *app.ledger.inclusion.lock().unwrap() = Inclusion::Counted;
    browser.shows("Your ballot is counted").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_websockets_the_screen_is_updated_and_says_so() {
    let (app, driver) = (spawn_app().await, Driver::start().await);
    let browser = driver.open(Setup::default()).await;
    let source = "window.WebSocket = class { \
        constructor() { setTimeout(() => this.onclose && this.onclose(), 50); } close() {} send() {} }";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": source})).await;
    browser.goto(&app.url("/")).await;
    until(&browser, "no link to look again", "document.getElementById('again').hidden").await;
    browser.find("[data-kind=polled]").await;
    browser.shows("Updated every few seconds").await;
    app.ledger.vote("main", 0);
    until(&browser, "the vote", "document.querySelector('[data-key=a] .count').textContent === '1'").await;
    app.ledger.stop_counting("main", Some(60_000));
    browser.find("[data-kind=stale]").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_script_there_is_a_link_to_reload() {
    let (app, driver) = (spawn_app().await, Driver::start().await);
    let browser = driver.open(Setup::default()).await;
    let source = "delete window.Intl";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": source})).await;
    browser.goto(&app.url("/")).await;
    until(&browser, "the link", "getComputedStyle(document.querySelector('#again a')).visibility === 'visible'").await;
    app.ledger.vote("main", 0);
    wait::until_true("the vote", || async {
        browser.click("#again a").await;
        browser.run("return document.querySelector('[data-key=a] .count').textContent").await == json!("1")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_says_that_the_last_votes_are_counted_until_they_are() {
    let (app, driver) = (spawn_app().await, Driver::start().await);
    app.ledger.spread(2);
    let browser = open(&driver, &app, "/", PROJECTOR).await;
    browser.shows("Live").await;
    app.ledger.change("main", &PollChange::Close);
    browser.shows("the last votes are being counted").await;
    app.ledger.edit_share(1, |share| (share.figures.votes[1], share.figures.voters) = (1, 1));
    until(&browser, "the last vote", "document.querySelector('tr[data-key=b] .count').textContent === '1'").await;
    app.ledger.change_share(1, &PollChange::Close);
    until(&browser, "the end", "document.getElementById('state').textContent === 'Voting is closed'").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}
