//! What the root address shows: the default poll, or what the organiser put there.

use domain::PollSpec;
use http::StatusCode;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::{
    api::Seen,
    support::{Mishap, TOKEN, TestApp, config, spawn_app, spawn_before, spawn_with},
};

/// A service with the polls `main` and `tea`, and an event of `tea`, which is on.
async fn with_event() -> TestApp {
    let app = spawn_app().await;
    app.poll("tea", PollSpec::simple("Tea?", ["Black", "Green"]));
    let made = json!({"id": "evening", "title": "Quiz night", "polls": ["tea"]});
    app.organiser("POST", "/api/events", Some(made)).await;
    app
}

async fn put(app: &TestApp, page: Value) -> (u16, Value) {
    let put = app.organiser("PUT", "/api/front-page", Some(page)).await;
    (put.status.as_u16(), put.json())
}

#[tokio::test]
async fn the_root_address_shows_the_default_poll_another_one_or_an_event() {
    let app = with_event().await;
    let (ada, bob) = (app.browser(), app.browser());
    assert_eq!(app.program().get("/api/front-page").await.json(), json!({"poll": "main"}));
    ada.vote("/", "vote=a").await.says("You chose Cats");

    assert_eq!(put(&app, json!({"poll": "tea"})).await, (200, json!({"poll": "tea"})));
    ada.get("/").await.says("Tea?").does_not_say("Your vote is recorded");
    ada.vote("/", "vote=b").await.says("You chose Green");
    ada.vote("/p/main", "vote=b").await.says("You chose Dogs");

    assert_eq!(put(&app, json!({"event": "evening"})).await, (200, json!({"event": "evening"})));
    assert_eq!(app.program().get("/api/front-page").await.json(), json!({"event": "evening"}));
    bob.get("/").await.says("Quiz night").says("Look at the speaker");
    // As the clients of the example app vote, with nothing but a choice.
    assert_eq!(bob.post_form("/", "vote=a").await.status, StatusCode::CONFLICT, "nothing is on");
    app.organiser("POST", "/api/events/evening/next", None).await;
    bob.vote("/", "vote=a").await.says("Quiz night Tea?").says("You chose Black");

    assert_eq!(put(&app, json!({"poll": "main"})).await, (200, json!({"poll": "main"})));
    ada.get("/").await.says("Cats or Dogs?").says("You chose Dogs");
    assert_eq!(app.ballots.choices(), ["a", "b", "b", "a"]);
}

#[tokio::test]
async fn links_to_the_default_poll_lead_to_it_while_something_else_is_in_front() {
    let app = with_event().await;
    let organiser = app.organiser_browser().await;
    let link = async || organiser.get("/organise/main").await.link_with(&app.addr.to_string());
    let base = format!("http://{}", app.addr);
    assert_eq!(link().await, base);
    put(&app, json!({"event": "evening"})).await;
    assert_eq!(link().await, format!("{base}/p/main"));
    let projector = organiser.get("/organise/main/projector").await;
    assert!(projector.header("location").contains("/p/main?ticket="), "{}", projector.header("location"));
    app.browser().get("/p/main").await.says("Cats or Dogs?");
}

#[tokio::test]
async fn only_what_exists_is_put_in_front_and_only_by_the_organiser() {
    let app = with_event().await;
    for (page, expected) in [
        (json!({"event": "nowhere"}), 404),
        (json!({"event": "No id"}), 404),
        (json!({"poll": "nowhere"}), 404),
        (json!({}), 422),
        (json!({"poll": "tea", "event": "evening"}), 422),
        (json!({"page": "tea"}), 422),
    ] {
        assert_eq!(put(&app, page.clone()).await.0, expected, "{page}");
    }
    let stranger = app.program().request("PUT", "/api/front-page").json(&json!({"poll": "tea"})).send().await.unwrap();
    assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
    app.browser().get("/").await.says("Cats or Dogs?");
}

#[tokio::test]
async fn each_status_and_content_type_of_answers_about_it_is_described() {
    let (read, put) = ("GET /api/front-page", "PUT /api/front-page");
    let app = with_event().await;
    let no_organiser = spawn_with(scrutin_vote::Config { organiser_token: None, ..config() }).await;
    let mut seen = Seen::default();
    let json = |request: RequestBuilder, body: &str| {
        request.bearer_auth(TOKEN).header("content-type", "application/json").body(body.to_owned())
    };
    seen.see(read, &app, "", |request| request).await;
    seen.see_interrupted(put, &app).await;
    seen.see(put, &app, "", |request| request).await;
    seen.see(put, &no_organiser, "", |request| request.bearer_auth(TOKEN)).await;
    seen.see(put, &app, "", |request| request.bearer_auth(TOKEN).body("x")).await;
    let long = format!("{{\"poll\":\"{}\"}}", "x".repeat(130 * 1024));
    for body in ["{", "{}", r#"{"poll":"nowhere"}"#, r#"{"poll":"tea"}"#, &long] {
        seen.see(put, &app, "", |request| json(request, body)).await;
    }
    app.ballots.break_down(Mishap::PartlyAway);
    seen.see(put, &app, "", |request| json(request, r#"{"event":"evening"}"#)).await;
    let unread = spawn_before(app.ballots.clone(), config()).await;
    app.ballots.break_down(Mishap::NotBegun);
    seen.see(put, &app, "", |request| json(request, r#"{"poll":"tea"}"#)).await;
    seen.see(read, &unread, "", |request| request).await;
    app.ballots.recover();
    app.ballots.remove(domain::PollId::MAIN);
    seen.see(read, &unread, "", |request| request).await;
    for _ in 0..9 {
        seen.see(put, &app, "", |request| request.bearer_auth("a-guess")).await;
    }
    seen.are_all(&app, |path| path == "/api/front-page").await;
}
