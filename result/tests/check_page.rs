//! The page that recounts published ballots, in a real browser: what it says of an honest server, and of one that lies.

#![allow(clippy::unwrap_used, reason = "clippy does not see that helpers beside #[test] functions are tests")]

mod support;

use domain::{PollChange, PollId, PollSpec};
use serde_json::{Value, json};
use support::{App, front::Front, spawn_app};
use testkit::{
    browser::{Browser, Driver, PLAIN_HOST, Setup},
    published_poll::PublishedPoll,
    wait,
};

const GOOD: &str = "Everything that was checked holds.";
const BAD: &str = "Something does not hold. The list says what and where.";
const OPEN: &str = "What was checked holds, but not everything could be checked here.";

/// 300 voters in three partitions, of whom some changed their votes.
fn publication() -> PublishedPoll {
    let first = (0..300).map(|voter| (voter, ["a", "b", "ac"][usize::try_from(voter % 3).unwrap()]));
    PublishedPoll::of(3, first.chain((0..40).map(|voter| (voter, "c"))))
}

/// The service, which shows these votes of the poll `tea` as published.
async fn showing(publication: &PublishedPoll) -> App {
    let app = spawn_app().await;
    let spec = PollSpec { publish: true, ..PollSpec::simple("Tea?", ["Yes", "No", "Later"]) };
    app.ledger.create("tea", PollSpec { max_choices: 2, ..spec });
    for (option, votes) in publication.votes().into_iter().enumerate() {
        app.ledger.vote_many("tea", option, votes);
    }
    app.ledger.change("tea", &PollChange::Close);
    app.ledger.change("tea", &PollChange::Publish);
    app
}

async fn verdict(browser: &Browser, text: &str) {
    wait::until_true(&format!("the verdict {text:?}"), || async {
        let said = browser.run("return document.querySelector('#verdict p').textContent").await;
        let done = [GOOD, BAD, "What was checked holds"].iter().any(|end| said.as_str().unwrap_or("").starts_with(end));
        assert!(!done || said == text, "{said}: {:?}", browser.text().await);
        said == text
    })
    .await;
}

