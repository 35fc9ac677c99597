//! Countdowns over the API: a poll is opened for some time, and everybody learns how much of it is left.
//!
//! The log's clock shows 2026-11-23T09:00:00Z at first, and goes on when a test says so.

use domain::{PollSpec, PollState};
use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Answer, Mishap, TestApp, spawn_app};

async fn open(app: &TestApp, body: Value) -> Answer {
    app.organiser("POST", "/api/polls/main/open", Some(body)).await
}

async fn read(app: &TestApp) -> Value {
    app.program().get("/api/polls/main").await.json()
}

async fn vote(app: &TestApp) -> Answer {
    app.browser().post_form("/p/main", "vote=a").await
}

#[tokio::test]
async fn a_poll_that_is_opened_for_some_seconds_closes_by_itself() {
    let app = spawn_app().await;
    let opened = open(&app, json!({"seconds": 30})).await;
    assert_eq!(opened.status, StatusCode::OK, "{}", opened.text);
    assert_eq!((&opened.json()["state"], &opened.json()["closes_in_ms"]), (&json!("open"), &json!(30_000)));
    app.ballots.clock_goes_on(29_999);
    assert_eq!((&read(&app).await["state"], &read(&app).await["closes_in_ms"]), (&json!("open"), &json!(1)));
    assert_eq!(vote(&app).await.status, StatusCode::SEE_OTHER);

    // At once, although the instance keeps polls for a second, and nobody has written the close.
    app.ballots.clock_goes_on(1);
    let closed = read(&app).await;
    assert_eq!((&closed["state"], closed.get("closes_in_ms")), (&json!("closed"), None));
    let refused = vote(&app).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text);
    let listed = app.organiser("GET", "/api/polls", None).await.json();
    assert_eq!(listed["polls"][0]["state"], "closed");
    let page = app.browser().get("/p/main").await;
    assert!(page.text.contains("data-page-key=\"closed "), "{}", page.text);
}

#[tokio::test]
async fn a_countdown_may_end_at_a_time_and_be_changed_or_taken_away() {
    let app = spawn_app().await;
    let until = |time: &str| json!({"closes_at": time});
    assert_eq!(open(&app, until("2026-11-23T09:00:10Z")).await.json()["closes_in_ms"], 10_000);
    assert_eq!(open(&app, until("2026-11-23T10:01:00.5+01:00")).await.json()["closes_in_ms"], 60_500);
    let unlimited = app.organiser("POST", "/api/polls/main/open", None).await.json();
    assert_eq!((&unlimited["state"], unlimited.get("closes_in_ms")), (&json!("open"), None));
    for (body, status, code) in [
        (json!({"seconds": 0}), 422, "bad-countdown"),
        (json!({"seconds": 86_401}), 422, "bad-countdown"),
        (until("2026-11-23T09:00:00Z"), 422, "bad-countdown"),
        (until("2026-11-24T09:00:01Z"), 422, "bad-countdown"),
        (until("tomorrow"), 422, "unexpected-json"),
        (json!({"seconds": 30, "closes_at": "2026-11-23T09:00:10Z"}), 422, "unexpected-json"),
        (json!({"minutes": 1}), 422, "unexpected-json"),
    ] {
        let refused = open(&app, body.clone()).await;
        let code_told = refused.json()["code"].clone();
        assert_eq!((refused.status.as_u16(), code_told), (status, json!(code)), "{body}");
    }
    let close = app.organiser("POST", "/api/polls/main/close", Some(json!({"seconds": 30}))).await;
    assert_eq!(close.json()["code"], "unexpected-json", "only opening takes time");
    let german = app.browser_in("de").request("POST", "/api/polls/main/open").bearer_auth(crate::support::TOKEN);
    let german = crate::support::answer(german.json(&until("2026-11-23T09:00:00Z"))).await;
    assert_eq!(german.json()["detail"], "Dieser Zeitpunkt ist schon vorbei.");
    assert_eq!(read(&app).await["state"], "open", "nothing was changed by any of them");
}

