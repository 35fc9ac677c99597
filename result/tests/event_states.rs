//! Every state of an event's pages, judged in a real browser: axe-core finds no violation of WCAG 2.2 AA, the console
//! has no complaint, and nothing is wider than the screen.

#![allow(clippy::unwrap_used, reason = "clippy does not see that helpers beside #[test] functions are tests")]

mod support;

use domain::{PollChange, PollSpec, PollState};
use scrutin_result::{Config, EmbedOrigin};
use serde_json::json;
use support::{App, config, spawn_app_with};
use testkit::{
    browser::{Browser, Driver, PHONE, PROJECTOR, Setup},
    wait,
};

/// As in `tests/accessible.rs`.
const RULES: &str = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']";
/// Arabic, which is written from right to left.
const RIGHT_TO_LEFT: &str = "ما رأيك في هذا الاقتراح؟";

async fn evening() -> App {
    let app = spawn_app_with(Config { embed_origins: vec![EmbedOrigin::Any], ..config() }).await;
    let long = ["Weniger Besprechungen, dafür mit einer Tagesordnung", "Mehr Zeit am Stück", "Alles wie bisher"];
    let waiting = |question: &str, options: &[&str]| PollSpec {
        state: PollState::Waiting,
        ..PollSpec::simple(question, options.iter().copied())
    };
    app.ledger.create("first", waiting("Was sollen wir im nächsten Halbjahr als Erstes ändern?", &long));
    app.ledger.create("second", waiting(RIGHT_TO_LEFT, &["نعم", "لا"]));
    app.ledger.create_event("abend", "Mitgliederversammlung des Vereins der Freunde", &["first", "second"]);
    app
}

fn axe_core() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/node/node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(path).expect("scripts/install-test-tools installed axe-core")
}

/// What is wrong with the page as it is now.
async fn faults(browser: &Browser, axe: &str) -> Vec<String> {
    let script = format!(
        "{axe}; const done = arguments[arguments.length - 1]; \
         axe.run(document, {{runOnly: {{type: 'tag', values: {RULES}}}}}) \
            .then(result => done(result), error => done(String(error)));"
    );
    let result = browser.client().execute_async(&script, Vec::new()).await.expect("axe-core runs");
    assert!(result["passes"].as_array().unwrap().len() > 5, "axe-core looked at the page: {result}");
    let violations = result["violations"].as_array().unwrap().iter();
    let mut found: Vec<String> =
        violations.map(|rule| format!("{}: {}", rule["help"], rule["nodes"][0]["html"])).collect();
    if browser.run("return document.documentElement.scrollWidth > innerWidth").await == json!(true) {
        found.push("wider than the screen".to_owned());
    }
    found.extend(browser.complaints().await);
    found
}

/// Whether the page is live, is the present one of the event, and has this text. (Right after a change the service may
/// not have heard of it yet.)
async fn is_shown(app: &App, browser: &Browser, text: &str) -> bool {
    let now = app.json("/api/events/abend/now").await;
    let expected = &app.ledger.event("abend");
    let on = expected.progress().poll().map(|poll| app.ledger.poll(poll).version());
    let is_present = now["version"] == expected.version() && now["poll_version"].as_u64() == on;
    let key = format!("{} {}", now["version"], now["page_key"].as_str().unwrap_or_default());
    let shown = format!(
        "const page = document.getElementById('poll'); return page.dataset.key === '{key}' \
            && page.textContent.includes('{text}') && document.getElementById('connection').dataset.kind === 'live'"
    );
    is_present && browser.run(&shown).await == json!(true)
}

/// The pages of the event in each of its states, in the browsers of these set-ups.
async fn no_fault_in_any_state(path: &str, setups: &[Setup]) {
    let (app, driver, axe) = (evening().await, Driver::start().await, axe_core());
    let mut browsers = Vec::new();
    for setup in setups {
        let browser = driver.open(*setup).await;
        browser.goto(&app.url(path)).await;
        if path.contains("theme=dark") {
            // The ground of a dark slide.
            browser.run("document.documentElement.style.background = '#10141c'").await;
        }
        browsers.push(browser);
    }
    let open = |hidden: bool| {
        app.ledger.press_next("abend");
        if hidden {
            app.ledger.change("second", &PollChange::Hide);
        }
    };
    let states: [(&str, &dyn Fn()); 8] = [
        ("before", &|| ()),
        ("open", &|| open(false)),
        ("voted", &|| app.ledger.vote_many("first", 0, 17)),
        ("closed", &|| app.ledger.press_next("abend")),
        ("right-to-left", &|| open(true)),
        ("closed-hidden", &|| app.ledger.press_next("abend")),
        ("revealed", &|| app.ledger.press_next("abend")),
        ("over", &|| app.ledger.press_next("abend")),
    ];
    let mut found = Vec::new();
    for (name, change) in states {
        change();
        for (browser, setup) in browsers.iter().zip(setups) {
            wait::until_true(name, || is_shown(&app, browser, if name == "voted" { "17" } else { "" })).await;
            found.extend(faults(browser, &axe).await.into_iter().map(|fault| format!("{name} {setup:?}: {fault}")));
            let (kind, (width, _)) = (path.replace(['/', '?', '='], "-"), setup.size);
            let theme = if setup.dark { "dark" } else { "light" };
            keep_picture(browser, &format!("{kind}-{name}-{width}-{theme}")).await;
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_state_of_the_live_page_violates_wcag_2_2_aa() {
    let [phone, projector] = [PHONE, PROJECTOR].map(|size| Setup { size, language: "de", ..Setup::default() });
    let setups = [phone, Setup { dark: true, language: "fr", ..phone }, projector, Setup { dark: true, ..projector }];
    no_fault_in_any_state("/e/abend", &setups).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_to_print_and_the_code_alone_do_not_violate_wcag_2_2_aa() {
    let (app, driver, axe) = (evening().await, Driver::start().await, axe_core());
    app.ledger.change("first", &PollChange::Open);
    app.ledger.vote_many("first", 0, 4_217);
    app.ledger.vote_many("first", 2, 1_300);
    app.ledger.change("second", &PollChange::Open);
    app.ledger.change("second", &PollChange::Hide);
    let mut found = Vec::new();
    for setup in [Setup { size: PHONE, dark: true, language: "de", ..Setup::default() }, Setup::default()] {
        let browser = driver.open(setup).await;
        for page in ["print", "join"] {
            browser.goto(&app.url(&format!("/e/abend/{page}"))).await;
            found.extend(faults(&browser, &axe).await.into_iter().map(|fault| format!("{page} {setup:?}: {fault}")));
            keep_picture(&browser, &format!("{page}-{}", setup.language)).await;
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// For whoever wants to look.
async fn keep_picture(browser: &Browser, name: &str) {
    if let Ok(directory) = std::env::var("SCREENSHOTS") {
        std::fs::write(format!("{directory}/{name}.png"), browser.screenshot().await).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_state_of_the_frame_violates_wcag_2_2_aa_in_either_theme() {
    // Whatever the reader prefers, the address decides.
    let slide = Setup { size: (1280, 720), language: "de", dark: true, ..Setup::default() };
    no_fault_in_any_state("/e/abend/embed", &[slide]).await;
    no_fault_in_any_state("/e/abend/embed?theme=dark", &[Setup { dark: false, ..slide }]).await;
}
