//! Viewers of an event hear where it is: when they come, at each step, and when the poll that is on changes.

#![allow(clippy::unwrap_used, reason = "clippy does not see that helpers beside #[test] functions are tests")]

mod support;

use std::{sync::atomic::Ordering, time::Duration};

use domain::{EventChange, EventSpec, PollChange, PollSpec, PollState};
use futures_util::future::join_all;
use http::{StatusCode, header};
use scrutin_result::{Config, Timing};
use serde_json::{Value, json};
use support::{App, config, spawn_app, spawn_app_with, viewers::Viewer};
use testkit::wait;

/// The service with an event of two polls that wait.
async fn evening_with(config: Config) -> App {
    let app = spawn_app_with(config).await;
    for (id, question) in [("tea", "Tea?"), ("cake", "Cake?")] {
        app.ledger.create(id, PollSpec { state: PollState::Waiting, ..PollSpec::simple(question, ["Yes", "No"]) });
    }
    app.ledger.create_event("evening", "The evening", &["tea", "cake"]);
    app
}

async fn evening() -> App {
    evening_with(config()).await
}

/// With a look at what is watched every 100 ms.
async fn evening_that_looks() -> App {
    let timing = Timing { look: Duration::from_millis(100), ..config().timing };
    evening_with(Config { timing, ..config() }).await
}

/// A viewer of the event who was greeted and heard where it is.
async fn viewer_of_evening(app: &App) -> Viewer {
    let mut viewer = Viewer::connect(app.addr, "&event=evening", &[]).await.unwrap();
    assert_eq!(viewer.message().await, "Welcome!");
    viewer.now().await;
    viewer
}

fn retitled(title: &str, polls: &[&str]) -> EventChange {
    let polls = polls.iter().map(|poll| poll.parse().unwrap()).collect();
    EventChange::Edit(EventSpec { title: title.to_owned(), polls })
}

