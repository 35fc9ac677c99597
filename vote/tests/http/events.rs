//! Events over the API: an organiser's program makes one and goes through its questions; everybody sees what is on.

use domain::{PollId, PollSpec, PollState, Visibility};
use http::StatusCode;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::{
    api::Seen,
    support::{Answer, Mishap, TOKEN, TestApp, answer, config, spawn_app, spawn_with},
};

/// A service with the polls `one`, and `two` with hidden votes, which wait; and an event of both.
async fn evening() -> TestApp {
    let app = spawn_app().await;
    for (id, results) in [("one", Visibility::Live), ("two", Visibility::Hidden)] {
        let spec = PollSpec::simple(format!("Question {id}?"), ["Yes", "No"]);
        app.poll(id, PollSpec { state: PollState::Waiting, results, ..spec });
    }
    let made = json!({"id": "evening", "title": " An  evening ", "polls": ["one", "two"]});
    let made = app.organiser("POST", "/api/events", Some(made)).await;
    assert_eq!((made.status, made.header("location")), (StatusCode::CREATED, "/api/events/evening"), "{}", made.text);
    app
}

async fn seen(app: &TestApp) -> Value {
    app.organiser("GET", "/api/events/evening", None).await.json()
}

async fn press(app: &TestApp, way: &str, version: u64) -> Answer {
    app.organiser("POST", &format!("/api/events/evening/{way}"), Some(json!({"version": version}))).await
}

