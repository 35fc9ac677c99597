//! Publishing the ballots of a poll: a rule that voters read before they vote, and what is final afterwards.

use attest::NoteKey;
use domain::{InstallationId, PollSpec, PollState};
use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Mishap, TestApp, spawn_app};

/// A poll whose ballots may be published.
pub(crate) fn publishable(state: PollState) -> PollSpec {
    PollSpec { publish: true, state, ..PollSpec::simple("Tea?", ["Yes", "No"]) }
}

/// Adds a poll, and publishes its ballots.
pub(crate) async fn published(app: &TestApp, id: &str) {
    app.poll(id, publishable(PollState::Closed));
    let done = change(app, id, "publish").await;
    assert_eq!(done["published"], true, "{done}");
}

/// The answer's body.
async fn change(app: &TestApp, id: &str, word: &str) -> Value {
    app.organiser("POST", &format!("/api/polls/{id}/{word}"), None).await.json()
}

async fn read(app: &TestApp, id: &str) -> Value {
    app.program().get(&format!("/api/polls/{id}")).await.json()
}

#[tokio::test]
async fn publication_is_a_rule_that_is_set_before_the_first_ballot() {
    let app = spawn_app().await;
    let new = json!({"id": "tea", "question": "Tea?", "options": ["Yes", "No"], "publish": true});
    let made = app.organiser("POST", "/api/polls", Some(new)).await.json();
    assert_eq!((&made["publish"], made.get("published")), (&json!(true), None));
    assert_eq!(read(&app, "main").await.get("publish"), None);

    let patch = |id: &'static str, publish: bool| {
        let (app, body) = (&app, json!({"publish": publish}));
        async move { app.organiser("PATCH", &format!("/api/polls/{id}"), Some(body)).await }
    };
    let ruled = patch("main", true).await.json();
    assert_eq!((&ruled["publish"], &ruled["revision"]), (&json!(true), &json!(2)));
    // Whoever was shown the page without it has not read it.
    app.browser().post_form("/", "vote=a&revision=1").await.says("the poll has been rewritten meanwhile");
    assert_eq!(patch("main", false).await.json()["revision"], 3);
    app.browser().vote("/", "vote=a").await;
    patch("main", true).await.is_problem(409, "has-ballots");
    let corrected = json!({"question": "Tea or not?", "correction": true, "publish": false});
    app.organiser("PATCH", "/api/polls/tea", Some(corrected)).await.is_problem(422, "not-a-correction");
}

#[tokio::test]
async fn each_reason_not_to_publish_is_told() {
    let app = spawn_app().await;
    app.poll("tea", publishable(PollState::Open));
    let publish = |id: &'static str| {
        let app = &app;
        async move { app.organiser("POST", &format!("/api/polls/{id}/publish"), None).await }
    };
    publish("main").await.is_problem(409, "not-to-be-published");
    publish("tea").await.is_problem(409, "not-closed");
    change(&app, "tea", "close").await;
    change(&app, "tea", "hide").await;
    publish("tea").await.is_problem(409, "votes-hidden");
    publish("nowhere").await.is_problem(404, "unknown-poll");
    assert_eq!(app.program().post_json("/api/polls/tea/publish", "{}").await.status, StatusCode::UNAUTHORIZED);
    change(&app, "tea", "reveal").await;
    assert_eq!(read(&app, "tea").await.get("published"), None, "nothing was done so far");
    for _ in 0..2 {
        let done = publish("tea").await;
        assert_eq!((done.status, &done.json()["published"]), (StatusCode::OK, &json!(true)));
    }
}

