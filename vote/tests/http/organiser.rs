//! Managing polls over the API with the organiser's token.

use domain::PollSpec;
use http::StatusCode;
use serde_json::json;

use crate::support::{TOKEN, TestApp, answer, config, spawn_app, spawn_with};

const REQUESTS: [(&str, &str); 5] = [
    ("GET", "/api/polls"),
    ("POST", "/api/polls"),
    ("POST", "/api/polls/main/close"),
    ("PATCH", "/api/polls/main"),
    ("GET", "/api/polls/main/codes"),
];

#[tokio::test]
async fn only_the_token_opens_the_door() {
    for (method, path) in REQUESTS {
        let app = spawn_app().await;
        let request = || app.program().request(method, path).json(&json!({"listed": true}));
        let without = answer(request()).await;
        without.is_problem(401, "not-organiser");
        assert_eq!(without.header("www-authenticate"), "Bearer realm=\"scrutin\"");
        for wrong in
            ["Bearer wrong", "Bearer ", "Basic x", &format!("Bearer {TOKEN}x"), &format!("Bearer {}", &TOKEN[1..])]
        {
            let refused = answer(request().header("authorization", wrong)).await;
            refused.is_problem(401, "not-organiser");
        }
        let listed = app.organiser("GET", "/api/polls", None).await.json();
        assert_eq!(listed["polls"][0]["state"], "open", "nothing was done");
    }
    let app = spawn_app().await;
    let lower_case = app.program().request("GET", "/api/polls").header("authorization", format!("bearer {TOKEN}"));
    assert_eq!(answer(lower_case).await.status, StatusCode::OK);
}

#[tokio::test]
async fn guessing_the_token_is_slowed_down() {
    let app = spawn_app().await;
    let guess = async || answer(app.program().request("GET", "/api/polls").bearer_auth("a-guess")).await;
    for _ in 0..8 {
        guess().await.is_problem(401, "not-organiser");
    }
    let refused = guess().await;
    refused.is_problem(429, "too-many-tries");
    assert_eq!(refused.header("retry-after"), "10");
    app.organiser("GET", "/api/polls", None).await.is_problem(429, "too-many-tries");
}

#[tokio::test]
async fn an_installation_without_a_token_has_no_organiser() {
    let app = spawn_with(scrutin_vote::Config { organiser_token: None, ..config() }).await;
    for (method, path) in REQUESTS {
        for token in ["", TOKEN] {
            let refused = answer(app.program().request(method, path).bearer_auth(token)).await;
            refused.is_problem(403, "no-organiser");
        }
    }
}

#[tokio::test]
async fn a_poll_is_created_and_voted_in() {
    let app = spawn_app().await;
    let new = json!({"id": "lunch", "question": " Lunch? ", "options": ["Pizza", "Sushi", "Soup"], "max_choices": 2,
                     "results": "hidden", "changes": false, "listed": true});
    let created = app.organiser("POST", "/api/polls", Some(new.clone())).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    assert_eq!(created.header("location"), "/api/polls/lunch");
    let expected = json!({"id": "lunch", "question": "Lunch?", "options": ["Pizza", "Sushi", "Soup"], "max_choices": 2,
                          "state": "open", "results": "hidden", "changes": false, "access": "anyone", "listed": true, "round": 1});
    assert_eq!(created.json(), expected);
    app.browser().vote("/p/lunch", "vote=a&vote=c").await.says("Lunch?").says("Pizza , Soup");
    app.organiser("POST", "/api/polls", Some(new)).await.is_problem(409, "poll-exists");
    let ids = app.organiser("GET", "/api/polls", None).await.json();
    assert_eq!((&ids["polls"][0]["id"], &ids["polls"][1]["id"]), (&json!("lunch"), &json!("main")));
}

