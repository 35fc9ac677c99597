//! Managing polls: archiving, correcting the wording, limiting new voters; and a form that is sent twice creates one
//! poll.

use http::StatusCode;
use serde_json::json;

use crate::support::{Answer, TOKEN, TestApp, answer, spawn_app};

async fn polls(app: &TestApp, query: &str) -> Vec<String> {
    let listed = app.organiser("GET", &format!("/api/polls{query}"), None).await.json();
    listed["polls"].as_array().unwrap().iter().map(|poll| poll["id"].as_str().unwrap().to_owned()).collect()
}

/// The value of a hidden field of a page.
fn hidden(page: &Answer, name: &str) -> String {
    let field = page.text.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
    field.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_form_that_is_sent_twice_makes_one_poll() {
    let app = spawn_app().await;
    let ada = app.organiser_browser().await;
    let once = hidden(&ada.get("/organise").await, "once");
    let form = format!("once={once}&question=Tea%3F&options=Yes%0ANo&max_choices=1");
    let (first, second) = tokio::join!(ada.post_form("/organise", &form), ada.post_form("/organise", &form));
    assert_eq!((first.status, second.status), (StatusCode::SEE_OTHER, StatusCode::SEE_OTHER), "{}", second.text);
    assert_eq!(first.header("location"), second.header("location"));
    assert_eq!(polls(&app, "").await.len(), 2, "one beside the default poll");

    let named = format!("{form}&id=tea");
    assert_eq!(ada.post_form("/organise", &named).await.header("location"), "/organise/tea");
    assert_eq!(ada.post_form("/organise", &named).await.header("location"), "/organise/tea");
    assert_eq!(polls(&app, "").await.len(), 3);
    app.browser().vote("/p/tea", "vote=a").await.says("Your vote is recorded");
    ada.post_form("/organise", &named).await.says("There is a poll with this name already.");

    // With another word the same form creates another poll.
    let other = ada.post_form("/organise", &form.replace("Yes", "Yes!")).await;
    assert_ne!(other.header("location"), first.header("location"));
    let again =
        format!("once={}&question=Tea%3F&options=Yes%0ANo&max_choices=1", hidden(&ada.get("/organise").await, "once"));
    assert_ne!(ada.post_form("/organise", &again).await.header("location"), first.header("location"), "a new form");
}

#[tokio::test]
async fn a_program_that_tries_again_with_its_key_makes_one_poll() {
    let app = spawn_app().await;
    let create = async |key: &str, body: serde_json::Value| {
        let request = app.program().request("POST", "/api/polls").bearer_auth(TOKEN);
        answer(request.header("idempotency-key", key).json(&body)).await
    };
    let tea = json!({"question": "Tea?", "options": ["Yes", "No"]});
    let (first, second) = (create("k1", tea.clone()).await, create("k1", tea.clone()).await);
    assert_eq!((first.status, second.status), (StatusCode::CREATED, StatusCode::CREATED), "{}", second.text);
    assert_eq!(first.json()["id"], second.json()["id"]);
    assert_ne!(create("k2", tea.clone()).await.json()["id"], first.json()["id"]);
    let named = json!({"id": "tea", "question": "Tea?", "options": ["Yes", "No"]});
    create("k3", named.clone()).await;
    assert_eq!(create("k3", named.clone()).await.status, StatusCode::CREATED);
    app.organiser("POST", "/api/polls", Some(named)).await.is_problem(409, "poll-exists");
    let other = json!({"id": "tea", "question": "Coffee?", "options": ["Yes", "No"]});
    create("k3", other).await.is_problem(409, "poll-exists");
}

#[tokio::test]
async fn an_archived_poll_is_in_no_list_until_it_is_restored() {
    let app = spawn_app().await;
    let ada = app.organiser_browser().await;
    let archived = ada.post_form("/organise/main/archive", "").await;
    assert_eq!(archived.header("location"), "/organise/main");
    ada.get("/organise/main").await.says("This poll has been archived").says("Bring back");
    ada.get("/organise").await.says("Archived polls (1)").says("There are no polls yet.");
    assert_eq!((polls(&app, "").await, polls(&app, "?archived=true").await), (vec![], vec!["main".to_owned()]));
    let page = app.browser().get("/").await;
    page.says("This poll has been archived").says("No more votes are taken.");
    assert!(!page.text.contains("<button"), "{}", page.text);
    app.browser().post_form("/", "vote=a").await.says("this poll is closed");
    let export = ada.get("/organise/main/export/tally.csv").await;
    assert!(export.header("location").contains("/api/polls/main/tally.csv"), "exports stay");

    assert_eq!(app.organiser("POST", "/api/polls/main/restore", None).await.json()["archived"], json!(null));
    assert_eq!(polls(&app, "").await, ["main"]);
    app.browser().get("/").await.says("This poll is closed");
    app.organiser("POST", "/api/polls/main/archive", None).await;
    let opened = app.organiser("POST", "/api/polls/main/open", None).await.json();
    assert_eq!((&opened["archived"], &opened["state"]), (&json!(null), &"open".into()));
}

#[tokio::test]
async fn the_wording_is_corrected_after_the_first_vote_and_that_is_noted() {
    let app = spawn_app().await;
    let (ada, bert) = (app.organiser_browser().await, app.browser());
    let shown = hidden(&bert.get("/").await, "revision");
    app.browser().vote("/", "vote=a").await.says("You chose Cats");
    ada.get("/organise/main").await.says("Correct the wording");
    ada.get("/organise/main/edit").await.says("can’t be changed any more").says("Save the correction");

    let corrected = ada.post_form("/organise/main/correct", "question=Cats+or+dogs%3F&options=Cats%0D%0ADogs%21").await;
    assert_eq!(corrected.header("location"), "/organise/main", "{}", corrected.text);
    ada.get("/organise/main")
        .await
        .says("Cats or dogs?")
        .says("The wording before it was corrected")
        .says("Cats or Dogs?");
    bert.get("/").await.says("The organiser has corrected the wording").says("Dogs!");
    bert.vote("/", &format!("vote=b&revision={shown}")).await.says("You chose Dogs!");

    for (form, words) in [
        ("question=x&options=Cats", "2 to 26 options are needed, not 1."),
        ("question=x&options=Cats%0ADogs%0ABirds", "A correction changes words only"),
        ("question=x&options=Dogs%21%0ACats", "A correction changes words only"),
        ("question=&options=Cats%0ADogs", "Write a question."),
    ] {
        let refused = ada.post_form("/organise/main/correct", form).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{form}");
        refused.says(words).says("Save the correction");
    }
}

#[tokio::test]
async fn programs_correct_only_the_wording_of_a_poll_with_ballots() {
    let app = spawn_app().await;
    app.browser().vote("/", "vote=a").await;
    let patch = async |body| app.organiser("PATCH", "/api/polls/main", Some(body)).await;
    patch(json!({"question": "Cats?"})).await.is_problem(409, "has-ballots");
    let corrected = patch(json!({"question": "Cats or dogs?", "correction": true})).await.json();
    assert_eq!((&corrected["question"], &corrected["revision"]), (&"Cats or dogs?".into(), &1.into()));
    assert_eq!(corrected["correction"]["question"], "Cats or Dogs?");
    assert!(corrected["correction"]["at"].as_u64().unwrap() > 1_700_000_000_000);
    for other in [
        json!({"options": ["Dogs", "Cats"], "correction": true}),
        json!({"options": ["Cats", "Dogs", "Birds"], "correction": true}),
        json!({"question": "x", "max_choices": 2, "correction": true}),
        json!({"correction": true}),
    ] {
        patch(other).await.is_problem(422, "not-a-correction");
    }
    patch(json!({"options": ["Cats", "Ca\u{200b}ts"], "correction": true})).await.is_problem(422, "invalid-poll");
}

#[tokio::test]
async fn a_poll_limits_and_shows_the_new_voters_of_a_network() {
    let app = spawn_app().await;
    let ada = app.organiser_browser().await;
    ada.get("/organise").await.says("Open to scripts");
    let voter = app.browser();
    voter.vote("/", "vote=a").await.says("Your vote is recorded");
    for _ in 0..4 {
        assert_eq!(app.forgetful_browser().post_form("/", "vote=a").await.status, StatusCode::SEE_OTHER, "no limit");
    }
    let lately = ada.get("/organise/main/new-voters").await.json();
    assert_eq!((&lately["new_voters"], &lately["networks"]), (&5.into(), &1.into()));
    assert!(ada.get("/organise/main").await.text.contains("New voters in the last minute"));

    assert_eq!(ada.post_form("/organise/main/limit", "new_voters_per_minute=2").await.status, StatusCode::SEE_OTHER);
    for _ in 0..2 {
        assert_eq!(app.forgetful_browser().post_form("/", "vote=b").await.status, StatusCode::SEE_OTHER);
    }
    let refused = app.forgetful_browser().post_form("/", "vote=b").await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.header("retry-after").parse::<u32>().unwrap() <= 60);
    refused.says("many people in your network are voting at the moment");
    let ballot = app.program().post_json("/api/polls/main/ballots", r#"{"choices":["a"]}"#).await;
    ballot.is_problem(429, "too-many-new-voters");
    voter.vote("/", "vote=b").await.says("You chose Dogs");

    let open = app.organiser("PATCH", "/api/polls/main", Some(json!({"new_voters_per_minute": 0}))).await.json();
    assert_eq!(open["new_voters_per_minute"], json!(null));
    assert_eq!(app.forgetful_browser().post_form("/", "vote=b").await.status, StatusCode::SEE_OTHER);
    let wrong = ada.post_form("/organise/main/limit", "new_voters_per_minute=-1").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    wrong.says("The limit on new voters must be a number");
}