#[tokio::test]
async fn a_published_poll_changes_no_more_until_it_is_reset() {
    let app = spawn_app().await;
    published(&app, "tea").await;
    let refused = |method: &'static str, path: &'static str, body: Value| {
        let app = &app;
        async move { app.organiser(method, &format!("/api/polls/tea{path}"), Some(body)).await }
    };
    refused("POST", "/open", json!({})).await.is_problem(409, "published");
    refused("POST", "/open", json!({"seconds": 30})).await.is_problem(409, "published");
    refused("POST", "/hide", json!({})).await.is_problem(409, "published");
    refused("PATCH", "", json!({"question": "Coffee?"})).await.is_problem(409, "published");
    refused("PATCH", "", json!({"question": "Tea?!", "correction": true})).await.is_problem(409, "published");
    app.browser().post_form("/p/tea", "vote=a").await.says("this poll is closed");

    let listed = refused("PATCH", "", json!({"listed": true, "kiosk": true, "new_voters_per_minute": 7})).await.json();
    assert_eq!((&listed["listed"], &listed["published"]), (&json!(true), &json!(true)));
    for word in ["archive", "restore", "close", "reveal"] {
        assert_eq!(change(&app, "tea", word).await["published"], true, "{word}");
    }
    let again = change(&app, "tea", "reset").await;
    assert_eq!((again.get("published"), &again["publish"], &again["round"]), (None, &json!(true), &json!(2)));
    assert_eq!(change(&app, "tea", "open").await["state"], "open");
}

#[tokio::test]
async fn why_nothing_was_published_is_said_in_the_visitors_language() {
    let app = spawn_app().await;
    app.poll("tea", publishable(PollState::Open));
    for (language, words) in [
        ("en", "close the poll first"),
        ("de", "Schließen Sie zuerst die Abstimmung"),
        ("es", "cierre primero la votación"),
        ("fr", "d’abord clore le scrutin"),
        ("it", "chiuda prima la votazione"),
    ] {
        let request = app.browser_in(language).request("POST", "/api/polls/tea/publish");
        let problem = crate::support::answer(request.bearer_auth(crate::support::TOKEN)).await.json();
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
    }
}

#[tokio::test]
async fn a_copy_of_an_event_keeps_the_rule_and_not_the_publication() {
    let app = spawn_app().await;
    published(&app, "tea").await;
    let made = json!({"id": "evening", "title": "An evening", "polls": ["tea", "main"]});
    app.organiser("POST", "/api/events", Some(made)).await;
    let copy = app.organiser("POST", "/api/events/evening/duplicate", Some(json!({"id": "copy"}))).await.json();
    let ids: Vec<&str> = copy["polls"].as_array().unwrap().iter().map(|poll| poll.as_str().unwrap()).collect();
    let rules = [read(&app, ids[0]).await, read(&app, ids[1]).await];
    assert_eq!(rules.each_ref().map(|poll| poll["publish"] == true), [true, false], "{rules:?}");
    assert!(rules.iter().all(|poll| poll["state"] == "waiting" && poll.get("published").is_none()));
}

#[tokio::test]
async fn an_event_passes_over_a_question_whose_ballots_are_published() {
    let app = spawn_app().await;
    published(&app, "tea").await;
    app.poll("milk", publishable(PollState::Waiting));
    let made = json!({"id": "evening", "title": "An evening", "polls": ["tea", "milk"]});
    app.organiser("POST", "/api/events", Some(made)).await;
    let press = |way: &'static str| {
        let app = &app;
        async move { app.organiser("POST", &format!("/api/events/evening/{way}"), None).await.json() }
    };
    let on = press("next").await;
    assert_eq!((&on["on"]["poll"], &on["next"]["does"]), (&json!("milk"), &json!("close")), "{on}");
    press("next").await;
    change(&app, "milk", "publish").await;
    let now = app.organiser("GET", "/api/events/evening", None).await.json();
    assert_eq!((&now["next"]["does"], &now["back"]["does"]), (&json!("end"), &json!("previous")), "{now}");
    let before = press("back").await;
    assert_eq!((&before["on"]["poll"], &before["on"]["state"]), (&json!("tea"), &json!("closed")), "{before}");
    assert_eq!(press("next").await["next"], json!(null), "nothing is left to ask");
    assert_eq!([read(&app, "tea").await, read(&app, "milk").await].map(|poll| poll["published"] == true), [true; 2]);
}

