//! A device that several people share: "next voter", only in polls that allow it.

use domain::{Access, PollSpec};
use http::StatusCode;
use serde_json::json;

use crate::support::{Browser, TestApp, spawn_app};

fn kiosk(app: &TestApp, id: &str, change: impl FnOnce(&mut PollSpec)) {
    let mut spec = PollSpec { kiosk: true, ..PollSpec::simple("Tea?", ["Yes", "No"]) };
    change(&mut spec);
    app.poll(id, spec);
}

/// Presses the button and returns the next page.
async fn next_voter(browser: &Browser, poll: &str) -> crate::support::Answer {
    let pressed = browser.post_form(&format!("/p/{poll}/next-voter"), "").await;
    assert_eq!(pressed.status, StatusCode::SEE_OTHER, "{}", pressed.text);
    browser.get(pressed.header("location")).await
}

fn turn(page: &str) -> &str {
    let (_, behind) = page.split_once("name=\"turn\" value=\"").expect("the form says whose turn it is");
    behind.split('"').next().unwrap()
}

#[tokio::test]
async fn each_turn_at_a_shared_device_is_another_voter_in_this_poll() {
    let app = spawn_app().await;
    kiosk(&app, "tea", |_| {});
    let tablet = app.browser();
    tablet.vote("/", "vote=a").await;
    tablet.vote("/p/tea", "vote=a").await.says("Next voter");
    for choice in ["vote=b", "vote=a"] {
        let page = next_voter(&tablet, "tea").await;
        page.says("Tap an answer to vote").does_not_say("Your vote is recorded").does_not_say("Next voter");
        tablet.vote("/p/tea", &format!("{choice}&turn={}", turn(&page.text))).await.says("Next voter");
    }
    let changed = tablet.vote("/p/tea", "vote=b").await;
    changed.says("See or change my vote");
    tablet.vote("/", "vote=b").await;
    let voters = app.ballots.voters();
    let [main, first, second, third, again, main_again] = voters[..] else { panic!("{}", voters.len()) };
    assert!(first != second && second != third && first != third);
    assert_eq!(again, third, "a turn goes on until the next begins");
    assert_eq!(main, main_again, "in other polls the browser stays who it is");
}

#[tokio::test]
async fn the_next_voter_does_not_see_what_the_last_one_chose() {
    let app = spawn_app().await;
    kiosk(&app, "tea", |spec| spec.options = vec!["Yes".into(), "No".into(), "Perhaps".into()]);
    let tablet = app.browser();
    let page = tablet.vote("/p/tea", "vote=b").await;
    let (shown, folded) = page.text.split_once("<details>").expect("it is folded away");
    assert!(
        !shown.contains("You chose") && folded.contains("You chose") && folded.contains("checked"),
        "{}",
        page.text
    );
    let next = next_voter(&tablet, "tea").await;
    assert!(!next.text.contains("<details") && !next.text.contains("checked"), "{}", next.text);
}

#[tokio::test]
async fn a_page_from_an_earlier_turn_casts_no_ballot() {
    let app = spawn_app().await;
    kiosk(&app, "tea", |_| {});
    let tablet = app.browser();
    let first = tablet.get("/p/tea").await;
    tablet.vote("/p/tea", &format!("vote=a&turn={}", turn(&first.text))).await;
    let second = next_voter(&tablet, "tea").await;
    let stale = tablet.post_form("/p/tea", &format!("vote=b&turn={}", turn(&first.text))).await;
    assert_eq!(stale.status, StatusCode::CONFLICT);
    stale.says("this page was open since before the last");
    assert_eq!(turn(&stale.text), turn(&second.text), "from the page that says so the vote can be cast");
    tablet.vote("/p/tea", &format!("vote=b&turn={}", turn(&stale.text))).await;
    assert_eq!(app.ballots.choices(), ["a", "b"]);
}

#[tokio::test]
async fn at_a_shared_device_no_code_is_filled_in_or_remembered() {
    let app = spawn_app().await;
    kiosk(&app, "tea", |spec| spec.access = Access::Codes);
    let listed = app.organiser("GET", "/api/polls/tea/codes?count=2", None).await.json();
    let code = |index: usize| listed["codes"][index]["code"].as_str().unwrap().to_owned();
    let tablet = app.browser();
    tablet.vote("/p/tea", &format!("vote=a&code={}", code(0))).await.says("Next voter");
    assert_eq!(tablet.post_form("/p/tea", "vote=b").await.status, StatusCode::FORBIDDEN, "typed each time");
    for page in [
        tablet.get("/p/tea").await,
        tablet.get(&format!("/p/tea?code={}", code(0))).await,
        tablet.get(&format!("/p/tea?code={}", code(1))).await,
        next_voter(&tablet, "tea").await,
    ] {
        for code in [code(0), code(1)] {
            assert!(!page.text.contains(&code) && !page.text.contains(&code.replace('-', "")), "{}", page.text);
        }
    }
    let without = tablet.post_form("/p/tea", "vote=b").await;
    assert_eq!(without.status, StatusCode::FORBIDDEN);
    without.says("a voting code is needed");
    let wrong = tablet.post_form("/p/tea", "vote=b&code=0000-0000-0000").await;
    assert!(wrong.text.contains("value=\"0000-0000-0000\""), "whoever mistyped it is still there: {}", wrong.text);
    tablet.vote("/p/tea", &format!("vote=b&code={}", code(1))).await;
    let voters = app.ballots.voters();
    assert_eq!(app.ballots.choices(), ["a", "b"]);
    assert_ne!(voters[0], voters[1]);
}

#[tokio::test]
async fn only_a_kiosk_offers_the_next_voter() {
    let app = spawn_app().await;
    let phone = app.browser();
    phone.vote("/", "vote=a").await.does_not_say("Next voter");
    let refused = phone.post_form("/p/main/next-voter", "").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    refused.says("each device has one voter");
    assert!(refused.headers.get("set-cookie").is_none());
    phone.vote("/", "vote=b&turn=").await;
    let forged = phone.post_form("/", "vote=b&turn=AAAAAAAAAAA").await;
    assert_eq!(forged.status, StatusCode::CONFLICT);
    let voters = app.ballots.voters();
    assert!(voters.len() == 2 && voters[0] == voters[1]);
    assert_eq!(app.browser().post_form("/p/nowhere/next-voter", "").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_organiser_makes_a_poll_a_kiosk_and_back_at_any_time() {
    let app = spawn_app().await;
    let (organiser, tablet) = (app.organiser_browser().await, app.browser());
    tablet.vote("/", "vote=a").await;
    let kiosk = async || app.program().get("/api/polls/main").await.json()["kiosk"].clone();
    assert_eq!(kiosk().await, false, "by default it is not");
    organiser.post_form("/organise/main/kiosk", "").await;
    organiser.get("/organise/main").await.says("several voters on one device");
    next_voter(&tablet, "main").await;
    organiser.post_form("/organise/main/no-kiosk", "").await;
    assert_eq!(tablet.post_form("/p/main/next-voter", "").await.status, StatusCode::FORBIDDEN);
    let patched = app.organiser("PATCH", "/api/polls/main", Some(json!({"kiosk": true}))).await.json();
    assert_eq!((&patched["kiosk"], &patched["revision"]), (&json!(true), &json!(1)));
    let spec = json!({"id": "tea", "question": "Tea?", "options": ["Yes", "No"], "kiosk": true});
    assert_eq!(app.organiser("POST", "/api/polls", Some(spec)).await.json()["kiosk"], true);
}
