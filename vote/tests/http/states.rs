//! The page in each of its states, in English and in French.

use domain::{Access, PollSpec, PollState};
use http::StatusCode;

use crate::support::{Mishap, TestApp, spawn_app};

fn poll_in(app: &TestApp, state: PollState) {
    let mut spec = PollSpec::simple("Tea?", ["Yes", "No"]);
    spec.state = state;
    app.poll("tea", spec);
}

/// Fetches the page in English and in French, and asserts status and text.
async fn shows(app: &TestApp, path: &str, status: StatusCode, english: &str, french: &str) {
    for (language, words) in [("en", english), ("fr-FR,fr;q=0.9,en;q=0.5", french)] {
        let page = app.browser_in(language).get(path).await;
        assert_eq!(page.status, status, "{}", page.text);
        page.says(words);
        assert!(page.text.contains(&format!("<html lang=\"{}\">", &language[..2])), "{}", page.text);
    }
}

#[tokio::test]
async fn open() {
    let app = spawn_app().await;
    poll_in(&app, PollState::Open);
    shows(&app, "/p/tea", StatusCode::OK, "Tap an answer to vote.", "Touchez une réponse pour voter.").await;
    let page = app.browser().get("/p/tea").await;
    assert!(page.text.contains(r#"<button name="vote" value="a""#), "each of two options is a button: {}", page.text);
    assert!(!page.text.contains("<input type=\"radio\""), "{}", page.text);
}

#[tokio::test]
async fn open_with_more_options() {
    let app = spawn_app().await;
    let mut spec = PollSpec::simple("Which?", ["x", "y", "z"]);
    app.poll("one", spec.clone());
    spec.max_choices = 2;
    app.poll("two", spec);
    shows(&app, "/p/one", StatusCode::OK, "Choose one option.", "Choisissez une option.").await;
    shows(&app, "/p/two", StatusCode::OK, "Choose up to 2 options.", "Choisissez jusqu’à 2 options.").await;
    assert_eq!(app.browser().get("/p/one").await.text.matches(r#"<input type="radio""#).count(), 3);
    assert_eq!(app.browser().get("/p/two").await.text.matches(r#"<input type="checkbox""#).count(), 3);
}

#[tokio::test]
async fn recorded() {
    let app = spawn_app().await;
    app.browser_in("en").vote("/", "vote=a").await.says("Your vote is recorded You chose Cats").says("✓ Your vote");
    app.browser_in("fr").vote("/", "vote=a").await.says("Votre vote est enregistré Votre choix\u{a0}: Cats");
}

#[tokio::test]
async fn closed() {
    let app = spawn_app().await;
    poll_in(&app, PollState::Closed);
    shows(&app, "/p/tea", StatusCode::OK, "This poll is closed", "Ce scrutin est clos").await;
    assert!(!app.browser().get("/p/tea").await.text.contains("<form"));
}

#[tokio::test]
async fn closed_after_voting() {
    let app = spawn_app().await;
    poll_in(&app, PollState::Open);
    let ada = app.browser();
    ada.vote("/p/tea", "vote=a").await;
    app.organiser("POST", "/api/polls/tea/close", None).await;
    ada.get("/p/tea").await.says("You chose Yes").says("This poll is closed").does_not_say("You can change it");
}

#[tokio::test]
async fn not_open_yet() {
    let app = spawn_app().await;
    poll_in(&app, PollState::Waiting);
    shows(&app, "/p/tea", StatusCode::OK, "This poll is not open yet", "Ce scrutin n’est pas encore ouvert").await;
}

#[tokio::test]
async fn needs_a_code() {
    let app = spawn_app().await;
    let mut spec = PollSpec::simple("Tea?", ["Yes", "No"]);
    spec.access = Access::Codes;
    app.poll("tea", spec);
    shows(&app, "/p/tea", StatusCode::OK, "A voting code is needed", "Un code de vote est nécessaire").await;
    let posted = app.browser().post_form("/p/tea", "vote=a").await;
    assert_eq!(posted.status, StatusCode::FORBIDDEN);
    posted.says("A voting code is needed");
    assert_eq!(app.ballots.choices(), [""; 0]);
}

#[tokio::test]
async fn unknown_poll_and_unknown_page() {
    let app = spawn_app().await;
    for path in ["/p/nowhere", "/p/No%20id", "/p/%ff", "/p/z%zz"] {
        shows(&app, path, StatusCode::NOT_FOUND, "There is no such poll", "Ce scrutin n’existe pas").await;
    }
    for path in ["/nowhere", "/p", "/p/a/b", "/index.php?x=<script>"] {
        shows(&app, path, StatusCode::NOT_FOUND, "There is no such page", "Cette page n’existe pas").await;
    }
    let posted = app.browser().post_form("/p/nowhere", "vote=a").await;
    assert_eq!(posted.status, StatusCode::NOT_FOUND);
    posted.says("There is no such poll");
}

#[tokio::test]
async fn the_log_is_down_and_the_poll_never_seen() {
    let app = spawn_app().await;
    app.ballots.break_down(Mishap::NotBegun);
    let words = ("Please try again The poll can’t be shown", "Veuillez réessayer Le scrutin ne peut pas être affiché");
    shows(&app, "/", StatusCode::SERVICE_UNAVAILABLE, words.0, words.1).await;
    let page = app.browser().get("/").await;
    assert_eq!(page.header("retry-after"), "2");
    app.ballots.recover();
    app.browser().get("/").await.says("Cats or Dogs?");
}

#[tokio::test]
async fn the_switch_in_the_footer_changes_the_language_and_comes_back() {
    let app = spawn_app().await;
    app.poll("tea", PollSpec::simple("Tea?", ["Yes", "No"]));
    let ada = app.browser_in("en");
    let page = ada.get("/p/tea").await;
    for tag in ["de", "es", "fr", "it"] {
        assert_eq!(page.link_with(&format!("/language/{tag}")), format!("/language/{tag}?back=/p/tea"));
    }
    let switched = ada.get("/language/fr?back=/p/tea").await;
    assert_eq!((switched.status, switched.header("location")), (StatusCode::SEE_OTHER, "/p/tea"));
    ada.get("/p/tea").await.says("Touchez une réponse");
}

#[tokio::test]
async fn a_change_is_shown_at_once() {
    let app = spawn_app().await;
    poll_in(&app, PollState::Open);
    let ada = app.browser();
    let shown = ada.get("/p/tea").await;
    shown.says("Tap an answer to vote");
    poll_in(&app, PollState::Closed);
    ada.post_form("/p/tea", "vote=a").await.says("this poll is closed");
    ada.get("/p/tea").await.says("This poll is closed");
}
