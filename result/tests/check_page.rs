//! The page that recounts published ballots, in a real browser: what it says of an honest server, and of one that lies.

#![allow(clippy::unwrap_used, reason = "clippy does not see that helpers beside #[test] functions are tests")]

mod support;

use domain::{BallotTerms, PollSpec};
use serde_json::{Value, json};
use support::{
    checking::{BAD, GOOD, OPEN, checks, next_round, of_another_poll, publication, showing, verdict},
    front::Front,
    spawn_app,
};
use testkit::{
    browser::{Driver, PLAIN_HOST, Setup},
    published_poll::PublishedPoll,
};

#[tokio::test(flavor = "multi_thread")]
async fn published_ballots_are_counted_again_in_the_browser() {
    let poll = publication();
    let (app, driver) = (showing(&poll).await, Driver::start().await);
    let front = Front::start(&app, poll.clone()).await;
    let browser = driver.open(Setup::default()).await;
    browser.goto(&front.url(&format!("/p/tea/check#{}", poll.seal().digest()))).await;
    verdict(&browser, GOOD).await;
    let all = ["file", "poll", "key", "signed", "terms", "trees", "roots", "chains", "rules", "tally", "shown", "code"];
    assert_eq!(checks(&browser, "good").await, json!(all));
    let rows = "return [...document.querySelectorAll('#result tbody tr')] \
        .map((row) => [...row.children].map((cell) => cell.textContent))";
    let votes: Vec<_> = poll.votes().iter().map(ToString::to_string).collect();
    let expected = json!([["Yes", votes[0], votes[0]], ["No", votes[1], votes[1]], ["Later", votes[2], votes[2]]]);
    assert_eq!(browser.run(rows).await, expected);
    browser.shows("Ballots: 340 · Voters: 300").await;
    browser.shows("sees the key for the first time").await;
    browser.shows(&poll.seal().digest().to_string()).await;
    // What it has kept is compared at the next visit.
    browser.goto(&front.url("/p/tea/check")).await;
    verdict(&browser, GOOD).await;
    assert_eq!(checks(&browser, "good").await.as_array().unwrap().last().unwrap(), "before");
    browser.shows("The key is the one that this browser keeps").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_server_lies_about_is_named() {
    let honest = publication();
    let (app, driver) = (showing(&honest).await, Driver::start().await);
    let front = Front::start(&app, honest.clone()).await;
    let browser = driver.open(Setup::default()).await;
    let file = honest.file();
    let counting = |line: &&str| line.split(',').count() == 4 && line.split(',').nth(2) == Some("a");
    let ballot = file.lines().find(counting).unwrap();
    let replaced = file.lines().find(|line| line.contains(",,") && line.split(',').nth(2) == Some("")).unwrap();
    let other_choice = file.replacen(ballot, &ballot.replace(",a,", ",b,"), 1);
    let replacing = file.lines().find(|line| line.split(',').nth(1).is_some_and(|mark| mark.len() == 32)).unwrap();
    let mark = replacing.split(',').nth(1).unwrap();
    let unchained = file.replacen(replacing, &replacing.replacen(mark, "", 1), 1);
    let three = file.replacen(ballot, &ballot.replace(",a,", ",abc,"), 1);
    let stated = PublishedPoll { stated_votes: Some(vec![1, 2, 3]), ..honest.clone() };
    let other_terms = {
        let mut other = honest.clone();
        other.wordings[0].question = "Coffee?".to_owned();
        let mut header = honest.header();
        header.wordings = other.wordings;
        honest.file_below(&header)
    };
    let forged = file.replacen("voters 300", "voters 301", 1);
    let cases = [
        (other_choice, json!(["roots", "tally", "shown"])),
        (unchained, json!(["roots", "chains", "tally"])),
        (three, json!(["roots", "rules", "tally", "shown"])),
        (stated.file(), json!(["tally"])),
        (other_terms, json!(["terms", "roots"])),
        (forged, json!(["signed", "tally", "before"])),
        (file.replacen("tree 1 3", "tree 1 4", 1), json!(["trees", "roots"])),
        (format!("{file}more"), json!(["file"])),
        (file.replacen(replaced, "no ballot", 1), json!(["file"])),
        (file.replacen("\"max_choices\":2", "\"max_choices\":300", 1), json!(["file"])),
    ];
    browser.goto(&front.url("/p/tea/check")).await;
    verdict(&browser, GOOD).await;
    for (published, expected) in cases {
        front.publish(published);
        browser.goto(&front.url("/p/tea/check")).await;
        verdict(&browser, BAD).await;
        assert_eq!(checks(&browser, "bad").await, expected, "{}", browser.text().await);
    }
    // What breaks off, or is another file, accuses nobody.
    for published in [file.replace("\nend\n", "\n"), format!("\u{feff}{file}"), "<!doctype html>\n".to_owned()] {
        front.publish(published);
        browser.goto(&front.url("/p/tea/check")).await;
        verdict(&browser, OPEN).await;
        assert_eq!(checks(&browser, "bad").await, json!([]));
        browser.shows("no file of published ballots, or breaks off before its end").await;
    }
    front.publish(file);
    browser.goto(&front.url("/polls")).await;
    browser.goto(&front.url(&format!("/p/tea/check#{}", "0".repeat(64)))).await;
    verdict(&browser, BAD).await;
    assert_eq!(checks(&browser, "bad").await, json!(["code"]));

    // Wordings for which nobody voted may have other rules: they were in force before the first ballot.
    let mut before = honest.clone();
    before.wordings.insert(0, BallotTerms { publish: false, max_choices: 1, ..honest.wordings[0].clone() });
    before.trees.iter_mut().flatten().for_each(|ballot| ballot.wording += 1);
    front.publish(before.file());
    browser.goto(&front.url("/p/tea/check")).await;
    verdict(&browser, GOOD).await;
    before.trees[0][3].wording = 1;
    front.server.show(before.clone(), None);
    front.publish(before.file());
    browser.goto(&front.url("/p/tea/check")).await;
    verdict(&browser, BAD).await;
    assert!(checks(&browser, "bad").await.as_array().unwrap().contains(&json!("terms")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ballots_of_another_poll_are_not_those_of_the_page() {
    let poll = publication();
    let (app, driver) = (showing(&poll).await, Driver::start().await);
    let front = Front::start(&app, poll.clone()).await;
    let other = of_another_poll(&poll);
    front.publish(other.file());
    front.instead("seal", other.signed_seal());
    let browser = driver.open(Setup::default()).await;
    browser.goto(&front.url("/p/tea/check")).await;
    verdict(&browser, BAD).await;
    assert_eq!(checks(&browser, "bad").await, json!(["poll"]));
    browser.shows("This page is of the poll tea; what came is of lunch").await;
    // Nothing of it is kept as if it were of this poll.
    assert_eq!(browser.run("return localStorage.getItem('scrutin seals tea')").await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_busy_is_asked_again_as_it_says() {
    let poll = publication();
    let (app, driver) = (showing(&poll).await, Driver::start().await);
    let front = Front::start(&app, poll.clone()).await;
    let browser = driver.open(Setup::default()).await;
    front.refuse(3);
    browser.goto(&front.url("/p/tea/check")).await;
    browser.shows("This page asks again in 2 seconds").await;
    verdict(&browser, GOOD).await;
    front.refuse(100);
    browser.goto(&front.url("/p/tea/check")).await;
    browser.shows("could not be fetched, so nothing was checked").await;
    let asked = front.asked().iter().filter(|request| request.ends_with("/published")).count();
    assert_eq!(asked, 3 + 1 + 6, "it does not ask for ever");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_all_but_the_signatures_is_checked() {
    let poll = publication();
    let (app, driver) = (showing(&poll).await, Driver::start().await);
    let front = Front::start(&app, poll.clone()).await;
    let browser = driver.open(Setup::default()).await;
    let url = front.url("/p/tea/check").replace("127.0.0.1", PLAIN_HOST);
    browser.goto(&url).await;
    verdict(&browser, OPEN).await;
    assert_eq!(browser.run("return [isSecureContext, typeof crypto.subtle]").await, json!([false, "undefined"]));
    assert_eq!(checks(&browser, "open").await, json!(["signed"]));
    browser.shows("Signatures are not checked here").await;
    let complaints = browser.complaints().await;
    let ours: Vec<_> = complaints.iter().filter(|line| !line.contains("origin was untrustworthy")).collect();
    assert_eq!(ours, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_without_modules_in_workers_recounts_in_the_page() {
    let poll = publication();
    let (app, driver) = (showing(&poll).await, Driver::start().await);
    let front = Front::start(&app, poll.clone()).await;
    for worker in [
        "window.Worker = undefined",
        // Safari 12 passes over the options and loads a classic script.
        "const Newer = window.Worker; window.Worker = function (url) { return new Newer(url); }",
        // One that knows the option and fails.
        "const Newer = window.Worker; window.Worker = function (url, {type}) { return new Newer(url, {}); }",
    ] {
        let browser = driver.open(Setup::default()).await;
        let source = json!({"source": worker});
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", source).await;
        browser.goto(&front.url("/p/tea/check")).await;
        verdict(&browser, GOOD).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_scripts_the_page_names_the_files_and_the_command() {
    let poll = publication();
    let app = showing(&poll).await;
    let page = app.page("/p/tea/check").await;
    for text in ["scrutin verify http://", "/p/tea</code>", "/api/polls/tea/published", "/.well-known/scrutin-key"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    // What was not checked is not stated as if it held.
    assert_eq!(page.matches("<strong class=\"open\">Not checked</strong>").count(), 11);
    // All limits that the documentation has.
    let docs = include_str!("../../docs/verification.md");
    let (_, limits) = docs.split_once("What it does **not** show:\n").unwrap();
    let limits =
        limits.trim_start().split("\n\n").next().unwrap().lines().filter(|line| line.starts_with("- ")).count();
    let (_, shown) = page.split_once("<h2>What this does not show</h2>").unwrap();
    assert_eq!(shown.split("</ul>").next().unwrap().matches("<li>").count(), limits);
    let policy = app.get("/p/tea/check").await.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("worker-src 'self'") && policy.contains("script-src 'self';"), "{policy}");
    let other = app.get("/p/main").await.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(!other.contains("worker"), "{other}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_poll_that_is_not_published_the_page_says_what_there_is() {
    let poll = publication();
    let (app, driver) = (spawn_app().await, Driver::start().await);
    app.ledger.create("tea", PollSpec::simple("Tea?", ["Yes", "No", "Later"]));
    let front = Front::start(&app, poll.clone()).await;
    let browser = driver.open(Setup::default()).await;
    browser.goto(&front.url(&format!("/p/tea/check#{}", poll.seal().digest()))).await;
    browser.shows("The ballots of this poll are not published").await;
    browser.shows("Ballots: 340 · Voters: 300").await;
    browser.shows("Ballots in the signed trees so far: 340").await;
    assert_eq!(checks(&browser, "good").await, json!(["poll", "code"]));
    front.server.show(poll.clone(), Some(vec![0, 5, 6]));
    browser.goto(&front.url("/p/tea/check")).await;
    browser.shows("There is no seal yet.").await;
    browser.shows("Ballots in the signed trees so far: 11").await;
    let mut other = poll;
    other.cast(900, "a", 1);
    other.close();
    front.server.show(other, None);
    browser.goto(&front.url("/p/tea/check")).await;
    browser.shows("do not fit what this browser saw earlier").await;
    assert_eq!(checks(&browser, "bad").await, json!(["before"]));
    front.server.show(next_round(&publication()), None);
    browser.goto(&front.url("/p/tea/check")).await;
    browser.shows("of another round, or of a tree that was given up after a loss: scrutin/7b1f/tea/1").await;
    assert_eq!(checks(&browser, "open").await.as_array().unwrap().last().unwrap(), "before");
    front.instead("seal", of_another_poll(&publication()).signed_seal());
    browser.goto(&front.url("/p/tea/check")).await;
    browser.shows("This page is of the poll tea; what came is of lunch").await;
    assert_eq!(checks(&browser, "bad").await, json!(["poll"]));
}