/// The names of the checks that have come out so.
async fn checks(browser: &Browser, kind: &str) -> Value {
    let script = "return [...document.querySelectorAll('[data-check]')] \
        .filter((item) => item.querySelector('strong.KIND')).map((item) => item.dataset.check)";
    browser.run(&script.replace("KIND", kind)).await
}

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
        (file.replace("\nend\n", "\n"), json!(["file"])),
        (file.replacen(replaced, "no ballot", 1), json!(["file"])),
        (file.replacen("\"published 1\"", "\"published 2\"", 1), json!(["file"])),
    ];
    browser.goto(&front.url("/p/tea/check")).await;
    verdict(&browser, GOOD).await;
    for (published, expected) in cases {
        front.publish(published);
        browser.goto(&front.url("/p/tea/check")).await;
        verdict(&browser, BAD).await;
        assert_eq!(checks(&browser, "bad").await, expected, "{}", browser.text().await);
    }
    front.publish(file);
    browser.goto(&front.url("/polls")).await;
    browser.goto(&front.url(&format!("/p/tea/check#{}", "0".repeat(64)))).await;
    verdict(&browser, BAD).await;
    assert_eq!(checks(&browser, "bad").await, json!(["code"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voter_finds_the_own_ballot_without_sending_the_proof() {
    let poll = publication();
    let (app, driver) = (showing(&poll).await, Driver::start().await);
    let front = Front::start(&app, poll.clone()).await;
    let browser = driver.open(Setup::default()).await;
    browser.goto(&front.url("/polls")).await;
    // As the page of the receipt does.
    let kept = json!([poll.proof(101)]).to_string();
    browser.run(&format!("localStorage.setItem('scrutin proofs tea', {})", json!(kept))).await;
    browser.goto(&front.url("/p/tea/check")).await;
    browser.shows("Your ballot is there, and it counts. It chose: Yes, Later").await;

    // The proof of a ballot before it was replaced, and others that find none.
    let first =
        PublishedPoll::of(3, (0..300).map(|voter| (voter, ["a", "b", "ac"][usize::try_from(voter % 3).unwrap()])));
    for (given, said) in [
        (poll.promise(7), "It chose: Later"),
        (first.promise(7), "a later one replaced it"),
        (first.proof(7).replacen("extra ", "extra A", 1), "No ballot could be looked for"),
        (poll.proof(9).replacen("index ", "index 1", 1), "its signature or its way to the root is wrong"),
        (next_round(&poll).promise(3), "or of a tree that was given up"),
        ("Hello".to_owned(), "No ballot could be looked for"),
    ] {
        let before = "return document.getElementById('found').textContent";
        assert!(!browser.run(before).await.as_str().unwrap().contains(said), "{said} is new");
        look_for(&browser, &given).await;
        browser.shows(said).await;
        browser.goto(&front.url("/p/tea/check")).await;
        browser.shows("It chose: Yes, Later").await;
    }
    let asked = front.asked();
    assert!(asked.iter().any(|request| request.contains("/published")), "{asked:?}");
    assert!(asked.iter().all(|request| request.starts_with("GET ") && request.len() < 80), "{asked:?}");
    assert_eq!(browser.complaints().await, [""; 0]);
}

/// Hands over a proof or a promise, on the page that is open.
async fn look_for(browser: &Browser, given: &str) {
    browser.run(&format!("document.getElementById('proof').value = {}", json!(given))).await;
    browser.click("#find").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_ballot_is_missed() {
    let poll = publication();
    let (partition, index) = poll.place(299);
    let mut without = poll.clone();
    without.trees[usize::from(partition)].remove(index);
    let (app, driver) = (showing(&without).await, Driver::start().await);
    let front = Front::start(&app, without).await;
    let browser = driver.open(Setup::default()).await;
    browser.goto(&front.url("/p/tea/check")).await;
    verdict(&browser, GOOD).await;
    look_for(&browser, &poll.promise(299)).await;
    browser.shows("This ballot is not among the published ones").await;
    verdict(&browser, BAD).await;
    assert_eq!(checks(&browser, "bad").await, json!(["own"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_proof_shows_is_part_of_the_verdict() {
    let poll = publication();
    let (app, driver) = (showing(&poll).await, Driver::start().await);
    let (partition, index) = poll.place(7);
    let mut rewritten = poll.clone();
    let tree = &mut rewritten.trees[usize::from(partition)];
    let other = usize::from(index == 0);
    tree.swap(other, other + 2);
    for (now, given, said, verdict_now, expected) in [
        // The ballot is there, but the tree was another one when the proof was made.
        (&rewritten, poll.proof(7), "Your ballot is there", BAD, json!(["before"])),
        (&poll, poll.proof(9).replacen("index ", "index 1", 1), "This is of no worth", BAD, json!(["own"])),
        (&poll, "Hello".to_owned(), "No ballot could be looked for", OPEN, json!([])),
        (&poll, poll.proof(7), "Your ballot is there", GOOD, json!([])),
    ] {
        let browser = driver.open(Setup::default()).await;
        let front = Front::start(&app, now.clone()).await;
        browser.goto(&front.url("/p/tea/check")).await;
        verdict(&browser, GOOD).await;
        look_for(&browser, &given).await;
        browser.shows(said).await;
        verdict(&browser, verdict_now).await;
        assert_eq!(checks(&browser, "bad").await, expected, "{said}");
        assert_eq!(checks(&browser, "open").await, if verdict_now == OPEN { json!(["own"]) } else { json!([]) });
    }
}

/// The same ballots, in another round.
fn next_round(poll: &PublishedPoll) -> PublishedPoll {
    let mut next = poll.clone();
    next.round.round += 1;
    next
}

/// The same ballots, in another poll.
fn of_another_poll(poll: &PublishedPoll) -> PublishedPoll {
    let mut other = poll.clone();
    other.round.poll = PollId::parse("lunch").unwrap();
    other
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
async fn what_was_kept_of_the_poll_is_compared_or_said_to_be_apart() {
    let poll = publication();
    let (app, driver) = (showing(&poll).await, Driver::start().await);
    let later = PublishedPoll { version: 9, ..poll.clone() };
    let begun_anew = PublishedPoll { generation: 1_790_000_000_000, ..poll.clone() };
    let earlier = {
        let mut earlier = PublishedPoll { version: 2, ..poll.clone() };
        earlier.trees.iter_mut().for_each(|tree| tree.truncate(20));
        earlier
    };
    let mut longer = PublishedPoll { version: 2, ..poll.clone() };
    longer.cast(9000, "a", 1);
    // Two of three partitions are published, as if there were no other.
    let two = PublishedPoll { trees: poll.trees[..2].to_vec(), ..poll.clone() };
    let two_shown = showing(&two).await;
    let of_third = poll.trees[2].iter().find(|ballot| ballot.counts).unwrap().voter;
    for (now, kind, kept, bad, open) in [
        (&poll, "seals", next_round(&poll).signed_seal(), json!([]), json!(["before"])),
        (&poll, "seals", of_another_poll(&poll).signed_seal(), json!([]), json!(["before"])),
        (&poll, "seals", earlier.signed_seal(), json!([]), json!([])),
        (&poll, "seals", longer.signed_seal(), json!(["before"]), json!([])),
        (&poll, "seals", later.signed_seal(), json!(["before"]), json!([])),
        (&poll, "checkpoints", poll.checkpoint(2, 5), json!([]), json!([])),
        (&poll, "checkpoints", next_round(&poll).checkpoint(2, 5), json!([]), json!(["before"])),
        (&poll, "checkpoints", begun_anew.checkpoint(2, 5), json!(["before"]), json!([])),
        (&begun_anew, "checkpoints", poll.checkpoint(2, 5), json!([]), json!(["before"])),
        (&two, "seals", poll.signed_seal(), json!(["before"]), json!([])),
        (&two, "checkpoints", poll.checkpoint(2, 5), json!(["before"]), json!([])),
        (&two, "proofs", poll.proof(of_third), json!(["own"]), json!([])),
        (&two, "proofs", poll.promise(of_third), json!(["own"]), json!([])),
    ] {
        let shown = if now.partitions() == 2 { &two_shown } else { &app };
        let front = Front::start(shown, now.clone()).await;
        let browser = driver.open(Setup::default()).await;
        browser.goto(&front.url("/polls")).await;
        let texts = json!([kept]).to_string();
        browser.run(&format!("localStorage.setItem('scrutin {kind} tea', {})", json!(texts))).await;
        browser.goto(&front.url("/p/tea/check")).await;
        let expected = if bad != json!([]) {
            BAD
        } else if open != json!([]) {
            OPEN
        } else {
            GOOD
        };
        verdict(&browser, expected).await;
        assert_eq!([checks(&browser, "bad").await, checks(&browser, "open").await], [bad, open], "{kept}");
    }
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