#[tokio::test]
async fn a_poll_without_an_id_gets_one_that_can_be_read_aloud() {
    let app = spawn_app().await;
    let new = json!({"question": "Tea?", "options": ["Yes", "No"], "state": "waiting"});
    let mut ids = Vec::new();
    for _ in 0..2 {
        let created = app.organiser("POST", "/api/polls", Some(new.clone())).await.json();
        let id = created["id"].as_str().unwrap().to_owned();
        assert!(id.len() == 8 && !id.contains(['0', '1', 'l', 'o']), "{id}");
        assert_eq!(created["state"], "waiting");
        ids.push(id);
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn what_breaks_a_limit_is_refused_naming_it() {
    let app = spawn_app().await;
    let poll = |question: &str, options: &[&str]| json!({"question": question, "options": options});
    let create = async |body| app.organiser("POST", "/api/polls", Some(body)).await;
    for (body, detail) in [
        (poll(&"x".repeat(10_000), &["a", "b"]), "question: at most 500 characters, not 10000"),
        (poll(&"é".repeat(10_000), &["a", "b"]), "question: at most 500 characters, not 10000"),
        (poll(" ", &["a", "b"]), "question: must not be empty"),
        (poll("?", &["a"]), "options: 2 to 26, not 1"),
        (poll("?", &["a", &"x".repeat(201)]), "options: option b has 201 characters, at most 200 are allowed"),
        (poll("?", &["a", "a"]), "options: options a and b are the same"),
    ] {
        let refused = create(body).await;
        refused.is_problem(422, "invalid-poll");
        assert_eq!(refused.json()["detail"], detail);
    }
    create(json!({"id": "sign-in", "question": "?", "options": ["a", "b"]})).await.is_problem(422, "invalid-id");
    create(json!({"id": "No!", "question": "?", "options": ["a", "b"]})).await.is_problem(422, "invalid-id");
    create(json!({"question": "?", "options": ["a", "b"], "colour": "red"})).await.is_problem(422, "unexpected-json");
    create(json!({"question": "?", "options": ["a", "b"], "state": "ajar"})).await.is_problem(422, "unexpected-json");
    create(json!({"question": "x".repeat(131_072), "options": []})).await.is_problem(413, "body-too-large");
    assert_eq!(app.organiser("GET", "/api/polls", None).await.json()["polls"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_largest_poll_there_can_be_is_taken_however_it_is_escaped() {
    let app = spawn_app().await;
    let escaped = |chars: usize, last: char| format!("{}{last}", r"\ud83d\udc08".repeat(chars - 1));
    let options: Vec<_> = ('a'..='z').map(|last| format!("\"{}\"", escaped(200, last))).collect();
    let body = format!(r#"{{"question":"{}","options":[{}],"max_choices":26}}"#, escaped(500, '?'), options.join(","));
    assert!(body.len() > 64 * 1024, "{}", body.len());
    let request =
        app.program().request("POST", "/api/polls").bearer_auth(TOKEN).header("content-type", "application/json");
    let created = answer(request.body(body)).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
}

#[tokio::test]
async fn each_change_does_what_it_says_at_once() {
    let app = spawn_app().await;
    let ada = app.browser();
    ada.get("/").await.says("Tap an answer");
    for (change, field, value) in [
        ("close", "state", json!("closed")),
        ("open", "state", json!("open")),
        ("hide", "results", json!("hidden")),
        ("reveal", "results", json!("live")),
        ("reset", "round", json!(2)),
    ] {
        let done = app.organiser("POST", &format!("/api/polls/main/{change}"), None).await;
        assert_eq!((done.status, &done.json()[field]), (StatusCode::OK, &value), "{change}");
        let told = app.program().get("/api/polls/main").await.json();
        assert_eq!(told[field], value, "not a second later: {change}");
    }
    app.organiser("POST", "/api/polls/main/explode", None).await.is_problem(404, "no-such-page");
    app.organiser("POST", "/api/polls/nowhere/open", None).await.is_problem(404, "unknown-poll");
}

async fn patch(app: &TestApp, body: serde_json::Value) -> crate::support::Answer {
    app.organiser("PATCH", "/api/polls/main", Some(body)).await
}

#[tokio::test]
async fn a_poll_is_rewritten_only_while_there_are_no_ballots() {
    let app = spawn_app().await;
    let rewritten = patch(&app, json!({"question": "Birds or Fish?", "options": ["Birds", "Fish", "Both"]})).await;
    assert_eq!(rewritten.status, StatusCode::OK, "{}", rewritten.text);
    let ada = app.browser();
    ada.get("/").await.says("Birds or Fish?").says("Both");
    ada.vote("/", "vote=c").await;
    patch(&app, json!({"question": "Again?"})).await.is_problem(409, "has-ballots");
    let listed = patch(&app, json!({"listed": true})).await;
    assert_eq!((listed.status, &listed.json()["listed"]), (StatusCode::OK, &json!(true)));
    patch(&app, json!({})).await.is_problem(422, "empty-patch");
    patch(&app, json!({"state": "closed"})).await.is_problem(422, "unexpected-json");
    app.organiser("PATCH", "/api/polls/nowhere", Some(json!({"listed": true}))).await.is_problem(404, "unknown-poll");
}

#[tokio::test]
async fn a_patch_leaves_alone_what_it_does_not_name() {
    let app = spawn_app().await;
    let mut spec = PollSpec::simple("Tea?", ["Yes", "No"]);
    spec.changes = false;
    spec.listed = true;
    spec.state = domain::PollState::Waiting;
    app.poll("main", spec);
    let body = patch(&app, json!({"question": "Coffee?"})).await.json();
    assert_eq!(body["question"], "Coffee?");
    assert_eq!((&body["changes"], &body["listed"], &body["state"]), (&json!(false), &json!(true), &json!("waiting")));
    assert_eq!(body["options"], json!(["Yes", "No"]));
    let both = patch(&app, json!({"question": "Cocoa?", "listed": false})).await.json();
    assert_eq!((&both["question"], &both["listed"]), (&json!("Cocoa?"), &json!(false)));
}

#[tokio::test]
async fn without_the_log_nothing_is_claimed_to_be_done() {
    let app = spawn_app().await;
    app.ballots.break_down(crate::support::Mishap::NotBegun);
    app.organiser("GET", "/api/polls", None).await.is_problem(503, "unavailable");
    app.ballots.break_down(crate::support::Mishap::AnswerLost);
    let refused = app.organiser("POST", "/api/polls/main/close", None).await;
    refused.is_problem(503, "outcome-unknown");
    assert_eq!(refused.header("retry-after"), "2");
}
