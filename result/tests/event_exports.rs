//! What is left of an event after the evening: one export of all its tallies, and a page to print.

#![allow(clippy::unwrap_used, reason = "clippy does not see that helpers beside #[test] functions are tests")]

mod support;

use std::collections::BTreeSet;

use domain::{EventChange, EventId, PollChange, PollId, PollSpec, PollState};
use http::{StatusCode, header};
use scrutin_result::Config;
use serde_json::{Value, json};
use support::{App, ORGANISER_TOKEN, config, links, spawn_app, spawn_app_with};
use testkit::browser::{Driver, Setup};
use web::signed_link::{self, Purpose};

const EXPORTS: [&str; 2] = ["tallies.csv", "tallies.json"];

/// The service with an event of four questions: one with votes, one that is unknown to the ledger, one whose votes are
/// hidden, and one that was not asked yet.
async fn evening() -> App {
    let app = spawn_app().await;
    app.ledger.create("tea", PollSpec::simple("=Tea?", ["+Yes", "No; never"]));
    app.ledger.vote_many("tea", 0, 2);
    app.ledger.vote_many("tea", 1, 1);
    app.ledger.create("secret", PollSpec::simple("Secret?", ["Yes", "No"]));
    app.ledger.vote_many("secret", 0, 7_531);
    app.ledger.vote_many("secret", 1, 2_468);
    app.ledger.change("secret", &PollChange::Hide);
    app.ledger.change("secret", &PollChange::Close);
    let later = PollSpec { state: PollState::Waiting, ..PollSpec::simple("A surprise?", ["Yes", "No"]) };
    app.ledger.create("later", later);
    app.ledger.create_event("evening", "The evening", &["tea", "gone", "secret", "later"]);
    app
}

async fn as_organiser(app: &App, path: &str) -> reqwest::Response {
    app.http.get(app.url(path)).bearer_auth(ORGANISER_TOKEN).send().await.unwrap()
}

fn ticket(event: &str, purpose: Purpose) -> String {
    signed_link::ticket(&links(), EventId::parse(event).unwrap(), purpose, program::now_millis())
}

#[tokio::test]
async fn all_tallies_are_one_table_in_which_no_text_is_a_formula() {
    let app = evening().await;
    let head = "\u{feff}number,poll,question,state,option,text,votes,share,voters\n\
        1,tea,'=Tea?,open,a,'+Yes,2,0.6667,3\n\
        1,tea,'=Tea?,open,b,No; never,1,0.3333,3\n";
    let public = app.get("/api/events/evening/tallies.csv").await.text().await.unwrap();
    assert_eq!(public, format!("{head}3,secret,Secret?,closed,a,Yes,,,9999\n3,secret,Secret?,closed,b,No,,,9999\n"));
    let whole = as_organiser(&app, "/api/events/evening/tallies.csv").await.text().await.unwrap();
    let votes = "3,secret,Secret?,closed,a,Yes,7531,0.7532,9999\n3,secret,Secret?,closed,b,No,2468,0.2468,9999\n";
    let later = "4,later,A surprise?,waiting,a,Yes,0,,0\n4,later,A surprise?,waiting,b,No,0,,0\n";
    assert_eq!(whole, format!("{head}{votes}{later}"));
    let german = app.get("/api/events/evening/tallies.csv?separator=semicolon").await.text().await.unwrap();
    assert!(german.contains("1;tea;'=Tea?;open;a;'+Yes;2;0,6667;3\n"), "{german}");
}

#[tokio::test]
async fn all_tallies_are_one_object_also_of_an_archived_event() {
    let app = evening().await;
    app.ledger.change_event("evening", &EventChange::Archive);
    let exported: Value = as_organiser(&app, "/api/events/evening/tallies.json").await.json().await.unwrap();
    let about = ["event", "title", "version", "archived"].map(|name| exported[name].clone());
    assert_eq!(about, [json!("evening"), json!("The evening"), json!(2), json!(true)]);
    let [tea, secret, _] = exported["polls"].as_array().unwrap().as_slice() else { panic!("three: {exported}") };
    assert_eq!((&tea["number"], &tea["poll"], &tea["votes"]), (&json!(1), &json!("tea"), &json!({"a": 2, "b": 1})));
    assert_eq!(tea["options"], json!({"a": "+Yes", "b": "No; never"}));
    assert_eq!((&secret["number"], &secret["votes"]), (&json!(3), &json!({"a": 7_531, "b": 2_468})));
    let public = app.json("/api/events/evening/tallies.json").await;
    assert_eq!(public["polls"][1]["votes"], Value::Null);
    assert_eq!(public["polls"][1]["voters"], 9_999);
}

