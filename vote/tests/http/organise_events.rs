//! The organiser's pages of events: making, preparing and running one, all of it with forms.

use domain::{EventId, PollId, PollSpec, PollState, Visibility};
use http::StatusCode;
use serde_json::{Value, json};
use web::signed_link::{self, Purpose};

use crate::support::{Answer, Browser, Mishap, TOKEN, TestApp, answer, spawn_app};

/// A service with the polls `one`, and `two` with hidden votes, which wait, and an organiser's browser.
async fn evening() -> (TestApp, Browser) {
    let app = spawn_app().await;
    for (id, results) in [("one", Visibility::Live), ("two", Visibility::Hidden)] {
        let spec = PollSpec::simple(format!("Question {id}?"), ["Yes", "No"]);
        app.poll(id, PollSpec { state: PollState::Waiting, results, ..spec });
    }
    let ada = app.organiser_browser().await;
    (app, ada)
}

/// The same with an event of both polls.
async fn with_event() -> (TestApp, Browser) {
    let (app, ada) = evening().await;
    press(&ada, "/events", "title=An+evening&id=evening&poll=one&poll=two").await;
    (app, ada)
}

/// Presses a button and returns the page that follows.
async fn press(ada: &Browser, path: &str, form: &str) -> Answer {
    let posted = ada.post_form(path, form).await;
    assert_eq!(posted.status, StatusCode::SEE_OTHER, "{path}: {}", posted.text);
    ada.get(posted.header("location")).await
}

async fn event(app: &TestApp, id: &str) -> Value {
    app.organiser("GET", &format!("/api/events/{id}"), None).await.json()
}

async fn polls(app: &TestApp) -> Value {
    event(app, "evening").await["polls"].clone()
}

/// Asserts that the page has a button that is a link to this address.
fn leads_to(page: &Answer, path: &str) {
    let page = page.text.replace("&#x2f;", "/");
    let button = page
        .split("class=\"button")
        .skip(1)
        .any(|tag| tag.split('>').next().unwrap().contains(&format!("href=\"{path}\"")));
    assert!(button, "no button to {path}: {page}");
}