/// What the voting page says before the vote, in each language.
const BEFORE: [(&str, &str); 5] = [
    ("en", "all ballots will be published, without names"),
    ("de", "werden alle Stimmzettel ohne Namen veröffentlicht"),
    ("es", "se publicarán todas las papeletas, sin nombres"),
    ("fr", "tous les bulletins seront publiés, sans noms"),
    ("it", "tutte le schede saranno pubblicate, senza nomi"),
];

#[tokio::test]
async fn voters_read_before_they_vote_that_ballots_will_be_published() {
    let app = spawn_app().await;
    app.poll("tea", PollSpec { kiosk: true, ..publishable(PollState::Open) });
    app.poll("later", publishable(PollState::Waiting));
    let made = json!({"id": "evening", "title": "An evening", "polls": ["later"]});
    app.organiser("POST", "/api/events", Some(made)).await;
    app.organiser("POST", "/api/events/evening/next", None).await;
    for (language, words) in BEFORE {
        let voter = app.browser_in(language);
        for path in ["/p/tea", "/p/later", "/e/evening"] {
            let page = voter.get(path).await;
            let (before_form, _) = page.text.split_once("class=\"ballot").unwrap_or_else(|| panic!("{}", page.text));
            assert!(before_form.contains(words), "{language} {path}: {before_form}");
        }
        voter.get("/").await.does_not_say(words);
        // At a kiosk the next person reads it too.
        let recorded = voter.vote("/p/tea", "vote=a").await;
        assert!(recorded.text.split_once("<details>").unwrap().0.contains(words), "{}", recorded.text);
    }
}