#[tokio::test]
async fn only_the_organiser_gets_hidden_votes_of_an_event() {
    let app = evening().await;
    let paths = EXPORTS.map(|name| format!("/api/events/evening/{name}"));
    let paths: Vec<String> = paths.into_iter().chain(["/e/evening/print".to_owned()]).collect();
    for path in &paths {
        let body = app.page(path).await;
        for vote in ["7531", "2468", "7,531", "2,468", "75%", "25%", "0.75"] {
            assert!(!body.contains(vote), "{vote} in {path}: {body}");
        }
        let of_a_poll =
            signed_link::ticket(&links(), PollId::parse("evening").unwrap(), Purpose::Export, program::now_millis());
        for wrong in [ticket("party", Purpose::Export), ticket("evening", Purpose::Figures), of_a_poll] {
            let answer = app.get(&format!("{path}?ticket={wrong}")).await;
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path}");
        }
        assert!(!body.contains("surprise"), "a question that was not asked yet, in {path}: {body}");
        let whole = app.page(&format!("{path}?ticket={}", ticket("evening", Purpose::Export))).await;
        assert!(whole.contains("surprise"), "{whole}");
        assert!(whole.contains("7531") || whole.contains("7,531"), "{path}: {whole}");
    }
}

#[tokio::test]
async fn exports_of_an_event_are_files_that_no_cache_stores() {
    let app = evening().await;
    for (export, mime) in EXPORTS.iter().zip(["text/csv; charset=utf-8", "application/json"]) {
        let answer = app.get(&format!("/api/events/evening/{export}")).await;
        let headers = answer.headers();
        assert_eq!(headers[header::CONTENT_DISPOSITION], format!("attachment; filename=\"evening-{export}\""));
        assert_eq!(headers[header::CONTENT_TYPE].to_str().unwrap(), mime);
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    }
}

#[tokio::test]
async fn each_status_of_an_export_is_described_and_no_other() {
    let without_organiser = spawn_app_with(Config { organiser_token: None, ..config() }).await;
    for name in EXPORTS {
        let app = evening().await;
        let path = format!("/api/events/evening/{name}");
        let mut seen = BTreeSet::new();
        let mut see = |answer: reqwest::Response| seen.insert(answer.status().as_u16());
        see(app.get(&path).await);
        see(app.get(&format!("/api/events/nothing/{name}")).await);
        see(app.get(&format!("{path}?ticket=wrong")).await);
        see(as_organiser(&without_organiser, &path).await);
        app.ledger.set_down(true);
        see(app.get(&path).await);
        for _ in 0..9 {
            see(app.http.get(app.url(&path)).bearer_auth("a-guess").send().await.unwrap());
        }
        let description = app.json("/api/openapi.json").await;
        let described = &description["paths"][format!("/api/events/{{event}}/{name}")]["get"]["responses"];
        let described: BTreeSet<u16> = described.as_object().unwrap().keys().map(|it| it.parse().unwrap()).collect();
        assert_eq!(seen, described, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_to_print_has_all_questions_in_light_colours_on_whole_pages() {
    let app = evening().await;
    for number in 0..12 {
        let options: Vec<String> = (1..=8).map(|option| format!("Option {option} of question {number}")).collect();
        app.ledger.create(&format!("q-{number}"), PollSpec::simple("What is to be done?", options));
    }
    let polls: Vec<String> = (0..12).map(|number| format!("q-{number}")).collect();
    app.ledger.create_event("long", "A long evening", &polls.iter().map(String::as_str).collect::<Vec<_>>());
    let driver = Driver::start().await;
    let browser = driver.open(Setup { dark: true, ..Setup::default() }).await;
    browser.goto(&app.url("/e/evening/print")).await;
    browser.shows("1. =Tea?").await;
    browser.shows("The votes are hidden.").await;
    let colours = "const {color, backgroundColor} = getComputedStyle(document.body); return [color, backgroundColor]";
    assert_eq!(
        browser.run(colours).await,
        json!(["rgb(27, 31, 36)", "rgb(251, 250, 247)"]),
        "those of the light theme"
    );
    let bars = "return [...document.querySelectorAll('.line')].map(it => { \
        const [track, bar] = it.children; const [all, level] = [track, bar].map(it => it.getBoundingClientRect()); \
        return Math.round((level.right - all.left) / all.width * 100); })";
    assert_eq!(browser.run(bars).await, json!([67, 33]));
    browser.goto(&app.url("/e/long/print")).await;
    assert_eq!(browser.run("return document.querySelectorAll('.asked').length").await, 12);
    browser.devtools("Emulation.setEmulatedMedia", json!({"media": "print"})).await;
    let print = "return [getComputedStyle(document.querySelector('.foot')).display, \
        getComputedStyle(document.querySelector('.asked')).breakInside]";
    assert_eq!(browser.run(print).await, json!(["none", "avoid"]));
    assert_eq!(browser.complaints().await, [""; 0]);
}
