//! The page of an event: it shows the question that is on, takes ballots for it, and says what became of a ballot for
//! another one.

use domain::{Access, PollSpec, PollState};
use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Mishap, TestApp, config, spawn_app, spawn_before, spawn_with};

/// A service with the event `evening` of these polls, which wait.
async fn evening(polls: &[(&str, Access)]) -> TestApp {
    let app = spawn_app().await;
    for (id, access) in polls {
        let spec = PollSpec::simple(format!("Question {id}?"), ["Yes", "No", "Perhaps"]);
        app.poll(id, PollSpec { state: PollState::Waiting, access: *access, ..spec });
    }
    let polls: Vec<_> = polls.iter().map(|(id, _)| id).collect();
    let made = json!({"id": "evening", "title": "Quiz night", "polls": polls});
    let made = app.organiser("POST", "/api/events", Some(made)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    app
}

async fn next(app: &TestApp) -> Value {
    let pressed = app.organiser("POST", "/api/events/evening/next", None).await;
    assert_eq!(pressed.status, StatusCode::OK, "{}", pressed.text);
    pressed.json()
}

const ANYONE: [(&str, Access); 2] = [("one", Access::Anyone), ("two", Access::Anyone)];

#[tokio::test]
async fn the_page_shows_what_is_on_from_the_first_question_to_the_end() {
    let app = evening(&ANYONE).await;
    let ada = app.browser();
    let page = ada.get("/e/evening").await;
    page.says("Quiz night").says("Look at the speaker").does_not_say("Question one?");
    assert_eq!(page.link_with("e/evening"), "/e/evening", "without a script there is a link to look again");
    next(&app).await;
    ada.get("/e/evening").await.says("Quiz night Question one?").says("Choose one option");
    ada.vote("/e/evening", "vote=b&poll=one&revision=1").await.says("Your vote is recorded You chose No");
    next(&app).await;
    ada.get("/e/evening").await.says("This poll is closed").says("The next question appears here by itself");
    next(&app).await;
    ada.get("/e/evening").await.says("Question two?").does_not_say("Your vote is recorded");
    next(&app).await;
    next(&app).await;
    ada.get("/e/evening").await.says("That was the last question");
    assert_eq!(app.ballots.choices(), ["b"]);
}

#[tokio::test]
async fn a_ballot_for_the_question_before_is_told_from_the_one_that_is_on() {
    let app = evening(&ANYONE).await;
    let (ada, forgetful) = (app.browser(), app.forgetful_browser());
    next(&app).await;
    ada.get("/e/evening").await;
    // Posted in time; the page that follows has the next question.
    for browser in [&ada, &forgetful] {
        let posted = browser.form("/e/evening", "vote=a&poll=one").header("accept", "text/html").send().await.unwrap();
        assert_eq!(posted.status(), StatusCode::SEE_OTHER);
        let location = posted.headers()["location"].to_str().unwrap().to_owned();
        assert!(location.starts_with("/e/evening?recorded=one"), "{location}");
        let page = browser.get(&location).await;
        page.says("Your vote is recorded").does_not_say("Your vote on");
        next(&app).await;
        next(&app).await;
        let page = browser.get(&location).await;
        page.says("Your vote on “Question one?” is recorded.").says("Question two?").says("Choose one option");
        app.organiser("POST", "/api/events/evening/back", None).await;
        app.organiser("POST", "/api/events/evening/back", None).await;
    }
    // A link of somebody else says nothing of this kind.
    app.browser().get("/e/evening?recorded=one").await.does_not_say("Your vote on");

    // Too late: the question that is on is shown, and which one the ballot was for.
    next(&app).await;
    next(&app).await;
    let late = app.browser().post_form("/e/evening", "vote=c&poll=one&revision=1").await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    late.says("Your vote was not recorded: this poll is closed.")
        .says("That vote was for the question “Question one?”.");
    late.says("Quiz night Question two?").says("Choose one option");
    assert!(!late.text.contains(" checked"), "what was chosen stands for another question");
    assert_eq!(app.ballots.choices().len(), 2);
}

#[tokio::test]
async fn a_ballot_without_a_poll_is_for_the_question_that_is_on() {
    let app = evening(&ANYONE).await;
    let ada = app.browser();
    assert_eq!(ada.post_form("/e/evening", "vote=a").await.status, StatusCode::CONFLICT, "none is on");
    next(&app).await;
    assert_eq!(ada.post_form("/e/evening", "vote=a").await.status, StatusCode::SEE_OTHER);
    for other in ["main", "tea", "Two%20words", ""] {
        let posted = ada.post_form("/e/evening", &format!("vote=a&poll={other}")).await;
        assert_eq!(posted.status, StatusCode::NOT_FOUND, "{other} is none of its polls");
    }
    assert_eq!(app.ballots.choices(), ["a"]);
}

#[tokio::test]
async fn a_browser_that_heard_of_a_change_sees_it_before_this_instance_would() {
    let app = evening(&ANYONE).await;
    let other = spawn_before(app.ballots.clone(), config()).await;
    let ada = other.browser();
    ada.get("/e/evening").await.says("Look at the speaker");
    let now = next(&app).await;
    ada.get("/e/evening").await.says("Look at the speaker");
    let (event, poll) = (now["version"].as_u64().unwrap(), 2);
    ada.get(&format!("/e/evening?at={event}.{poll}")).await.says("Question one?").says("Choose one option");
    ada.get("/e/evening?at=x.y").await.says("Question one?");
    ada.get("/e/evening?at=99999.99999").await.says("Question one?");
}

#[tokio::test]
async fn a_code_of_the_event_is_typed_once_and_casts_one_ballot_in_each_poll() {
    let app = evening(&[("one", Access::Codes), ("two", Access::Codes)]).await;
    let listed = app.organiser("GET", "/api/events/evening/codes?count=2", None).await.json();
    let codes: Vec<_> = listed["codes"].as_array().unwrap().iter().map(|code| code["code"].as_str().unwrap()).collect();
    next(&app).await;
    let ada = app.browser();
    ada.get(&format!("/e/evening?code={}", codes[0])).await.says("Your voting code");
    ada.post_form("/e/evening", "vote=a&poll=one&code=0000-0000-0000").await.says("not a voting code");
    ada.vote("/e/evening", &format!("vote=a&poll=one&code={}", codes[0])).await.says("You chose Yes");
    // The poll's own page and the API take it too, for the same voter.
    app.browser().vote("/p/one", &format!("vote=b&code={}", codes[0])).await.says("You chose No");
    let ballot = json!({"choices": ["c"], "code": codes[0]});
    let cast = app.program().post_json("/api/polls/one/ballots", &ballot.to_string()).await;
    assert_eq!(cast.status, StatusCode::CREATED, "{}", cast.text);
    next(&app).await;
    next(&app).await;
    let page = ada.get("/e/evening").await;
    assert!(page.text.contains(codes[0]), "it need not be typed again");
    ada.vote("/e/evening", "vote=b&poll=two").await.says("You chose No");
    app.browser().vote("/e/evening", &format!("vote=b&poll=two&code={}", codes[1])).await.says("You chose No");
    let voters = app.ballots.voters();
    assert_eq!(voters[0], voters[1]);
    assert_eq!(voters[0], voters[2]);
    assert_ne!(voters[0], voters[3], "another pseudonym in another poll");
    assert_ne!(voters[3], voters[4], "another code");
    assert_eq!(voters.len(), 5);

    // It is worth nothing in a poll of no event.
    app.poll("tea", PollSpec { access: Access::Codes, ..PollSpec::simple("Tea?", ["Yes", "No"]) });
    app.browser().post_form("/p/tea", &format!("vote=a&code={}", codes[0])).await.says("not a voting code");
}

#[tokio::test]
async fn without_the_log_the_last_question_stays() {
    let app = evening(&ANYONE).await;
    next(&app).await;
    app.browser().get("/e/evening").await.says("Question one?");
    app.ballots.break_down(Mishap::NotBegun);
    app.browser().get("/e/evening").await.says("Question one?");
    let app = spawn_with(config()).await;
    for unknown in ["/e/evening", "/e/Not%20an%20id"] {
        assert_eq!(app.browser().get(unknown).await.status, StatusCode::NOT_FOUND, "{unknown}");
    }
    assert_eq!(app.browser().get("/E/Evening/").await.header("location"), "/e/evening");
}

#[tokio::test]
async fn what_the_log_does_not_say_is_neither_a_wrong_code_nor_unknown() {
    let app = evening(&[("one", Access::Codes)]).await;
    let listed = app.organiser("GET", "/api/events/evening/codes?count=1", None).await.json();
    let code = listed["codes"][0]["code"].as_str().unwrap();
    next(&app).await;
    // One that has never heard of any event, and one that knows this one and not which others there are.
    let (unread, read) = (spawn_before(app.ballots.clone(), config()).await, app);
    read.browser().get("/e/evening").await;
    read.ballots.break_down(Mishap::NotBegun);
    for app in [&unread, &read] {
        let posted = app.browser().post_form("/e/evening", &format!("vote=a&poll=one&code={code}")).await;
        assert_eq!(posted.status, StatusCode::SERVICE_UNAVAILABLE);
        posted.says("Your vote was not recorded").does_not_say("voting code of this poll");
    }
    assert_eq!(read.ballots.choices().len(), 0);
}

#[tokio::test]
async fn an_archived_event_asks_nothing_more() {
    let app = evening(&ANYONE).await;
    next(&app).await;
    app.organiser("POST", "/api/events/evening/archive", None).await;
    app.browser().get("/e/evening").await.says("That was the last question").does_not_say("Question one?");
}