async fn state(app: &TestApp, poll: &str) -> Value {
    app.program().get(&format!("/api/polls/{poll}")).await.json()["state"].clone()
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.json()["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn an_evening_goes_from_question_to_question_and_everybody_sees_which() {
    let app = evening().await;
    let public = app.program().get("/api/events/evening").await.json();
    let expected = json!({
        "id": "evening", "title": "An evening", "polls": ["one", "two"], "progress": "before", "version": 1,
    });
    assert_eq!(public, expected);
    assert_eq!(seen(&app).await["next"], json!({"does": "open", "poll": "one"}));

    let mut told = Vec::new();
    loop {
        let now = seen(&app).await;
        let Some(does) = now["next"]["does"].as_str() else { break };
        told.push(does.to_owned());
        let pressed = press(&app, "next", now["version"].as_u64().unwrap()).await;
        assert_eq!((pressed.status, pressed.json()), (StatusCode::OK, seen(&app).await), "{does}");
        let on = app.program().get("/api/events/evening").await.json()["on"].clone();
        let open = if ["open", "next"].contains(&does) { "open" } else { "closed" };
        assert!(does == "end" && on.is_null() || on["state"] == open, "{does}: {on}");
    }
    assert_eq!(told, ["open", "close", "next", "close", "reveal", "end"]);
    assert_eq!(seen(&app).await["progress"], "over");
    let two = app.program().get("/api/polls/two").await.json();
    assert_eq!((&two["state"], &two["results"]), (&json!("closed"), &json!("live")));

    // Without a version, and without a body, the way back goes on from what is there.
    assert_eq!(seen(&app).await["back"], json!({"does": "previous", "poll": "two"}));
    app.organiser("POST", "/api/events/evening/back", None).await;
    let back = app.organiser("POST", "/api/events/evening/back", None).await.json();
    assert_eq!(back["on"], json!({"poll": "two", "state": "open", "results": "live"}));
}

#[tokio::test]
async fn a_step_that_was_seen_once_is_taken_once() {
    let app = evening().await;
    let (one, two) = tokio::join!(press(&app, "next", 1), press(&app, "next", 1));
    assert_eq!((one.status, two.status), (StatusCode::OK, StatusCode::OK));
    assert_eq!(state(&app, "one").await, "open");
    // The second may have found the step of the first unfinished, and finished it under a version of its own.
    let after = seen(&app).await;
    for way in ["next", "back"] {
        let late = press(&app, way, 1).await;
        assert_eq!(
            (late.status, late.json(), state(&app, "one").await),
            (StatusCode::OK, after.clone(), json!("open"))
        );
    }
}

#[tokio::test]
async fn a_step_that_was_cut_off_is_finished_by_the_next_press() {
    for version in [1, 2] {
        let app = evening().await;
        app.ballots.break_down(Mishap::StepBroken);
        let cut_off = press(&app, "next", 1).await;
        assert_eq!(code(&cut_off), (503, "outcome-unknown".into()), "{}", cut_off.text);
        app.ballots.recover();
        assert_eq!(state(&app, "one").await, "waiting");
        let now = seen(&app).await;
        assert_eq!((&now["version"], &now["next"]), (&json!(2), &json!({"does": "open", "poll": "one"})));
        // Whichever version the second press names, of before or of after the first one.
        let again = press(&app, "next", version).await.json();
        assert_eq!((&again["version"], &again["on"]["state"]), (&json!(3), &json!("open")));
        assert_eq!(press(&app, "next", 2).await.json()["on"]["state"], "open");
    }
}

#[tokio::test]
async fn a_change_that_not_every_partition_has_yet_is_accepted() {
    let app = evening().await;
    app.ballots.break_down(Mishap::PartlyAway);
    let pressed = press(&app, "next", 1).await;
    assert_eq!((pressed.status, &pressed.json()["on"]["state"]), (StatusCode::ACCEPTED, &json!("open")));
}

#[tokio::test]
async fn title_and_order_are_changed_in_the_version_that_was_seen() {
    let app = evening().await;
    let put = async |body: Value| app.organiser("PUT", "/api/events/evening", Some(body)).await;
    let done = put(json!({"title": "Night", "polls": ["two", "one", "main"], "version": 1})).await;
    assert_eq!((done.status, &done.json()["polls"]), (StatusCode::OK, &json!(["two", "one", "main"])));
    let late = put(json!({"title": "Late", "polls": [], "version": 1})).await;
    assert_eq!(code(&late), (409, "event-changed".into()));
    press(&app, "next", 2).await;
    let taken_out = put(json!({"title": "Night", "polls": ["one"]})).await;
    assert_eq!(code(&taken_out), (409, "poll-is-on".into()));
    assert!(taken_out.json()["detail"].as_str().unwrap().contains("two"), "{}", taken_out.text);
    assert_eq!(put(json!({"title": "Night", "polls": ["one", "two"]})).await.status, StatusCode::OK);
    assert_eq!(seen(&app).await["on"]["poll"], "two");
}

#[tokio::test]
async fn what_is_wrong_with_an_event_is_named() {
    let app = evening().await;
    let many: Vec<String> = (0..101).map(|number| format!("p{number}")).collect();
    for (body, expected) in [
        (json!({"title": " ", "polls": []}), (422, "invalid-event")),
        (json!({"title": "é".repeat(501)}), (422, "invalid-event")),
        (json!({"title": "T", "polls": ["one", "one"]}), (422, "invalid-event")),
        (json!({"title": "T", "polls": many}), (422, "invalid-event")),
        (json!({"title": "T", "polls": ["nowhere"]}), (422, "no-such-poll-in-event")),
        (json!({"title": "T", "polls": ["NO"]}), (422, "invalid-id")),
        (json!({"title": "T", "id": "No"}), (422, "invalid-id")),
        (json!({"title": "T", "id": "sign-in"}), (422, "invalid-id")),
        (json!({"title": "T", "id": "evening"}), (409, "event-exists")),
        (json!({"title": "T", "colour": "blue"}), (422, "unexpected-json")),
    ] {
        let refused = app.organiser("POST", "/api/events", Some(body.clone())).await;
        assert_eq!(code(&refused), (expected.0, expected.1.to_owned()), "{body}");
        assert_eq!(refused.header("content-type"), "application/problem+json");
    }
    assert_eq!(code(&app.program().get("/api/events/nowhere").await), (404, "unknown-event".into()));
    assert_eq!(code(&app.organiser("POST", "/api/events/Nowhere/next", None).await), (404, "unknown-event".into()));
    let text = app.program().request("POST", "/api/events/evening/next").bearer_auth(TOKEN).body("x");
    assert_eq!(code(&answer(text).await), (415, "content-type".into()));
}

#[tokio::test]
async fn only_the_organiser_makes_and_changes_events_and_no_other_site() {
    let app = evening().await;
    for (method, path) in [
        ("GET", "/api/events"),
        ("POST", "/api/events"),
        ("PUT", "/api/events/evening"),
        ("POST", "/api/events/evening/next"),
        ("POST", "/api/events/evening/back"),
        ("POST", "/api/events/evening/archive"),
        ("POST", "/api/events/evening/restore"),
        ("POST", "/api/events/evening/duplicate"),
    ] {
        assert_eq!(answer(app.program().request(method, path)).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let wrong = app.program().request("GET", "/api/events/evening").bearer_auth("wrong");
    assert_eq!(answer(wrong).await.status, StatusCode::UNAUTHORIZED);
    let elsewhere = app.program().request("POST", "/api/events/evening/next").bearer_auth(TOKEN);
    let elsewhere = answer(elsewhere.header("origin", "http://evil.test")).await;
    assert_eq!(code(&elsewhere), (403, "cross-site".into()));
    assert_eq!(seen(&app).await["version"], 1);
}

#[tokio::test]
async fn one_archive_action_puts_away_the_event_and_what_only_it_asks() {
    let app = evening().await;
    let polls = json!({"id": "other", "title": "Another", "polls": ["two"]});
    app.organiser("POST", "/api/events", Some(polls)).await;
    let polls = json!({"title": "An evening", "polls": ["one", "two", "main"]});
    app.organiser("PUT", "/api/events/evening", Some(polls)).await;
    press(&app, "next", 2).await;
    let polls = async || {
        let polls = ["one", "two", "main"].map(async |id| {
            let poll = app.program().get(&format!("/api/polls/{id}")).await.json();
            (poll["archived"] == true, poll["state"].as_str().unwrap().to_owned())
        });
        futures_util::future::join_all(polls).await
    };
    let is = |archived, state: &str| (archived, state.to_owned());
    assert_eq!(polls().await, [is(false, "open"), is(false, "waiting"), is(false, "open")]);
    for _ in 0..2 {
        app.organiser("POST", "/api/events/evening/archive", None).await;
        assert_eq!(polls().await, [is(true, "closed"), is(false, "waiting"), is(false, "open")]);
    }
    app.organiser("POST", "/api/events/other/archive", None).await;
    assert_eq!(polls().await[1], is(true, "waiting"), "no other event asks it any more");
    app.organiser("POST", "/api/events/evening/restore", None).await;
    assert_eq!(polls().await, [is(false, "closed"), is(false, "waiting"), is(false, "open")]);
}

#[tokio::test]
async fn an_archived_event_is_in_the_other_list_until_it_comes_back() {
    let app = evening().await;
    let list = async |query: &str| {
        let listed = app.organiser("GET", &format!("/api/events{query}"), None).await.json();
        listed["events"].as_array().unwrap().iter().map(|event| event["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!((list("").await.len(), list("?archived=true").await.len()), (1, 0));
    assert_eq!(app.organiser("POST", "/api/events/evening/archive", None).await.json()["archived"], true);
    assert_eq!((list("").await.len(), list("?archived=true").await), (0, vec![json!("evening")]));
    app.organiser("POST", "/api/events/evening/restore", None).await;
    assert_eq!(list("").await, [json!("evening")]);
    app.organiser("POST", "/api/events/evening/archive", None).await;
    let brought_back = app.organiser("POST", "/api/events/evening/next", None).await.json();
    assert!(brought_back["archived"].is_null(), "{brought_back}");
}

#[tokio::test]
async fn a_duplicate_asks_the_same_in_new_polls() {
    let app = evening().await;
    while !seen(&app).await["next"].is_null() {
        app.organiser("POST", "/api/events/evening/next", None).await;
    }
    let taken = app.organiser("POST", "/api/events/evening/duplicate", Some(json!({"id": "evening"}))).await;
    assert_eq!(code(&taken), (409, "event-exists".into()));
    let copy = app.organiser("POST", "/api/events/evening/duplicate", None).await;
    assert_eq!(copy.status, StatusCode::CREATED, "{}", copy.text);
    let copy = copy.json();
    assert_eq!((&copy["title"], &copy["progress"]), (&json!("An evening"), &json!("before")));
    let polls = copy["polls"].as_array().unwrap();
    for (poll, (earlier, results)) in polls.iter().zip([("one", "live"), ("two", "hidden")]) {
        let poll = app.program().get(&format!("/api/polls/{}", poll.as_str().unwrap())).await.json();
        let question = format!("Question {earlier}?");
        assert_eq!((&poll["question"], &poll["state"]), (&json!(question), &json!("waiting")));
        assert_eq!(poll["results"], results, "what was revealed that evening is hidden for the next class");
        assert_ne!(poll["id"], earlier);
    }
    let named = json!({"id": "morning", "title": "A morning"});
    let named = app.organiser("POST", "/api/events/evening/duplicate", Some(named)).await;
    assert_eq!((named.header("location"), &named.json()["title"]), ("/api/events/morning", &json!("A morning")));
}

#[tokio::test]
async fn a_program_that_tries_again_with_its_key_makes_one_event() {
    let app = spawn_app().await;
    let create = async |key: &str| {
        let request = app.program().request("POST", "/api/events").bearer_auth(TOKEN);
        answer(request.header("idempotency-key", key).json(&json!({"title": "Tea", "polls": ["main"]}))).await
    };
    let (first, second) = (create("k1").await, create("k1").await);
    assert_eq!((first.status, second.status), (StatusCode::CREATED, StatusCode::CREATED), "{}", second.text);
    assert_eq!(first.json()["id"], second.json()["id"]);
    assert_ne!(create("k2").await.json()["id"], first.json()["id"]);
    let copy = async |key: &str| {
        let request = app.program().request("POST", "/api/events/tea/duplicate").bearer_auth(TOKEN);
        answer(request.header("idempotency-key", key)).await.json()
    };
    let made = json!({"id": "tea", "title": "Tea", "polls": ["main"]});
    app.organiser("POST", "/api/events", Some(made)).await;
    let (once, again, other) = (copy("k").await, copy("k").await, copy("l").await);
    assert_eq!((&once["id"], &once["polls"]), (&again["id"], &again["polls"]), "one copy, with one new poll");
    assert_ne!(once["id"], other["id"]);
}

#[tokio::test]
async fn without_the_log_an_event_is_shown_as_it_was_and_changes_are_refused() {
    let app = evening().await;
    app.program().get("/api/events/evening").await;
    app.ballots.break_down(Mishap::NotBegun);
    assert_eq!(app.program().get("/api/events/evening").await.status, StatusCode::OK);
    let refused = press(&app, "next", 1).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.header("retry-after"), "2");
}

#[tokio::test]
async fn a_poll_that_is_gone_is_passed_over() {
    let app = evening().await;
    app.ballots.remove(PollId::parse("one").unwrap());
    assert_eq!(seen(&app).await["next"], json!({"does": "open", "poll": "two"}));
}

const READ: &str = "GET /api/events/{event}";
/// The operations of which this is one take a body.
const WITH_BODY: [&str; 5] = [
    "POST /api/events",
    "PUT /api/events/{event}",
    "POST /api/events/{event}/next",
    "POST /api/events/{event}/back",
    "POST /api/events/{event}/duplicate",
];
const WITHOUT: [&str; 4] = [
    "GET /api/events",
    "GET /api/events/{event}/codes",
    "POST /api/events/{event}/archive",
    "POST /api/events/{event}/restore",
];

#[tokio::test]
async fn each_status_and_content_type_of_answers_about_events_is_described() {
    let app = evening().await;
    let no_organiser = spawn_with(scrutin_vote::Config { organiser_token: None, ..config() }).await;
    let mut seen = Seen::default();
    let organise = |request: RequestBuilder| request.bearer_auth(TOKEN);
    let json = |request: RequestBuilder, body: &str| {
        organise(request).header("content-type", "application/json").body(body.to_owned())
    };
    let long = format!("{{\"title\":\"{}\"}}", "x".repeat(130 * 1024));
    for operation in WITH_BODY {
        seen.see_interrupted(operation, &app).await;
        seen.see(operation, &app, "evening", |request| organise(request).body("x")).await;
        for body in ["{", r#"{"colour":1}"#, &long] {
            seen.see(operation, &app, "evening", |request| json(request, body)).await;
        }
    }
    for operation in WITH_BODY.into_iter().chain(WITHOUT) {
        seen.see(operation, &app, "evening", |request| request).await;
        seen.see(operation, &no_organiser, "evening", organise).await;
    }
    seen.see(READ, &no_organiser, "evening", organise).await;
    seen.see(READ, &app, "evening", |request| request).await;
    let content = r#"{"title":"T","polls":["one","two"]}"#;
    for operation in WITH_BODY.into_iter().chain(WITHOUT).chain([READ]) {
        if operation.contains("{event}") {
            let body = if operation.starts_with("PUT") { content } else { "" };
            seen.see(operation, &app, "nowhere", |request| json(request, body)).await;
        }
    }
    for body in [r#"{"id":"new","title":"T"}"#; 2] {
        seen.see("POST /api/events", &app, "", |request| json(request, body)).await;
    }
    seen.see("PUT /api/events/{event}", &app, "new", |request| json(request, content)).await;
    seen.see("PUT /api/events/{event}", &app, "new", |request| {
        json(request, r#"{"title":"T","polls":[],"version":1}"#)
    })
    .await;
    for body in ["", r#"{"id":"evening"}"#] {
        seen.see("POST /api/events/{event}/duplicate", &app, "evening", |request| json(request, body)).await;
    }
    for operation in WITHOUT {
        seen.see(operation, &app, "evening", organise).await;
    }
    let none = |request| organise(request).query(&[("count", "0")]);
    seen.see("GET /api/events/{event}/codes", &app, "evening", none).await;
    for way in ["POST /api/events/{event}/next", "POST /api/events/{event}/back"] {
        seen.see(way, &app, "evening", organise).await;
    }
    app.ballots.break_down(Mishap::PartlyAway);
    for way in ["POST /api/events/{event}/next", "POST /api/events/{event}/back"] {
        seen.see(way, &app, "evening", organise).await;
    }
    app.ballots.break_down(Mishap::NotBegun);
    for operation in WITH_BODY.into_iter().chain(WITHOUT).chain([READ]) {
        let body = if operation.starts_with("PUT") || operation.ends_with("/events") { content } else { "" };
        seen.see(operation, &app, "evening", |request| json(request, body)).await;
    }
    // One that any may ask comes first, before guesses must wait.
    for operation in [READ].into_iter().chain(WITH_BODY).chain(WITHOUT) {
        for _ in 0..9 {
            seen.see(operation, &app, "evening", |request| request.bearer_auth("a-guess")).await;
        }
    }
    seen.are_all(&app, |path| path.starts_with("/api/events")).await;
}
