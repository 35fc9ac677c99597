//! The page that recounts published ballots, in a real browser: what it makes of what a voter or the browser has kept.

#![allow(clippy::unwrap_used, reason = "clippy does not see that helpers beside #[test] functions are tests")]

mod support;

use domain::BallotTerms;
use serde_json::json;
use support::{
    checking::{BAD, GOOD, OPEN, checks, look_for, next_round, of_another_poll, publication, showing, verdict},
    front::Front,
};
use testkit::{
    browser::{Driver, Setup},
    published_poll::PublishedPoll,
};

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
    // Each server has an address of its own, and so a storage.
    let browser = driver.open(Setup::default()).await;
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
        assert_eq!([checks(&browser, "bad").await, checks(&browser, "open").await], [bad.clone(), open], "{kept}");
        // What can't be compared is named beside what does not fit.
        if kind == "seals" && bad == json!(["before"]) {
            let texts = json!([kept, next_round(now).signed_seal()]).to_string();
            browser.run(&format!("localStorage.setItem('scrutin {kind} tea', {})", json!(texts))).await;
            browser.goto(&front.url("/p/tea/check")).await;
            verdict(&browser, BAD).await;
            browser.shows("of another round, or of a tree that was given up after a loss: scrutin/7b1f/tea/2").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ballot_is_shown_with_the_words_that_it_was_cast_for() {
    let mut poll = PublishedPoll::of(2, (0..9).map(|voter| (voter, "a")));
    let changed = BallotTerms { options: ["No", "Yes", "Later"].map(str::to_owned).into(), ..poll.wordings[0].clone() };
    poll.wordings.push(changed);
    let (app, driver) = (showing(&poll).await, Driver::start().await);
    let front = Front::start(&app, poll.clone()).await;
    let browser = driver.open(Setup::default()).await;
    browser.goto(&front.url("/p/tea/check")).await;
    verdict(&browser, GOOD).await;
    let told = "return [document.getElementById('wordings').hidden, document.getElementById('wordings').textContent]";
    assert_eq!(browser.run(told).await[0], true, "nobody voted for the other words");
    look_for(&browser, &poll.promise(3)).await;
    browser.shows("Your ballot is there, and it counts. It chose: Yes").await;
    browser.shows("The sealed question is “Tea?”, and the same choice reads there: No").await;
    assert!(!browser.text().await.contains("When it was cast"), "the question is the same");

    poll.cast(20, "a", 2);
    poll.close();
    let (app, given) = (showing(&poll).await, poll.promise(20));
    let front = Front::start(&app, poll).await;
    browser.goto(&front.url("/p/tea/check")).await;
    verdict(&browser, GOOD).await;
    assert_eq!(browser.run(told).await[0], false);
    browser.shows("ballots were cast for 2 wordings").await;
    look_for(&browser, &given).await;
    browser.shows("Your ballot is there, and it counts. It chose: No").await;
    assert!(!browser.text().await.contains("The sealed question is"), "the words are the sealed ones");

    let mut poll = PublishedPoll::of(2, (0..9).map(|voter| (voter, "a")));
    poll.wordings.push(BallotTerms { question: "Coffee?".to_owned(), ..poll.wordings[0].clone() });
    poll.close();
    let (app, given) = (showing(&poll).await, poll.promise(3));
    let front = Front::start(&app, poll).await;
    browser.goto(&front.url("/p/tea/check")).await;
    verdict(&browser, GOOD).await;
    look_for(&browser, &given).await;
    let corrected = "When it was cast, the question was “Tea?”. The sealed question is “Coffee?”, and the same choice";
    browser.shows(corrected).await;
}
