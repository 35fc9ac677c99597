//! Managing polls over the API with the organiser's token.

use domain::PollSpec;
use http::StatusCode;
use serde_json::json;

use crate::support::{Answer, Mishap, TOKEN, TestApp, answer, config, spawn_app, spawn_with};

const REQUESTS: [(&str, &str); 5] = [
    ("GET", "/api/polls"),
    ("POST", "/api/polls"),
    ("POST", "/api/polls/main/close"),
    ("PATCH", "/api/polls/main"),
    ("GET", "/api/polls/main/codes"),
];

#[tokio::test]
async fn only_the_token_gives_access() {
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
async fn wrong_tokens_must_wait_and_the_right_one_always_passes() {
    let app = spawn_app().await;
    let guess = async || answer(app.program().request("GET", "/api/polls").bearer_auth("a-guess")).await;
    for _ in 0..8 {
        guess().await.is_problem(401, "not-organiser");
    }
    let refused = guess().await;
    refused.is_problem(429, "too-many-tries");
    assert_eq!(refused.header("retry-after"), "10");
    for _ in 0..20 {
        guess().await.is_problem(429, "too-many-tries");
        assert_eq!(app.organiser("GET", "/api/polls", None).await.status, StatusCode::OK);
        let signed_in = app.browser().post_form("/organise/sign-in", &format!("token={TOKEN}")).await;
        assert_eq!(signed_in.status, StatusCode::SEE_OTHER, "{}", signed_in.text);
    }
    let told = app.browser().post_form("/organise/sign-in", "token=a-guess").await;
    assert_eq!(told.status, StatusCode::TOO_MANY_REQUESTS);
    told.says("This is not the organiser’s token").says("the right one is let in at any time");
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
                          "state": "open", "results": "hidden", "changes": false, "access": "anyone", "listed": true,
                          "kiosk": false, "round": 1, "revision": 1});
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
async fn a_poll_that_breaks_a_limit_is_refused_and_the_limit_named() {
    let app = spawn_app().await;
    let poll = |question: &str, options: &[&str]| json!({"question": question, "options": options});
    let create = async |body| app.organiser("POST", "/api/polls", Some(body)).await;
    for (body, detail) in [
        (poll(&"x".repeat(10_000), &["a", "b"]), "The question has 10,000 characters; 500 are allowed."),
        (poll(&"é".repeat(10_000), &["a", "b"]), "The question has 10,000 characters; 500 are allowed."),
        (poll(" ", &["a", "b"]), "Write a question."),
        (poll("?", &["a"]), "2 to 26 options are needed, not 1."),
        (poll("?", &["a", &"x".repeat(201)]), "Option 2 has 201 characters; 200 are allowed."),
        (poll("?", &["a", "a"]), "Options 1 and 2 are the same."),
        (poll("?", &["x", "Yes", "Yes\u{200b}"]), "Options 2 and 3 are the same."),
        (poll("?", &["é", "e\u{301}"]), "Options 1 and 2 are the same."),
        (poll("?", &["\u{200b}", "\u{2060}"]), "Option 1 holds only characters that nobody can see."),
        (poll("\u{202e}", &["a", "b"]), "The question holds only characters that nobody can see."),
        (poll("?", &["a", "b\0"]), "Option 2 holds a character that can’t be shown: U+0000."),
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
async fn the_largest_poll_is_accepted_however_it_is_escaped() {
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

async fn patch(app: &TestApp, body: serde_json::Value) -> Answer {
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
    spec.votes_can_change = false;
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
async fn without_the_log_no_change_is_reported_as_done() {
    let app = spawn_app().await;
    app.ballots.break_down(Mishap::NotBegun);
    app.organiser("GET", "/api/polls", None).await.is_problem(503, "unavailable");
    app.ballots.break_down(Mishap::AnswerLost);
    let refused = app.organiser("POST", "/api/polls/main/close", None).await;
    refused.is_problem(503, "outcome-unknown");
    assert_eq!(refused.header("retry-after"), "2");
}

#[tokio::test]
async fn a_poll_is_shown_while_not_every_partition_says_what_it_accepted() {
    let app = spawn_app().await;
    let ada = app.organiser_browser().await;
    assert!(ada.get("/organise/main").await.text.contains("<dd id=\"accepted\">0</dd>"));
    app.ballots.break_down(Mishap::PartlyAway);
    let page = ada.get("/organise/main").await;
    assert!(page.status == StatusCode::OK && page.text.contains("<dd id=\"accepted\"></dd>"), "{}", page.text);
    let told = app.program().get("/api/polls/main").await;
    assert_eq!((told.status, told.json().get("accepted")), (StatusCode::OK, None));
}

#[tokio::test]
async fn a_change_that_not_every_partition_heard_is_reported_as_underway() {
    let app = spawn_app().await;
    let ada = app.organiser_browser().await;
    app.ballots.break_down(Mishap::PartlyAway);
    let told = app.organiser("POST", "/api/polls/main/close", None).await;
    assert_eq!((told.status, &told.json()["state"]), (StatusCode::ACCEPTED, &json!("closed")));
    for (language, said) in [("en", "is being carried out"), ("de", "wird ausgeführt")] {
        let told = answer(ada.form("/organise/main/open", "").header("accept-language", language)).await;
        assert_eq!(told.status, StatusCode::ACCEPTED);
        assert!(told.text.contains(said), "{}", told.text);
    }
    assert!(app.browser().get("/p/main").await.text.contains("name=\"vote\""), "it is shown as it will be");
}

/// The fault that the page names, in the answer to a form.
fn fault(page: &Answer) -> String {
    let summary = page.text.split("id=\"fault\"").nth(1).unwrap().split("</div>").next().unwrap();
    let link = summary.split("<a href").nth(1).map_or(summary, |link| link.split("</a>").next().unwrap());
    link.rsplit('>').find(|text| text.len() > 3).unwrap().replace("&#x2f;", "/")
}

#[tokio::test]
async fn a_fault_has_the_same_text_on_pages_and_over_the_api() {
    let app = spawn_app().await;
    let ada = app.organiser_browser().await;
    let (form, long) = ("options=Yes%0ANo&max_choices=1", "x".repeat(201));
    for (form, body) in [
        (format!("question=&{form}"), json!({"question": "", "options": ["Yes", "No"]})),
        (format!("question=%07&{form}"), json!({"question": "\u{7}", "options": ["Yes", "No"]})),
        ("question=x&options=a&max_choices=1".into(), json!({"question": "x", "options": ["a"]})),
        (format!("question=x&options=a%0A{long}&max_choices=1"), json!({"question": "x", "options": ["a", long]})),
        ("question=x&options=a%0Aa&max_choices=1".into(), json!({"question": "x", "options": ["a", "a"]})),
        ("question=x&options=a%0Ab%07b&max_choices=1".into(), json!({"question": "x", "options": ["a", "b\u{7}b"]})),
        (
            "question=x&options=a%0Ab&max_choices=3".into(),
            json!({"question": "x", "options": ["a", "b"], "max_choices": 3}),
        ),
        (format!("question=x&{form}&id=No+id"), json!({"id": "No id", "question": "x", "options": ["a", "b"]})),
        (format!("question=x&{form}&id=sign-in"), json!({"id": "sign-in", "question": "x", "options": ["a", "b"]})),
        (format!("question=x&{form}&id=main"), json!({"id": "main", "question": "x", "options": ["a", "b"]})),
    ] {
        for language in ["en", "fr"] {
            let page = answer(ada.form("/organise", &form).header("accept-language", language)).await;
            let request = app.program().request("POST", "/api/polls").bearer_auth(TOKEN).json(&body);
            let problem = answer(request.header("accept-language", language)).await;
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{form}");
            assert_eq!(problem.json()["detail"], fault(&page), "{language} {form}");
        }
    }
}

#[tokio::test]
async fn refusals_without_a_field_have_the_same_text_on_both_too() {
    let app = spawn_app().await;
    let ada = app.organiser_browser().await;
    app.browser().vote("/", "vote=a").await;
    let new = "question=x&options=a%0Ab&max_choices=1";
    for (language, guess) in [("en", "This is not the organiser’s token."), ("fr", "Ce n’est pas le jeton")] {
        let speak = |request: reqwest::RequestBuilder| answer(request.header("accept-language", language));
        let api = |method: &str, path: &str, token: &str| app.program().request(method, path).bearer_auth(token);
        let detail = |problem: Answer| problem.json()["detail"].as_str().unwrap().to_owned();
        // Ballots.
        let said = detail(speak(api("PATCH", "/api/polls/main", TOKEN).json(&json!({"question": "Other?"}))).await);
        speak(ada.form("/organise/main/edit", new)).await.says(&said);
        // No such poll.
        let said = detail(speak(api("POST", "/api/polls/nowhere/open", TOKEN)).await);
        speak(ada.form("/organise/nowhere/open", "")).await.says(&said);
        // A wrong token.
        let said = detail(speak(api("GET", "/api/polls", "a-guess")).await);
        assert!(said.contains(guess), "{said}");
        speak(app.browser().form("/organise/sign-in", "token=a-guess")).await.says(&said);
        // A ballot.
        let ballot = app.program().request("POST", "/api/polls/main/ballots").json(&json!({"choices": []}));
        let said = detail(speak(ballot).await);
        speak(app.browser().form("/", "")).await.says(&said);
        // An outage.
        for mishap in [Mishap::NotBegun, Mishap::AnswerLost] {
            app.ballots.break_down(mishap);
            let said = detail(speak(api("POST", "/api/polls/main/close", TOKEN)).await);
            speak(ada.form("/organise/main/close", "")).await.says(&said);
            app.ballots.recover();
        }
    }
}

#[tokio::test]
async fn a_refused_ballot_over_the_api_sets_its_cookie_in_any_language() {
    let app = spawn_app().await;
    // The poll is in the cache now, so only the ballot's own request to the log fails.
    app.browser().get("/").await;
    app.ballots.break_down(Mishap::AnswerLost);
    for language in ["en", "fr"] {
        let ballot = app.program().request("POST", "/api/polls/main/ballots").json(&json!({"choices": ["a"]}));
        let refused = answer(ballot.header("accept-language", language)).await;
        refused.is_problem(503, "outcome-unknown");
        assert!(refused.set_cookie("voter").is_some(), "{:?}", refused.headers);
        assert_eq!(refused.headers.get_all("content-type").iter().count(), 1);
        assert_eq!(refused.header("retry-after"), "2");
    }
}
