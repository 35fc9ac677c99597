//! Voting with the form: the recorded ballot, its voter, and the page that follows.

use domain::{PollId, PollSpec, Position, Receipt, Visibility, VoterId};
use http::StatusCode;

use crate::support::{answer, config, spawn_app, spawn_with};

#[tokio::test]
async fn the_answer_to_a_recorded_ballot_is_short() {
    let posted = spawn_app().await.program().post_form("/", "vote=a").await;
    assert_eq!(posted.status, StatusCode::SEE_OTHER);
    let mut names: Vec<_> = posted.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names, ["content-length", "date", "location", "set-cookie"]);
}

#[tokio::test]
async fn a_multipart_form_is_accepted() {
    let app = spawn_app().await;
    let multipart = async |body: &str| {
        let request = app.program().request("POST", "/").header("content-type", "multipart/form-data; boundary=x7");
        answer(request.body(body.to_owned())).await
    };
    let part = "--x7\r\nContent-Disposition: form-data; name=\"vote\"\r\n\r\n";
    assert_eq!(multipart(&format!("{part}b\r\n--x7--\r\n")).await.status, StatusCode::SEE_OTHER);
    assert_eq!(app.ballots.choices(), ["b"]);
    assert_eq!(multipart(&format!("{part}b")).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "it was cut off");
    assert_eq!(multipart(&"x".repeat(17_000)).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(app.ballots.choices().len(), 1);
}

#[tokio::test]
async fn a_vote_is_recorded_and_the_page_shows_it() {
    let app = spawn_app().await;
    let ada = app.browser();
    let posted = ada.post_form("/", "vote=b").await;
    assert_eq!(posted.status, StatusCode::SEE_OTHER);
    assert_eq!(posted.text, "");
    assert_eq!(app.ballots.choices(), ["b"]);
    ada.get("/").await.says("Your vote is recorded You chose Dogs").says("You can change it");
}

#[tokio::test]
async fn a_second_vote_of_the_same_browser_replaces_the_first() {
    let app = spawn_app().await;
    let ada = app.browser();
    ada.vote("/", "vote=a").await.says("You chose Cats");
    ada.vote("/", "vote=b").await.says("You chose Dogs");
    let voters = app.ballots.voters();
    assert_eq!(app.ballots.choices(), ["a", "b"]);
    assert_eq!(voters[0], voters[1]);
}

#[tokio::test]
async fn a_browser_with_cookies_gets_no_receipt_in_the_address() {
    let app = spawn_app().await;
    app.poll("tea", PollSpec::simple("Tea?", ["Yes", "No"]));
    for (path, poll) in [("/", "main"), ("/p/tea", "tea")] {
        let ada = app.browser();
        ada.get(path).await;
        assert_eq!(ada.post_form(path, "vote=a").await.header("location"), path);
        // Somebody else's address.
        let receipt = Receipt { position: Position::ZERO, voter: VoterId::from_bytes([7; 16]) };
        let receipt = receipt.encode(&app.config.secret, poll.parse().unwrap());
        let page = ada.get(&format!("{path}?voted={receipt}")).await;
        page.says("You chose").does_not_say("keeps no cookies");
    }
}

#[tokio::test]
async fn a_browser_without_cookies_learns_not_to_vote_again() {
    let app = spawn_app().await;
    let code = &app.poll_with_codes("tea", true, 1).await[0];
    let forgetful = app.forgetful_browser();
    let page = forgetful.vote("/", "vote=a").await;
    page.says("Your vote is recorded").says("This browser keeps no cookies").says("count as another voter’s vote");
    page.says("For somebody else at this device").does_not_say("Tap an answer to vote");
    assert!(page.text.contains("<form"), "somebody else may be sitting there: {}", page.text);
    let receipt = Receipt { position: app.ballots.positions()[0], voter: app.ballots.voters()[0] };
    let link = format!("receipts&#x2f;{}\"", receipt.encode(&app.config.secret, PollId::MAIN));
    assert!(page.text.contains(&link), "{link} in {}", page.text);
    forgetful.get("/").await.does_not_say("recorded");
    for nobodys in ["/?voted", "/?voted=", "/?voted=x", "/p/tea?voted=RECEIPT"] {
        let nobodys = nobodys.replace("RECEIPT", &receipt.encode(&app.config.secret, PollId::MAIN));
        forgetful.get(&nobodys).await.does_not_say("recorded");
    }
    let page = forgetful.vote("/p/tea", &format!("vote=a&code={code}")).await;
    page.says("keeps no cookies").says("Your code still stands for one ballot").does_not_say("another voter’s");
    let posted = forgetful.post_form("/", "vote=b").await;
    let french = answer(forgetful.request("GET", posted.header("location")).header("accept-language", "fr")).await;
    french.says("Votre vote est enregistré").says("ne garde pas de cookies");
}

#[tokio::test]
async fn two_taps_before_the_first_answer_are_one_voter() {
    let app = spawn_app().await;
    let ada = app.browser();
    ada.get("/").await;
    let (first, second) = tokio::join!(ada.post_form("/", "vote=a"), ada.post_form("/", "vote=a"));
    assert_eq!((first.status, second.status), (StatusCode::SEE_OTHER, StatusCode::SEE_OTHER));
    let voters = app.ballots.voters();
    assert_eq!(voters[0], voters[1]);
}

#[tokio::test]
async fn each_post_of_a_load_tool_is_a_new_voter() {
    let app = spawn_app().await;
    let ab = app.program();
    for _ in 0..3 {
        let posted = answer(ab.form("/", "vote=a")).await;
        assert_eq!(posted.status, StatusCode::SEE_OTHER);
        assert_eq!(posted.header("location"), "/", "a program that looks at no page gets no receipt in an address");
    }
    let mut voters = app.ballots.voters();
    voters.sort_unstable();
    voters.dedup();
    assert_eq!(voters.len(), 3);
}

#[tokio::test]
async fn several_options_may_be_chosen_where_the_poll_allows_it() {
    let app = spawn_app().await;
    let mut spec = PollSpec::simple("Which?", ["Tea", "Coffee", "Water"]);
    spec.max_choices = 2;
    app.poll("drinks", spec);
    let ada = app.browser();
    ada.vote("/p/drinks", "vote=c&vote=a").await.says("You chose Tea , Water");
    assert_eq!(app.ballots.choices(), ["ac"]);
}

#[tokio::test]
async fn polls_do_not_mix() {
    let app = spawn_app().await;
    app.poll("tea", PollSpec::simple("Tea?", ["Yes", "No"]));
    let ada = app.browser();
    ada.vote("/", "vote=a").await;
    ada.get("/p/tea").await.says("Tea?").does_not_say("recorded");
    ada.vote("/p/tea", "vote=b").await.says("You chose No");
    ada.get("/").await.says("You chose Cats");
    ada.get("/p/main").await.says("You chose Cats");
    let voters = app.ballots.voters();
    assert_ne!(voters[0], voters[1], "one person's ballots in two polls can't be joined");
}

#[tokio::test]
async fn after_a_reset_the_vote_is_not_shown_as_recorded_any_more() {
    let app = spawn_app().await;
    let ada = app.browser();
    ada.vote("/", "vote=a").await;
    app.organiser("POST", "/api/polls/main/reset", None).await;
    ada.get("/").await.says("The poll has begun anew").does_not_say("You chose");
    ada.vote("/", "vote=a").await.says("You chose Cats").does_not_say("begun anew");
}

#[tokio::test]
async fn a_final_vote_stays_and_the_page_says_so() {
    let app = spawn_app().await;
    let mut spec = PollSpec::simple("Tea?", ["Yes", "No"]);
    spec.votes_can_change = false;
    app.poll("final", spec);
    let ada = app.browser();
    let page = ada.vote("/p/final", "vote=a").await;
    page.says("You chose Yes").says("It can’t be changed");
    assert!(!page.text.contains("<form"), "nothing to change: {}", page.text);

    let again = ada.post_form("/p/final", "vote=b").await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    again.says("your earlier ballot stands").says("You chose Yes");
    assert_eq!(app.ballots.choices(), ["a"]);
}

#[tokio::test]
async fn a_final_vote_takes_more_than_a_tap_and_is_said_to_be_final_before() {
    let app = spawn_app().await;
    let tea = PollSpec::simple("Tea?", ["Yes", "No"]);
    app.poll("tea", tea.clone());
    app.poll("final", PollSpec { votes_can_change: false, ..tea });
    let by_tap = app.browser().get("/p/tea").await;
    assert!(by_tap.text.contains(r#"<button name="vote" value="a""#), "{}", by_tap.text);
    by_tap.does_not_say("you can’t change it afterwards");
    let ada = app.browser();
    let chosen = ada.get("/p/final").await;
    assert!(chosen.text.contains(r#"type="radio" name="vote" value="a""#), "{}", chosen.text);
    assert!(!chosen.text.contains(r#"<button name="vote""#), "{}", chosen.text);
    chosen.says("Your vote will be final: you can’t change it afterwards.");
    ada.vote("/p/final", "vote=a").await.does_not_say("you can’t change it afterwards");
}

#[tokio::test]
async fn a_browser_without_its_ballots_cookie_learns_that_it_has_voted() {
    let app = spawn_app().await;
    let mut spec = PollSpec::simple("Tea?", ["Yes", "No"]);
    spec.votes_can_change = false;
    app.poll("final", spec);
    let first = app.browser().post_form("/p/final", "vote=a").await;
    let voter = first.pair("voter");

    let again = answer(app.program().form("/p/final", "vote=b").header("cookie", &voter)).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    again.says("your earlier ballot stands").does_not_say("You chose");
    let both = format!("{voter}; {}", again.pair("ballots"));
    let page = answer(app.program().request("GET", "/p/final").header("cookie", both)).await;
    page.says("Your vote is recorded").does_not_say("You chose");
}

#[tokio::test]
async fn the_recorded_page_leads_to_the_receipt_and_to_the_result() {
    let app = spawn_app().await;
    app.poll("tea", PollSpec::simple("Tea?", ["Yes", "No"]));
    let ada = app.browser();
    let page = ada.vote("/p/tea", "vote=a").await;
    page.says("Check that my ballot is counted");
    let address = page.link_with("/receipts/");
    let (before, receipt) = address.rsplit_once('/').unwrap();
    assert_eq!(before, "http://127.0.0.1:8081/p/tea/receipts");
    let receipt = Receipt::decode(receipt, &app.config.secret, PollId::parse("tea").unwrap()).unwrap();
    assert_eq!((receipt.position, receipt.voter), (app.ballots.positions()[0], app.ballots.voters()[0]));
    assert_eq!(page.link_with("/p/tea\""), "http://127.0.0.1:8081/p/tea");
    assert_eq!(ada.get("/").await.link_with(":8081"), "http://127.0.0.1:8081/");
}

#[tokio::test]
async fn the_recorded_page_says_in_which_of_several_partitions_the_ballot_is() {
    let partitions = domain::Partitions::new(16).unwrap();
    let app = spawn_with(scrutin_vote::Config { partitions, ..config() }).await;
    let ada = app.browser();
    assert!(!ada.get("/").await.text.contains("data-partition"));
    let recorded = ada.vote("/", "vote=a").await;
    let said = format!("data-partition=\"{}\"", partitions.of_voter(app.ballots.voters()[0]));
    for page in [recorded, ada.get("/").await] {
        assert!(page.text.contains(&said), "{said}: {}", page.text);
    }
    let with_one = spawn_app().await.browser().vote("/", "vote=a").await.text;
    assert!(with_one.contains("data-position=") && !with_one.contains("data-partition"), "{with_one}");
}

#[tokio::test]
async fn with_hidden_results_the_page_offers_only_the_turnout() {
    let app = spawn_app().await;
    let mut spec = PollSpec::simple("Tea?", ["Yes", "No"]);
    spec.results = Visibility::Hidden;
    app.poll("tea", spec);
    let page = app.browser().vote("/p/tea", "vote=a").await;
    page.says("See the turnout").does_not_say("result →");
}