#[tokio::test]
async fn a_step_opens_for_some_seconds_also_when_it_is_finished_later() {
    let app = spawn_app().await;
    app.poll("one", PollSpec { state: PollState::Waiting, ..PollSpec::simple("One?", ["Yes", "No"]) });
    let made = json!({"id": "evening", "title": "An evening", "polls": ["one"]});
    app.organiser("POST", "/api/events", Some(made)).await;
    let press = |body: Value| app.organiser("POST", "/api/events/evening/next", Some(body));
    assert_eq!(press(json!({"seconds": 0})).await.json()["code"], "bad-countdown");
    app.ballots.break_down(Mishap::StepBroken);
    let cut_off = press(json!({"version": 1, "seconds": 30})).await;
    assert_eq!(cut_off.status, StatusCode::SERVICE_UNAVAILABLE, "{}", cut_off.text);
    app.ballots.recover();
    app.ballots.clock_goes_on(60_000);
    // Another device finishes it, and knows nothing of the countdown.
    let finished = press(json!({"version": 2})).await.json();
    assert_eq!(finished["on"]["state"], "open", "{finished}");
    let one = app.program().get("/api/polls/one").await.json();
    assert_eq!(one["closes_in_ms"], 30_000, "it counts from when it was really opened");
    app.ballots.clock_goes_on(30_000);
    let now = app.organiser("GET", "/api/events/evening", None).await.json();
    assert_eq!((&now["on"]["state"], &now["next"]["does"]), (&json!("closed"), &json!("end")));
    let back = app.organiser("POST", "/api/events/evening/back", Some(json!({"seconds": 30}))).await;
    assert_eq!(back.json()["code"], "unexpected-json", "the way back takes no time");
}

#[tokio::test]
async fn pages_say_how_much_time_is_left() {
    let app = spawn_app().await;
    let (voter, organiser) = (app.browser(), app.organiser_browser().await);
    let (voters_page, organisers_page) = ("/p/main", "/organise/main");
    let shown = |page: &Answer| {
        let from = page.text.split("class=\"countdown\" data-closes-in-ms=\"").nth(1).unwrap().to_owned();
        let left = from.split('"').next().unwrap().to_owned();
        let clock = from.split("class=\"clock\" dir=\"ltr\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
        (left, clock, from.split('>').next().unwrap().ends_with(" hidden"))
    };
    let nothing = (String::new(), "0:00".to_owned(), true);
    for page in [voter.get(voters_page).await, organiser.get(organisers_page).await] {
        assert_eq!(shown(&page), nothing);
    }
    let opened = organiser.post_form("/organise/main/open", "seconds=120&closes_at=").await;
    assert_eq!((opened.status, opened.header("location")), (StatusCode::SEE_OTHER, organisers_page));
    app.ballots.clock_goes_on(59_001);
    for page in [voter.get(voters_page).await, organiser.get(organisers_page).await] {
        assert_eq!(shown(&page), ("60999".to_owned(), "1:01".to_owned(), false));
    }
    organiser.post_form("/organise/main/open", "seconds=&closes_at=2026-11-23T10%3A30%3A00.000Z").await;
    assert_eq!(shown(&voter.get(voters_page).await).1, "1:29:01");
    organiser.post_form("/organise/main/open", "seconds=").await;
    assert_eq!(shown(&voter.get(voters_page).await), nothing, "it may be taken away");
    let refused = organiser.post_form("/organise/main/open", "seconds=x").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("data-refused=\"bad-countdown\""), "{}", refused.text);

    organiser.post_form("/organise/main/open", "seconds=30").await;
    app.ballots.clock_goes_on(30_000);
    for page in [voter.get(voters_page).await, organiser.get(organisers_page).await] {
        assert_eq!(shown(&page), nothing, "it has ended");
    }
}