fn edition_of(page_key: &Value) -> String {
    page_key.as_str().unwrap().rsplit(' ').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_viewer_hears_where_the_event_is_and_each_step_once() {
    let app = evening().await;
    let mut viewer = Viewer::connect(app.addr, "&event=evening", &[]).await.unwrap();
    assert_eq!(viewer.message().await, "Welcome!");
    let before = json!({"event": "evening", "version": 1, "progress": "before", "on": null, "stage": null,
        "archived": false, "poll_version": null, "page_key": null, "spread_ms": 0});
    assert_eq!(viewer.now().await, before);

    // Each step is two writes, of which each is notified, and comes as one push.
    let mut seen = Vec::new();
    for _ in 0..4 {
        app.ledger.press_next("evening");
        let now = viewer.now().await;
        let tally = app.json(&format!("/api/polls/{}/tally", now["on"].as_str().unwrap())).await;
        let key = ["state", "round", "revision", "edition"].map(|name| tally[name].to_string().replace('"', ""));
        assert_eq!(now["page_key"], key.join(" "), "as a page makes it from a tally");
        seen.push(json!([now["version"], now["progress"], now["on"], now["stage"], now["poll_version"]]));
    }
    assert_eq!(
        seen,
        [
            json!([2, "at", "tea", "open", 2]),
            json!([3, "at", "tea", "closed", 3]),
            json!([4, "at", "cake", "open", 2]),
            json!([5, "at", "cake", "closed", 3]),
        ]
    );
    app.ledger.press_next("evening");
    let over = viewer.now().await;
    assert_eq!((&over["progress"], &over["on"], &over["stage"]), (&json!("over"), &Value::Null, &Value::Null));
    app.ledger.change_event("evening", &EventChange::Archive);
    assert_eq!(viewer.now().await["archived"], true);
}

#[tokio::test]
async fn a_step_whose_change_of_the_poll_is_late_is_told_all_the_same() {
    let app = evening().await;
    let mut viewer = viewer_of_evening(&app).await;
    let step = app.ledger.next_step("evening");
    app.ledger.change_event("evening", &EventChange::Step(step));
    let half = viewer.now().await;
    assert_eq!((&half["stage"], &half["poll_version"]), (&json!("open"), &json!(1)));
    assert!(half["page_key"].as_str().unwrap().starts_with("waiting "), "{half}");
    app.ledger.change("tea", &PollChange::Open);
    let whole = viewer.now().await;
    assert_eq!((&whole["version"], &whole["poll_version"]), (&json!(2), &json!(2)));
}

#[tokio::test]
async fn what_is_done_by_hand_to_the_poll_that_is_on_is_told_and_votes_are_not() {
    let app = evening().await;
    app.ledger.press_next("evening");
    let mut viewer = viewer_of_evening(&app).await;
    // Not of the event's poll that is on.
    app.ledger.vote("tea", 0);
    app.ledger.change("cake", &PollChange::Hide);
    app.ledger.change("tea", &PollChange::Hide);
    let hidden = viewer.now().await;
    assert_eq!((&hidden["version"], &hidden["poll_version"]), (&json!(2), &json!(3)));
    app.ledger.change("tea", &PollChange::Reveal);
    let shown = viewer.now().await;
    assert_ne!(edition_of(&hidden["page_key"]), edition_of(&shown["page_key"]));
}

#[tokio::test]
async fn an_event_that_is_not_there_yet_is_told_as_soon_as_it_is() {
    let app = spawn_app().await;
    let mut viewer = Viewer::connect(app.addr, "&event=party", &[]).await.unwrap();
    assert_eq!(viewer.message().await, "Welcome!");
    assert_eq!(viewer.message().await, "There is no event party yet.");
    app.ledger.create_event("party", "The party", &[]);
    assert_eq!(viewer.now().await["event"], "party");
}

#[tokio::test]
async fn a_viewer_of_an_event_watches_a_poll_only_where_it_names_one() {
    let app = evening().await;
    let mut both = Viewer::connect(app.addr, "&event=evening&poll=tea", &[]).await.unwrap();
    both.message().await;
    assert_eq!(both.now().await["event"], "evening");
    assert_eq!(both.scores().await["poll"], "tea");
    both.subscribe("cake").await;
    assert_eq!(both.scores().await["poll"], "cake");

    let mut event_alone = viewer_of_evening(&app).await;
    app.ledger.vote("main", 0);
    app.ledger.vote("cake", 0);
    assert_eq!(both.scores().await["a"], 1);
    app.ledger.press_next("evening");
    both.now_until(|now| now["on"] == "tea").await;
    assert_eq!(event_alone.now().await["on"], "tea");

    let mut bad = Viewer::connect(app.addr, "&event=NO", &[]).await.unwrap();
    bad.message().await;
    assert_eq!(bad.message().await, "There is no such event.");
    assert_eq!(bad.scores().await["poll"], "main", "as without an event");
}

#[tokio::test]
async fn subscribing_moves_to_another_event() {
    let app = evening().await;
    app.ledger.create_event("party", "The party", &["main"]);
    let (mut viewer, mut bystander) = (viewer_of_evening(&app).await, viewer_of_evening(&app).await);
    viewer.subscribe_to_event("party").await;
    assert_eq!(viewer.now().await["event"], "party");
    app.ledger.press_next("evening");
    assert_eq!(bystander.now().await["on"], "tea");
    app.ledger.press_next("party");
    assert_eq!(viewer.now().await["event"], "party", "it has left the other room");
    viewer.subscribe_to_event("NO").await;
    assert_eq!(viewer.message().await, "There is no such event.");
    viewer.subscribe_to_event("evening").await;
    assert_eq!(viewer.now().await["on"], "tea");
}

#[tokio::test]
async fn what_is_read_of_an_event_does_not_grow_with_its_viewers() {
    let app = evening().await;
    app.ledger.press_next("evening");
    let mut viewers: Vec<Viewer> =
        join_all((0..75).map(async |_| Viewer::connect(app.addr, "&event=evening", &[]).await.unwrap())).await;
    for viewer in &mut viewers {
        viewer.now_until(|now| now["on"] == "tea").await;
    }
    let (reads, tallies) = (app.ledger.event_reads.load(Ordering::SeqCst), app.ledger.reads());
    app.ledger.press_next("evening");
    for viewer in &mut viewers {
        let now = viewer.now_until(|now| now["stage"] == "closed").await;
        assert_eq!(now["spread_ms"], 3, "75 viewers, of whom 25 may come within a millisecond");
    }
    let (reads, tallies) = (app.ledger.event_reads.load(Ordering::SeqCst) - reads, app.ledger.reads() - tallies);
    assert!(reads <= 2 && tallies <= 2, "{reads} reads of events, {tallies} of tallies");
}

#[tokio::test]
async fn many_events_are_looked_at_in_one_read() {
    let app = evening_that_looks().await;
    let mut viewers = Vec::new();
    for number in 0..20 {
        let id = format!("event-{number}");
        app.ledger.create_event(&id, "One of many", &["tea"]);
        let mut viewer = Viewer::connect(app.addr, &format!("&event={id}"), &[]).await.unwrap();
        viewer.now_until(|now| now["event"] == *id).await;
        viewers.push(viewer);
    }
    for number in 0..20 {
        app.ledger.change_event_silently(&format!("event-{number}"), &retitled("Another", &["tea", "cake"]));
    }
    let reads = app.ledger.event_reads.load(Ordering::SeqCst);
    for viewer in &mut viewers {
        viewer.now_until(|now| now["version"] == 2).await;
    }
    let reads = app.ledger.event_reads.load(Ordering::SeqCst) - reads;
    assert!(reads < 20, "{reads} reads");
}

#[tokio::test]
async fn a_missed_notification_of_an_event_is_made_up_for() {
    let app = evening_that_looks().await;
    let mut viewer = viewer_of_evening(&app).await;
    app.ledger.change_event_silently("evening", &retitled("Another title", &["cake"]));
    assert_eq!(viewer.now().await["version"], 2);
}

#[tokio::test]
async fn after_missed_notifications_all_watched_events_are_read() {
    let app = evening().await;
    let mut viewer = viewer_of_evening(&app).await;
    app.ledger.change_event_silently("evening", &EventChange::Archive);
    app.ledger.notify_any();
    assert_eq!(viewer.now().await["archived"], true);
}

#[tokio::test]
async fn while_the_ledger_is_away_an_event_stays_as_it_was_known() {
    let app = evening_that_looks().await;
    app.ledger.press_next("evening");
    let mut viewer = viewer_of_evening(&app).await;
    app.ledger.set_down(true);
    let reads = app.ledger.event_reads.load(Ordering::SeqCst);
    wait::until_true("some failed reads", async || app.ledger.event_reads.load(Ordering::SeqCst) > reads + 3).await;
    let now = app.json("/api/events/evening/now").await;
    assert_eq!((&now["on"], &now["stage"]), (&json!("tea"), &json!("open")));
    assert_eq!(app.get("/api/events/party/now").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    let mut newcomer = Viewer::connect(app.addr, "&event=evening", &[]).await.unwrap();
    newcomer.now_until(|now| now["page_key"].as_str().unwrap().starts_with("open ")).await;

    app.ledger.change_event_silently("evening", &EventChange::Archive);
    app.ledger.set_down(false);
    assert_eq!(viewer.now().await["archived"], true, "nothing came in between");
}

#[tokio::test]
async fn programs_ask_where_an_event_is() {
    let app = evening().await;
    app.ledger.press_next("evening");
    let slides = "https://slides.example.com";
    let request = app.http.get(app.url("/api/events/evening/now")).header(header::ORIGIN, slides);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], slides);
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    let now: Value = answer.json().await.unwrap();
    let edition = app.json("/api/polls/tea/tally").await["edition"].as_str().unwrap().to_owned();
    let expected = json!({"event": "evening", "version": 2, "progress": "at", "on": "tea", "stage": "open",
        "archived": false, "poll_version": 2, "page_key": format!("open 1 1 {edition}")});
    assert_eq!(now, expected);
    for unknown in ["party", "NO"] {
        let answer = app.get(&format!("/api/events/{unknown}/now")).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        assert!(answer.text().await.unwrap().contains("unknown-event"));
    }
}