/// The value of a hidden field.
fn hidden(page: &Answer, name: &str) -> String {
    let field = page.text.split(&format!("name=\"{name}\" value=\"")).nth(1);
    field.unwrap_or_else(|| panic!("no {name}: {}", page.text)).split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn an_event_is_made_with_a_form_and_stands_in_the_list() {
    let (app, ada) = evening().await;
    ada.get("/organise").await.link_with("/events");
    let page = ada.get("/events").await;
    page.says("There are no events yet.").says("Question one?").says("Cats or Dogs?");
    let once = hidden(&page, "once");
    let form = format!("title=An+%3Cevening%3E&id=+Evening.&poll=two&poll=one&once={once}");
    let made = press(&ada, "/events", &form).await;
    made.says("An &lt;evening&gt;").says("2 questions").says("Question one?").says("result hidden");
    assert_eq!(polls(&app).await, json!(["two", "one"]), "in the order of the form");
    ada.get("/events").await.says("An &lt;evening&gt;").says("2 questions · not begun");

    // A form that is sent twice makes one event.
    let form = format!("title=Another&id=&once={once}");
    let made = [ada.post_form("/events", &form).await, ada.post_form("/events", &form).await];
    assert_eq!(made[0].header("location"), made[1].header("location"));
    assert_eq!(app.organiser("GET", "/api/events", None).await.json()["events"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_form_for_an_event_at_fault_names_the_field_and_loses_nothing() {
    let (app, ada) = with_event().await;
    app.ballots.remove(PollId::parse("one").unwrap());
    for (form, field, words) in [
        ("title=+&poll=two", "title", "Write a title."),
        ("title=x%08", "title", "The title holds a character that"),
        ("title=x&id=no+name", "id", "The name must be"),
        ("title=x&id=evening", "id", "There is an event with this name already."),
        ("title=x&poll=one", "polls", "There is no poll with the name one."),
        ("title=x&poll=two&poll=two", "polls", "The poll two is in the list twice."),
    ] {
        let page = ada.post_form("/events", form).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{form}");
        page.says(words);
        assert!(page.text.contains(&format!("href=\"#{field}\"")), "the summary leads to the field: {}", page.text);
        assert!(page.text.contains(&format!("id=\"{field}\"")), "{field}: {}", page.text);
    }
    let page = ada.post_form("/events", "title=Tea+%3Cb%3E&id=evening&poll=two").await;
    assert!(page.text.contains("Tea &lt;b&gt;</textarea>"), "{}", page.text);
    assert!(page.text.contains("value=\"two\" checked"), "{}", page.text);
}

#[tokio::test]
async fn the_questions_are_put_in_order_added_and_taken_out_with_buttons() {
    let (app, ada) = with_event().await;
    press(&ada, "/events/evening/polls", "poll=main&poll=one").await.says("Cats or Dogs?");
    assert_eq!(polls(&app).await, json!(["one", "two", "main"]));
    // A doubled press names the place that was seen, and moves once.
    for _ in 0..2 {
        press(&ada, "/events/evening/up", "poll=main&place=2").await;
        assert_eq!(polls(&app).await, json!(["one", "main", "two"]));
    }
    press(&ada, "/events/evening/down", "poll=one&place=0").await;
    assert_eq!(polls(&app).await, json!(["main", "one", "two"]));
    for _ in 0..2 {
        press(&ada, "/events/evening/remove", "poll=main&place=0").await;
        assert_eq!(polls(&app).await, json!(["one", "two"]));
    }
    press(&ada, "/events/evening/title", "title=A+long+night").await.says("A long night");

    for (button, archived) in [("archive", true), ("restore", false)] {
        press(&ada, &format!("/events/evening/{button}"), "").await;
        assert_eq!(event(&app, "evening").await["archived"] == true, archived);
        let list = ada.get("/events").await;
        assert_eq!(list.text.contains("<details>"), archived, "{}", list.text);
        let words = "This event has been archived";
        for path in ["/events/evening", "/events/evening/run"] {
            assert_eq!(ada.get(path).await.text.contains(words), archived, "{path}");
        }
    }
    assert_eq!(ada.post_form("/events/evening/explode", "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(ada.get("/events/evening/archive").await.header("location"), "/events/evening");
}

#[tokio::test]
async fn a_poll_that_is_on_stays_in_its_event() {
    let (app, ada) = with_event().await;
    press(&ada, "/events/evening/next", "version=1").await;
    let page = ada.post_form("/events/evening/remove", "poll=one&place=0").await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    page.says("The poll one is on, so it can’t be taken out now.");
    leads_to(&page, "/events/evening");
    assert_eq!(polls(&app).await, json!(["one", "two"]));
}

#[tokio::test]
async fn a_new_question_is_made_in_its_event_and_waits() {
    let (app, ada) = with_event().await;
    let page = ada.get("/events/evening").await;
    page.does_not_say("Open it now");
    let once = hidden(&page, "once");
    let wrong = ada.post_form("/events/evening/new-poll", "question=Tea%3F&options=Yes&max_choices=1").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    wrong.says("2 to 26 options are needed, not 1.");
    assert!(wrong.text.contains("<details open>"), "the form at fault is seen: {}", wrong.text);
    let form =
        format!("question=Tea%3F&options=Yes%0D%0ANo&max_choices=1&state=open&results=hidden&access=codes&once={once}");
    for _ in 0..2 {
        press(&ada, "/events/evening/new-poll", &form).await.says("Tea?");
        assert_eq!(polls(&app).await.as_array().unwrap().len(), 3, "a form that is sent twice makes one poll");
    }
    let made = polls(&app).await[2].as_str().unwrap().to_owned();
    let made = app.program().get(&format!("/api/polls/{made}")).await.json();
    assert_eq!(
        (&made["state"], &made["results"], &made["access"]),
        (&"waiting".into(), &"hidden".into(), &"codes".into())
    );
    assert_eq!(ada.post_form("/events/nowhere/new-poll", &form).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_event_is_made_anew_for_the_next_group() {
    let (app, ada) = with_event().await;
    press(&ada, "/events/evening/next", "version=1").await;
    let once = hidden(&ada.get("/events/evening").await, "once");
    let form = format!("title=The+next+evening&id=next-evening&once={once}");
    for _ in 0..2 {
        press(&ada, "/events/evening/copy", &form).await.says("The next evening").says("2 questions · not begun");
    }
    let copied = event(&app, "next-evening").await["polls"].clone();
    assert_ne!(copied, polls(&app).await);
    assert_eq!(app.organiser("GET", "/api/polls", None).await.json()["polls"].as_array().unwrap().len(), 5);
    let taken = ada.post_form("/events/evening/copy", "title=x&id=evening&once=z").await;
    assert_eq!(taken.status, StatusCode::UNPROCESSABLE_ENTITY);
    taken.says("There is an event with this name already.");
    assert!(taken.text.contains("href=\"#copy-id\""), "{}", taken.text);
}

#[tokio::test]
async fn an_evening_is_run_with_forms_alone() {
    let (app, ada) = with_event().await;
    let mut page = ada.get("/events/evening/run").await;
    page.says("Not begun").says("0 of 2 closed");
    // A form that does not say what its sender saw takes no step.
    for form in ["", "version=", "version=now", "version=0"] {
        press(&ada, "/events/evening/next", form).await.says("Not begun");
    }
    let mut told = Vec::new();
    while page.text.contains("id=\"go\"") {
        let button = page.text.split("id=\"go\"><span>").nth(1).unwrap().split("</span>").next().unwrap().to_owned();
        told.push(button);
        let version = hidden(&page, "version");
        page = press(&ada, "/events/evening/next", &format!("version={version}")).await;
        // Pressed again from the page of before, it does nothing.
        let again = press(&ada, "/events/evening/next", &format!("version={version}")).await;
        assert_eq!(hidden(&again, "version"), hidden(&page, "version"));
    }
    let expected = [
        "Open question 1",
        "Close question 1",
        "Next: open question 2",
        "Close question 2",
        "Reveal the result",
        "End the event",
    ];
    assert_eq!(told, expected);
    page.says("The event is over").says("2 of 2 closed").says("No question follows.");

    let mut way_back = Vec::new();
    while page.text.contains("data-way=\"back\"") {
        let form = page.text.split("data-way=\"back\"").nth(1).unwrap();
        way_back.push(form.split("class=\"plain\">").nth(1).unwrap().split('<').next().unwrap().to_owned());
        let version = hidden(&page, "version");
        page = press(&ada, "/events/evening/back", &format!("version={version}")).await;
    }
    let expected = [
        "Back to question 2",
        "Open question 2 again",
        "Close, and back to question 1",
        "Open question 1 again",
        "Close, and back to the beginning",
    ];
    assert_eq!(way_back, expected);
    assert_eq!(event(&app, "evening").await["progress"], "before");
}

#[tokio::test]
async fn a_question_is_opened_for_as_long_as_was_chosen() {
    let (app, ada) = with_event().await;
    let page = ada.get("/events/evening/run").await;
    page.says("Countdown").says("30\u{a0}s").says("5\u{a0}min");
    let refused = ada.post_form("/events/evening/next", "version=1&seconds=soon").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(event(&app, "evening").await["version"], 1);
    let page = press(&ada, "/events/evening/next", "version=1&seconds=120").await;
    page.says("Closes in").does_not_say("Countdown");
    for left in [
        ada.get("/events/evening/now").await.json()["closes_in_ms"].clone(),
        app.program().get("/api/polls/one").await.json()["closes_in_ms"].clone(),
    ] {
        assert!((110_000..=120_000).contains(&left.as_u64().unwrap()), "{left}");
    }
    press(&ada, "/events/evening/next", "version=2").await.says("Countdown");
    assert_eq!(ada.get("/events/evening/now").await.json()["closes_in_ms"], Value::Null);
    press(&ada, "/events/evening/next", "version=3&seconds=").await;
    assert_eq!(ada.get("/events/evening/now").await.json()["closes_in_ms"], Value::Null, "an empty one is none");
}

#[tokio::test]
async fn the_votes_of_the_poll_that_is_on_are_shown_and_hidden() {
    let (app, ada) = with_event().await;
    let results = async |id: &str| app.program().get(&format!("/api/polls/{id}")).await.json()["results"].clone();
    press(&ada, "/events/evening/next", "version=1").await;
    press(&ada, "/events/evening/votes", "poll=one&does=hide").await.says("Reveal the result");
    assert_eq!(results("one").await, "hidden");
    press(&ada, "/events/evening/votes", "poll=one&does=reveal").await.says("Hide the result");
    assert_eq!(results("one").await, "live");
    press(&ada, "/events/evening/votes", "poll=two&does=reveal").await;
    assert_eq!(results("two").await, "hidden", "it is not on");
    assert_eq!(ada.post_form("/events/evening/votes", "poll=one&does=explode").await.status, StatusCode::NOT_FOUND);
    // Where that is a step of the event, the button takes it.
    for version in 2..5 {
        press(&ada, "/events/evening/next", &format!("version={version}")).await;
    }
    let page = ada.get("/events/evening/run").await;
    assert!(page.text.contains("data-way=\"next\" data-votes>"), "{}", page.text);
    let page = press(&ada, "/events/evening/next", "version=5").await;
    assert!(page.text.contains("data-way=\"back\" data-votes>"), "{}", page.text);
}

#[tokio::test]
async fn the_script_of_the_run_page_hears_of_each_change() {
    let (app, ada) = with_event().await;
    let key = async || ada.get("/events/evening/now").await.json()["key"].clone();
    let page = ada.get("/events/evening/run").await;
    let before = key().await;
    assert!(page.text.contains(&format!("data-key=\"{}\"", before.as_str().unwrap())), "{}", page.text);
    press(&ada, "/events/evening/next", "version=1").await;
    let opened = key().await;
    app.browser().vote("/p/one", "vote=a").await;
    let now = ada.get("/events/evening/now").await;
    assert_eq!((&now.json()["key"], &now.json()["accepted"]), (&opened, &json!(1)), "a vote is no change");
    assert_eq!(now.header("cache-control"), "no-store");
    app.organiser("POST", "/api/polls/two/hide", None).await;
    app.organiser("POST", "/api/polls/one/close", None).await;
    assert!(before != opened && opened != key().await);
}

#[tokio::test]
async fn a_press_that_got_no_answer_can_be_pressed_again() {
    let (app, ada) = with_event().await;
    app.ballots.break_down(Mishap::StepBroken);
    let cut_off = ada.post_form("/events/evening/next", "version=1").await;
    assert_eq!(cut_off.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(cut_off.text.contains("data-refused=\"outcome-unknown\""), "{}", cut_off.text);
    leads_to(&cut_off, "/events/evening/next");
    assert_eq!(ada.get("/events/evening/next").await.header("location"), "/events/evening/run");
    app.ballots.recover();
    press(&ada, "/events/evening/next", "version=1").await.says("Close question 1");
    app.ballots.break_down(Mishap::PartlyAway);
    let underway = ada.post_form("/events/evening/next", "version=3").await;
    assert_eq!(underway.status, StatusCode::ACCEPTED);
    underway.says("is being carried out").says("Next: open question 2");
}

#[tokio::test]
async fn only_the_organiser_sees_and_changes_events_from_this_site_alone() {
    let (app, ada) = with_event().await;
    let stranger = app.browser();
    for path in ["/events", "/events/evening", "/events/evening/run"] {
        let asked = stranger.get(path).await;
        assert_eq!(asked.header("location"), format!("/organise/sign-in?to={path}"));
    }
    stranger.get("/events/evening/now").await.is_problem(403, "sign-in-needed");
    for path in ["/events", "/events/evening/next", "/events/evening/title", "/events/evening/archive"] {
        assert_eq!(stranger.post_form(path, "title=x&version=1").await.status, StatusCode::FORBIDDEN, "{path}");
        let elsewhere = ada.form(path, "title=x&version=1").header("origin", "http://evil.test");
        assert_eq!(answer(elsewhere).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(event(&app, "evening").await["version"], 1);
    for path in ["/events/nowhere", "/events/nowhere/run", "/events/NO%20NAME"] {
        let page = ada.get(path).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND);
        page.says("There is no such event");
        leads_to(&page, "/events");
    }
    assert_eq!(ada.get("/Events/Evening/").await.header("location"), "/events/evening");
}

#[tokio::test]
async fn an_event_is_put_on_the_first_page_and_taken_off_again() {
    let (app, ada) = with_event().await;
    let front = async || app.program().get("/api/front-page").await.json();
    press(&ada, "/events/evening/front", "").await.says("2 questions · not begun · on the first page");
    assert_eq!(front().await, json!({"event": "evening"}));
    app.browser().get("/").await.says("An evening");
    press(&ada, "/events/evening/no-front", "").await.does_not_say("· on the first page");
    assert_eq!(front().await, json!({"poll": "main"}));

    // A poll is put there in the same way. The default poll is there where nothing else is.
    press(&ada, "/organise/one/front", "").await.says("· on the first page").says("Take off the first page");
    assert_eq!(front().await, json!({"poll": "one"}));
    ada.get("/organise/main").await.says("Show on the first page");
    press(&ada, "/organise/one/no-front", "").await.says("Show on the first page");
    let default = ada.get("/organise/main").await;
    default.says("· on the first page").does_not_say("Take off").does_not_say("Show on the first page");
}

#[tokio::test]
async fn a_poll_that_is_gone_is_named_and_passed_over() {
    let (app, ada) = with_event().await;
    app.ballots.remove(PollId::parse("one").unwrap());
    ada.get("/events/evening").await.says("This poll is not there any more").says("Question two?");
    ada.get("/events/evening/run").await.says("Open question 2");
}

#[tokio::test]
async fn links_to_hand_out_lead_to_the_event_on_both_hosts() {
    let (app, ada) = with_event().await;
    let page = ada.get("/events/evening").await;
    let host = format!("http://{}", app.addr);
    assert_eq!(page.link_with("/e/evening"), format!("{host}/e/evening"));
    let projector = ada.get("/events/evening/projector").await;
    let (address, ticket) = projector.header("location").split_once("?ticket=").unwrap();
    assert!(address.ends_with(":8081/e/evening"), "{address}");
    let secret = &app.config.secret.bound_to(TOKEN);
    let evening = EventId::parse("evening").unwrap();
    assert!(signed_link::is_valid(ticket, secret, evening, Purpose::Projector, program::now_millis()));
    leads_to(&ada.get("/events/evening/run").await, "/events/evening/projector");

    let page = ada.get("/events/evening").await.text.replace("&#x2f;", "/");
    for (file, address) in [
        ("tallies.csv", "/api/events/evening/tallies.csv"),
        ("tallies.json", "/api/events/evening/tallies.json"),
        ("print", "/e/evening/print"),
    ] {
        assert!(page.contains(&format!("/events/evening/export/{file}\"")), "{file}: {page}");
        let led = ada.get(&format!("/events/evening/export/{file}")).await;
        let (at, ticket) = led.header("location").split_once("?ticket=").unwrap();
        assert_eq!(at, format!("http://127.0.0.1:8081{address}"));
        assert!(signed_link::is_valid(ticket, secret, evening, Purpose::Export, program::now_millis()));
    }
    assert_eq!(ada.get("/events/evening/export/secrets.csv").await.status, StatusCode::NOT_FOUND);
    ada.get("/language/fr?back=/").await;
    let led = ada.get("/events/evening/export/tallies.csv").await;
    assert!(led.header("location").ends_with("&separator=semicolon"), "{:?}", led.headers);
}