#[tokio::test]
async fn the_voting_page_leads_to_published_ballots_and_is_then_another_page() {
    let app = spawn_app().await;
    app.poll("tea", publishable(PollState::Open));
    change(&app, "tea", "close").await;
    let voter = app.browser();
    let before = voter.get("/p/tea").await;
    before.does_not_say("published");
    change(&app, "tea", "publish").await;
    let after = voter.get("/p/tea").await;
    after.says("All ballots are published, without names.");
    assert_eq!(after.link_with("/check"), "http://127.0.0.1:8081/p/tea/check");
    let key = |page: &str| page.split("data-page-key=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_ne!(key(&before.text), key(&after.text), "open pages are made anew");
}

#[tokio::test]
async fn the_rule_is_a_field_of_the_organisers_forms() {
    let app = spawn_app().await;
    let ada = app.organiser_browser().await;
    let form = "question=Tea%3F&options=Yes%0D%0ANo&max_choices=1&access=anyone&results=live&state=waiting";
    ada.post_form("/organise", &format!("{form}&id=tea&publish=on")).await;
    ada.post_form("/organise", &format!("{form}&id=milk")).await;
    assert_eq!([read(&app, "tea").await, read(&app, "milk").await].map(|poll| poll["publish"] == true), [true, false]);
    ada.get("/organise/tea").await.says("ballots will be published");
    let is_ticked = |page: &str| {
        page.split("name=\"publish\"").nth(1).is_some_and(|tag| tag.split('>').next().unwrap().contains("checked"))
    };
    assert!(is_ticked(&ada.get("/organise/tea/edit").await.text));
    assert!(!is_ticked(&ada.get("/organise/milk/edit").await.text));
    ada.post_form("/organise/tea/edit", form).await;
    ada.post_form("/organise/milk/edit", &format!("{form}&publish=on")).await;
    assert_eq!([read(&app, "tea").await, read(&app, "milk").await].map(|poll| poll["publish"] == true), [false, true]);

    app.organiser("POST", "/api/events", Some(json!({"id": "evening", "title": "An evening"}))).await;
    ada.post_form("/events/evening/new-poll", &format!("{form}&id=juice&publish=on")).await;
    assert_eq!(read(&app, "juice").await["publish"], true);
}

#[tokio::test]
async fn ballots_are_published_by_a_page_that_says_what_it_means() {
    let app = spawn_app().await;
    let ada = app.organiser_browser().await;
    app.poll("tea", publishable(PollState::Open));
    let (page, asks) = ("/organise/tea", "/organise/tea/publish");
    ada.get(page).await.does_not_say("Publish ballots…").says("ballots will be published");
    let too_early = ada.get(asks).await;
    assert_eq!(too_early.status, StatusCode::CONFLICT);
    too_early.says("close the poll first");
    change(&app, "tea", "close").await;
    change(&app, "tea", "hide").await;
    ada.get(page).await.does_not_say("Publish ballots…");
    change(&app, "tea", "reveal").await;
    assert_eq!(ada.get(page).await.says("Publish ballots…").link_with("/publish"), asks);
    let asked = ada.get(asks).await;
    asked.says("without names").says("This is final.").says("I know that this is final");

    for form in ["round=1", "round=1&sure=", "sure=yes", "sure=yes&round=2"] {
        let not_sure = ada.post_form(asks, form).await;
        assert_eq!(not_sure.header("location"), asks, "{form}");
    }
    assert_eq!(read(&app, "tea").await.get("published"), None);
    let done = ada.post_form(asks, "round=1&sure=yes").await;
    assert_eq!((done.status, done.header("location")), (StatusCode::SEE_OTHER, page));
    assert_eq!(read(&app, "tea").await["published"], true);
    let after = ada.get(page).await;
    after.says("All ballots are published, without names.").says("it can only begin anew");
    for gone in ["Publish ballots…", "Open again", "Hide the result", "Correct the wording", "Rewrite question"] {
        after.does_not_say(gone);
    }
    assert_eq!(after.link_with("/check"), "http://127.0.0.1:8081/p/tea/check");
    assert_eq!(ada.get(asks).await.header("location"), page, "it is done");
    ada.post_form("/organise/tea/hide", "").await.says("it can only be reset");
    assert_eq!(app.browser().post_form(asks, "round=1&sure=yes").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn whoever_runs_an_event_finds_what_can_be_published() {
    let app = spawn_app().await;
    let ada = app.organiser_browser().await;
    app.poll("tea", publishable(PollState::Waiting));
    let made = json!({"id": "evening", "title": "An evening", "polls": ["tea", "main"]});
    app.organiser("POST", "/api/events", Some(made)).await;
    let pages = ["/events/evening", "/events/evening/run"];
    app.organiser("POST", "/api/events/evening/next", None).await;
    for page in pages {
        ada.get(page).await.does_not_say("Publish ballots…");
    }
    app.organiser("POST", "/api/events/evening/next", None).await;
    for page in pages {
        let shown = ada.get(page).await;
        assert_eq!(shown.says("Publish ballots… : Tea?").link_with("/publish"), "/organise/tea/publish");
    }
    ada.get(pages[1]).await.says("Hide the result");
    change(&app, "tea", "publish").await;
    for page in pages {
        ada.get(page).await.says("ballots published").does_not_say("Publish ballots…");
    }
    ada.get(pages[1]).await.does_not_say("Hide the result").does_not_say("Open question 1 again");
    let hidden = ada.post_form("/events/evening/votes", "poll=tea&does=hide").await;
    hidden.says("it can only be reset");
}

#[tokio::test]
async fn the_key_of_the_installation_is_public_and_waits_for_the_log() {
    let app = spawn_app().await;
    app.ballots.break_down(Mishap::NotBegun);
    assert_eq!(app.program().get("/.well-known/scrutin-key").await.status, StatusCode::SERVICE_UNAVAILABLE);
    app.ballots.recover();
    let key = app.program().get("/.well-known/scrutin-key").await;
    assert_eq!((key.status, key.header("content-type")), (StatusCode::OK, "text/plain; charset=utf-8"));
    let signs = NoteKey::new(&app.config.secret, &InstallationId::new("7b1f"));
    assert_eq!(key.text, format!("{}\n", signs.verifier()));
}

#[tokio::test]
async fn a_closed_poll_has_a_place_for_its_seal_and_without_scripts_a_link() {
    let app = spawn_app().await;
    app.poll("tea", publishable(PollState::Open));
    app.browser().get("/p/tea").await.does_not_say("Seal of all ballots");
    change(&app, "tea", "close").await;
    let page = app.browser().get("/p/tea").await;
    page.says("Seal of all ballots");
    assert!(page.link_with("/p/tea/check").ends_with("/p/tea/check"));
}
