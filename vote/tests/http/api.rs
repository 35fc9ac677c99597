//! Voting over the API.

use std::collections::{BTreeMap, BTreeSet};

use domain::{PollId, PollSpec, PollState, Receipt};
use http::StatusCode;
use reqwest::RequestBuilder;
use serde_json::Value;

use crate::{
    publication,
    support::{Mishap, TOKEN, TestApp, answer, config, spawn_app, spawn_with},
};

#[tokio::test]
async fn a_ballot_is_answered_with_receipt_position_and_replaced_one() {
    let app = spawn_app().await;
    let ada = app.browser();
    let first = ada.post_json("/api/polls/main/ballots", r#"{"choices":["a"]}"#).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    let first = first.json();
    let position = app.ballots.positions()[0];
    assert_eq!(first["position"], position.to_string());
    assert!(first["replaces"].is_null());
    let receipt = Receipt::decode(first["receipt"].as_str().unwrap(), &app.config.secret, PollId::MAIN).unwrap();
    assert_eq!((receipt.position, receipt.voter), (position, app.ballots.voters()[0]));

    let second = ada.post_json("/api/polls/main/ballots", r#"{"choices":["b"]}"#).await.json();
    assert_eq!(second["replaces"], first["position"]);
    ada.get("/").await.says("You chose Dogs");
    assert_eq!(app.ballots.voters()[0], app.ballots.voters()[1]);

    let other = app.program().post_json("/api/polls/main/ballots", r#"{"choices":["b"]}"#).await;
    assert!(other.json()["replaces"].is_null());
    assert_ne!(app.ballots.voters()[2], app.ballots.voters()[0]);
}

#[tokio::test]
async fn a_poll_is_read_with_the_ballots_accepted_so_far() {
    let app = spawn_app().await;
    let ada = app.browser();
    for form in ["vote=a", "vote=b"] {
        ada.vote("/", form).await;
    }
    let poll = app.program().get("/api/polls/main").await;
    assert_eq!(poll.status, StatusCode::OK);
    let expected = serde_json::json!({
        "id": "main", "question": "Cats or Dogs?", "options": ["Cats", "Dogs"], "max_choices": 1, "state": "open",
        "results": "live", "changes": true, "access": "anyone", "listed": false, "kiosk": false,
        "round": 1, "revision": 1, "accepted": 2,
    });
    assert_eq!(poll.json(), expected);
    app.program().get("/api/polls/nowhere").await.is_problem(404, "unknown-poll");
    app.program().get("/api/polls/%ff").await.is_problem(404, "unknown-poll");
}

#[tokio::test]
async fn an_invalid_ballot_is_refused_with_a_stable_code() {
    let app = spawn_app().await;
    let mut spec = PollSpec::simple("Tea?", ["Yes", "No"]);
    spec.state = PollState::Closed;
    app.poll("closed", spec.clone());
    spec.state = PollState::Waiting;
    app.poll("waiting", spec.clone());
    spec.state = PollState::Open;
    spec.access = domain::Access::Codes;
    app.poll("codes", spec);
    let a = r#"{"choices":["a"]}"#;
    for (poll, body, status, code) in [
        ("main", r#"{"choices":[]}"#, 422, "no-choice"),
        ("main", r#"{"choices":["c"]}"#, 422, "unknown-option"),
        ("main", r#"{"choices":["a","b"]}"#, 422, "too-many-choices"),
        ("main", r#"{"choices":["a","a"]}"#, 422, "option-twice"),
        ("main", r#"{"choices":["Cats"]}"#, 422, "no-option-key"),
        ("main", r#"{"choices":"a"}"#, 422, "unexpected-json"),
        ("main", r#"{"choices":["a"],"voter":"me"}"#, 422, "unexpected-json"),
        ("main", "{}", 422, "unexpected-json"),
        ("main", r#"{"choices":["a"]"#, 400, "bad-json"),
        ("main", "vote=a", 400, "bad-json"),
        ("main", "", 400, "bad-json"),
        ("closed", a, 409, "poll-closed"),
        ("waiting", a, 409, "poll-not-open-yet"),
        ("codes", a, 403, "code-needed"),
        ("nowhere", a, 404, "unknown-poll"),
        ("No id", a, 404, "unknown-poll"),
    ] {
        app.program().post_json(&format!("/api/polls/{poll}/ballots"), body).await.is_problem(status, code);
    }
    let long = format!(r#"{{"choices":["{}"]}}"#, "a".repeat(16 * 1024));
    app.program().post_json("/api/polls/main/ballots", &long).await.is_problem(413, "body-too-large");
    let form = app.program().form("/api/polls/main/ballots", "vote=a");
    answer(form).await.is_problem(415, "content-type");
    assert_eq!(app.ballots.choices(), [""; 0]);
}

#[tokio::test]
async fn a_ballot_that_can_not_be_changed_is_a_conflict() {
    let app = spawn_app().await;
    let mut spec = PollSpec::simple("Tea?", ["Yes", "No"]);
    spec.votes_can_change = false;
    app.poll("final", spec);
    let ada = app.browser();
    assert_eq!(ada.post_json("/api/polls/final/ballots", r#"{"choices":["a"]}"#).await.status, StatusCode::CREATED);
    ada.post_json("/api/polls/final/ballots", r#"{"choices":["b"]}"#).await.is_problem(409, "already-voted");
}

/// What a poll says only where there is something to say.
const SOMETIMES: [&str; 6] =
    ["archived", "closes_in_ms", "correction", "new_voters_per_minute", "publish", "published"];

#[tokio::test]
async fn the_api_describes_itself_and_answers_are_as_described() {
    let app = spawn_app().await;
    let document = app.program().get("/api/openapi.json").await;
    assert_eq!(document.header("content-type"), "application/json");
    let document = document.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    let properties = |schema: &str| {
        let properties = document["components"]["schemas"][schema]["properties"].as_object().unwrap();
        properties.keys().cloned().collect::<Vec<_>>()
    };
    let fields = |value: Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let sorted = |mut names: Vec<String>| {
        names.sort_unstable();
        names
    };
    let ballot = app.program().post_json("/api/polls/main/ballots", r#"{"choices":["a"]}"#).await.json();
    assert_eq!(sorted(fields(ballot)), sorted(properties("RecordedBallot")));
    let poll = app.program().get("/api/polls/main").await.json();
    let always = |name: &String| !SOMETIMES.contains(&name.as_str());
    assert_eq!(sorted(fields(poll)), sorted(properties("PollBody").into_iter().filter(always).collect()));
    app.ballots.break_down(Mishap::NotBegun);
    let problem = app.program().post_json("/api/polls/main/ballots", r#"{"choices":["a"]}"#).await.json();
    assert_eq!(sorted(fields(problem)), sorted(properties("ProblemBody")));
}

/// Status and content type of an answer.
type Kind = (u16, String);

/// The kinds of answers that the description has for an operation.
fn described(document: &Value, operation: &str) -> BTreeSet<Kind> {
    let (method, path) = operation.split_once(' ').unwrap();
    let responses = document["paths"][path][method.to_lowercase()]["responses"].as_object();
    let kinds = responses.unwrap_or_else(|| panic!("{operation}")).iter().flat_map(|(status, response)| {
        let types = response["content"].as_object().unwrap_or_else(|| panic!("{operation} {status}")).keys();
        types.map(|content_type| (status.parse().unwrap(), content_type.clone()))
    });
    kinds.collect()
}

/// The kinds of answers that were seen, by operation.
#[derive(Default)]
pub(crate) struct Seen(BTreeMap<&'static str, BTreeSet<Kind>>);

impl Seen {
    pub(crate) async fn see(
        &mut self,
        operation: &'static str,
        app: &TestApp,
        name: &str,
        send: impl Fn(RequestBuilder) -> RequestBuilder,
    ) {
        let (method, path) = operation.split_once(' ').unwrap();
        let path = path.replace("{poll}", name).replace("{event}", name).replace("{change}", "open");
        let answer = answer(send(app.program().request(method, &path))).await;
        let kind = (answer.status.as_u16(), answer.header("content-type").to_owned());
        self.0.entry(operation).or_default().insert(kind);
    }

    /// Asserts that these are the answers that the document describes, of each operation whose path is one of these.
    pub(crate) async fn are_all(self, app: &TestApp, is_one: impl Fn(&str) -> bool) {
        let document = app.program().get("/api/openapi.json").await.json();
        let paths = document["paths"].as_object().unwrap().iter().filter(|(path, _)| is_one(path));
        assert_eq!(self.0.len(), paths.map(|(_, path)| path.as_object().unwrap().len()).sum::<usize>());
        for (operation, kinds) in self.0 {
            assert_eq!(kinds, described(&document, operation), "{operation}");
        }
    }

    /// The same with a body that ends too early.
    pub(crate) async fn see_interrupted(&mut self, operation: &'static str, app: &TestApp) {
        let (method, path) = operation.split_once(' ').unwrap();
        let path = path.replace("{poll}", "main").replace("{event}", "main").replace("{change}", "open");
        let head = "Content-Type: application/json\r\nContent-Length: 99\r\nConnection: close";
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n{head}\r\n\r\n{{");
        let answer = app.raw_to_the_end(&request).await;
        let status = answer.split(' ').nth(1).unwrap_or_else(|| panic!("{operation}: {answer:?}"));
        let head = answer.split("\r\n\r\n").next().unwrap().to_ascii_lowercase();
        let content_type = head.lines().find_map(|line| line.strip_prefix("content-type: "));
        let kind = (status.parse().unwrap(), content_type.unwrap_or_else(|| panic!("{answer:?}")).to_owned());
        self.0.entry(operation).or_default().insert(kind);
    }
}

const ORGANISING: [&str; 5] = [
    "GET /api/polls",
    "POST /api/polls",
    "PATCH /api/polls/{poll}",
    "POST /api/polls/{poll}/{change}",
    "GET /api/polls/{poll}/codes",
];
const CAST: &str = "POST /api/polls/{poll}/ballots";

#[tokio::test]
async fn each_status_and_content_type_of_answers_is_described_and_no_other() {
    let app = spawn_app().await;
    let codes = app.poll_with_codes("tea", true, 1).await;
    let no_organiser = spawn_with(scrutin_vote::Config { organiser_token: None, ..config() }).await;
    let mut seen = Seen::default();
    let json =
        |request: RequestBuilder, body: &str| request.header("content-type", "application/json").body(body.to_owned());
    let long = format!("{{\"question\":\"{}\"}}", "x".repeat(130 * 1024));
    for operation in ORGANISING {
        seen.see(operation, &app, "tea", |request| json(request, "{}")).await;
        seen.see(operation, &no_organiser, "main", |request| request.bearer_auth(TOKEN)).await;
        let takes_json = !operation.starts_with("GET");
        if takes_json {
            seen.see_interrupted(operation, &app).await;
            seen.see(operation, &app, "main", |request| request.bearer_auth(TOKEN).body("x")).await;
            for body in ["{", "{}", r#"{"question":"?","options":["a","a"]}"#, &long] {
                seen.see(operation, &app, "main", |request| json(request.bearer_auth(TOKEN), body)).await;
            }
        }
        if operation.contains("{poll}") {
            seen.see(operation, &app, "nowhere", |request| json(request.bearer_auth(TOKEN), r#"{"listed":true}"#))
                .await;
        }
    }
    let organise = |request: RequestBuilder| request.bearer_auth(TOKEN);
    seen.see("GET /api/polls", &app, "", organise).await;
    for body in [r#"{"id":"new","question":"?","options":["a","b"]}"#; 2] {
        seen.see("POST /api/polls", &app, "", |request| json(organise(request), body)).await;
    }
    seen.see("PATCH /api/polls/{poll}", &app, "new", |request| json(organise(request), r#"{"question":"!"}"#)).await;
    app.browser().vote("/p/new", "vote=a").await;
    seen.see("PATCH /api/polls/{poll}", &app, "new", |request| json(organise(request), r#"{"question":"?"}"#)).await;
    publication::published(&app, "done").await;
    for poll in ["new", "nowhere", "done"] {
        seen.see("POST /api/polls/{poll}/{change}", &app, poll, organise).await;
    }
    seen.see("GET /api/polls/{poll}/codes", &app, "main", organise).await;
    seen.see("GET /api/polls/{poll}/codes", &app, "tea", organise).await;
    seen.see("GET /api/polls/{poll}/codes", &app, "tea", |request| organise(request).query(&[("count", "0")])).await;
    for poll in ["main", "nowhere"] {
        seen.see("GET /api/polls/{poll}", &app, poll, |request| request).await;
    }
    seen.see("GET /api/openapi.json", &app, "", |request| request).await;

    seen.see_interrupted(CAST, &app).await;
    seen.see(CAST, &app, "main", |request| request.body("x")).await;
    for body in ["{", "{}", r#"{"choices":["a"]}"#, &long] {
        seen.see(CAST, &app, "main", |request| json(request, body)).await;
    }
    app.organiser("POST", "/api/polls/new/close", None).await;
    for poll in ["nowhere", "tea", "new"] {
        seen.see(CAST, &app, poll, |request| json(request, r#"{"choices":["a"]}"#)).await;
    }
    let wrong = r#"{"choices":["a"],"code":"0000-0000-0000"}"#;
    while !seen.0[CAST].iter().any(|(status, _)| *status == 429) {
        seen.see(CAST, &app, "tea", |request| json(request, wrong)).await;
    }
    app.ballots.break_down(Mishap::PartlyAway);
    seen.see("PATCH /api/polls/{poll}", &app, "tea", |request| json(organise(request), r#"{"listed":true}"#)).await;
    seen.see("POST /api/polls/{poll}/{change}", &app, "tea", organise).await;
    app.ballots.break_down(Mishap::NotBegun);
    let ballot = format!(r#"{{"choices":["a"],"code":"{}"}}"#, codes[0]);
    seen.see(CAST, &app, "main", |request| json(request, &ballot)).await;
    // Not one that is remembered from a moment ago.
    seen.see("GET /api/polls/{poll}", &app, "never-seen", |request| request).await;
    seen.see("POST /api/polls/{poll}/{change}", &app, "never-seen", organise).await;
    for operation in ORGANISING {
        let new = r#"{"question":"?","options":["a","b"]}"#;
        seen.see(operation, &app, "never-seen", |request| json(organise(request), new)).await;
    }
    for operation in ORGANISING {
        for _ in 0..9 {
            seen.see(operation, &app, "main", |request| request.bearer_auth("a-guess")).await;
        }
    }
    let elsewhere = ["/api/events", "/api/front-page"];
    seen.are_all(&app, |path| !elsewhere.iter().any(|begin| path.starts_with(begin))).await;
}
