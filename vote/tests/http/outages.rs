//! Outages of the log: no page claims what is not certain, and voting again is harmless.

use domain::{BallotBox, PollChange, PollId, PollSpec};
use http::StatusCode;

use crate::support::{Mishap, answer, spawn_app};

#[tokio::test]
async fn the_page_says_that_a_vote_was_not_recorded_and_offers_it_again() {
    let app = spawn_app().await;
    app.poll("which", PollSpec::simple("Which?", ["x", "y", "z"]));
    let ada = app.browser();
    ada.get("/p/which").await;
    app.ballots.break_down(Mishap::NotBegun);
    let refused = ada.post_form("/p/which", "vote=b").await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.header("retry-after"), "2");
    refused.says("Your vote was not recorded. Please try again.").does_not_say("is recorded");
    assert!(refused.text.contains(r#"value="b" checked"#), "what was chosen is not lost: {}", refused.text);
    app.browser_in("fr").post_form("/p/which", "vote=b").await.says("Votre vote n’a pas été enregistré.");

    app.ballots.recover();
    ada.vote("/p/which", "vote=b").await.says("You chose y");
}

#[tokio::test]
async fn voting_again_after_an_unknown_outcome_is_the_same_voter() {
    let app = spawn_app().await;
    app.browser().get("/").await;
    app.ballots.break_down(Mishap::AnswerLost);
    let lost = answer(app.program().form("/", "vote=a")).await;
    assert_eq!(lost.status, StatusCode::SERVICE_UNAVAILABLE);
    lost.says("voting twice is harmless").does_not_say("was not recorded");
    assert!(lost.set_cookie("ballots").is_none(), "nothing is claimed to be recorded");

    app.ballots.recover();
    let cookie = lost.pair("voter");
    let again = answer(app.program().form("/", "vote=a").header("cookie", cookie)).await;
    assert_eq!(again.status, StatusCode::SEE_OTHER);
    let voters = app.ballots.voters();
    assert_eq!(voters.len(), 2);
    assert_eq!(voters[0], voters[1], "counted once");
}

#[tokio::test]
async fn programs_learn_whether_the_outcome_is_known() {
    let app = spawn_app().await;
    app.browser().get("/").await;
    for (mishap, code) in
        [(Mishap::NotBegun, "not-recorded"), (Mishap::Full, "full"), (Mishap::AnswerLost, "outcome-unknown")]
    {
        app.ballots.break_down(mishap);
        let refused = app.program().post_json("/api/polls/main/ballots", r#"{"choices":["a"]}"#).await;
        refused.is_problem(503, code);
        assert_eq!(refused.header("retry-after"), "2");
        assert_eq!(refused.json()["retry_after_seconds"], 2);
        assert!(refused.set_cookie("voter").is_some());
    }
}

#[tokio::test]
async fn a_ballot_whose_poll_could_not_be_read_is_certainly_not_recorded() {
    let app = spawn_app().await;
    // The poll is not in the cache, so it is read first, and that read gets no answer.
    app.ballots.break_down(Mishap::AnswerLost);
    let refused = app.program().post_json("/api/polls/main/ballots", r#"{"choices":["a"]}"#).await;
    refused.is_problem(503, "not-recorded");
    let refused = app.browser().post_form("/", "vote=a").await;
    refused.says("Your vote was not recorded.");
    assert!(refused.text.contains(r#"data-refused="not-recorded""#), "{}", refused.text);
    assert_eq!(app.ballots.voters().len(), 0);
}

#[tokio::test]
async fn a_full_log_certainly_records_nothing_and_says_so() {
    let app = spawn_app().await;
    app.browser().get("/").await;
    app.ballots.break_down(Mishap::Full);
    let refused = app.browser().post_form("/", "vote=a").await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    refused.says("Your vote was not recorded: there is no room for more votes");
    assert!(refused.text.contains(r#"data-refused="full""#), "{}", refused.text);
    app.browser_in("fr").post_form("/", "vote=a").await.says("il n’y a plus de place");
}

#[tokio::test]
async fn a_poll_closed_at_another_instance_takes_no_ballot() {
    let app = spawn_app().await;
    let ada = app.browser();
    ada.get("/").await.says("Tap an answer");
    let mut spec = PollSpec::simple("Cats or Dogs?", ["Cats", "Dogs"]);
    spec.state = domain::PollState::Closed;
    app.poll("main", spec);
    let refused = ada.post_form("/", "vote=a").await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    refused.says("Your vote was not recorded: this poll is closed.");
    assert!(!refused.text.contains("<form"), "{}", refused.text);

    app.ballots.remove(PollId::MAIN);
    let gone = ada.post_form("/", "vote=a").await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_vote_on_an_earlier_revision_is_refused_on_the_new_page() {
    let app = spawn_app().await;
    app.poll("main", PollSpec::simple("Tea?", ["Yes", "No"]));
    let ada = app.browser();
    let page = ada.get("/").await.text;
    assert!(page.contains("name=\"revision\" value=\"1\""), "{page}");
    // At another instance, so this one still has the old poll.
    let other = PollChange::Rewrite(Box::new(PollSpec::simple("No tea?", ["No", "Yes"])));
    BallotBox::change(&*app.ballots, PollId::MAIN, other).await.unwrap();
    for before in ["vote=a", "revision=1&vote=a", "revision=&vote=a"] {
        let refused = ada.post_form("/", before).await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{before}");
        refused.says("the poll has been rewritten meanwhile").says("No tea?");
        assert!(refused.text.contains("name=\"revision\" value=\"2\""), "{}", refused.text);
    }
    let refused = ada.post_json("/api/polls/main/ballots", r#"{"choices":["a"],"revision":1}"#).await;
    refused.is_problem(409, "poll-rewritten");
    ada.vote("/", "revision=2&vote=b").await.says("You chose Yes");
    let recorded = ada.post_json("/api/polls/main/ballots", r#"{"choices":["a"],"revision":2}"#).await;
    assert_eq!(recorded.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_panic_is_a_page_or_a_problem_and_the_service_goes_on() {
    let app = spawn_app().await;
    let ada = app.browser();
    ada.get("/").await;
    app.ballots.break_down(Mishap::Panic);
    let page = ada.post_form("/", "vote=a").await;
    assert_eq!(page.status, StatusCode::INTERNAL_SERVER_ERROR);
    page.says("Something went wrong here");
    app.browser_in("fr").post_form("/", "vote=a").await.says("Une erreur s’est produite chez nous");
    ada.post_json("/api/polls/main/ballots", r#"{"choices":["a"]}"#).await.is_problem(500, "internal");
    app.ballots.recover();
    ada.vote("/", "vote=a").await.says("You chose Cats");
}
