//! Polls whose voters are spread over partitions: the sums, and what is said while a partition is behind.

#![allow(clippy::unwrap_used, reason = "clippy does not see that helpers beside #[test] functions are tests")]

mod support;

use domain::{Heartbeat, Inclusion, Partition, Partitions, PollChange, PollId, Position, Receipt, VoterId};
use serde_json::json;
use support::{App, secret, spawn_app, viewers::Viewer};

/// A vote for the option at `option` in the default poll, in a partition other than the first.
fn vote(app: &App, partition: u16, option: usize) {
    app.ledger.edit_share(partition, |share| {
        share.figures.votes[option] += 1;
        share.figures.voters += 1;
        share.figures.ballots += 1;
    });
}

#[tokio::test]
async fn the_tally_is_the_sum_and_says_how_far_each_partition_is() {
    let app = spawn_app().await;
    app.ledger.spread(3);
    app.ledger.vote("main", 0);
    vote(&app, 1, 0);
    vote(&app, 2, 1);
    let tally = app.json("/api/polls/main/tally").await;
    assert_eq!(
        (&tally["votes"], &tally["voters"], &tally["counted"]),
        (&json!({"a": 2, "b": 1}), &json!(3), &json!(3))
    );
    let positions = json!({"0": "1795423500123-1", "1": "1795423500123-1", "2": "1795423500123-1"});
    assert_eq!((&tally["positions"], &tally["position"]), (&positions, &json!("1795423500123-1")));
    assert_eq!(tally["final"], false);
    let page = app.page("/").await;
    assert!(page.contains("3 voters"), "{page}");
}

#[tokio::test]
async fn a_close_that_a_partition_has_not_counted_is_not_the_end() {
    let app = spawn_app().await;
    app.ledger.spread(3);
    let mut viewer = app.viewer().await;
    viewer.message().await;
    app.ledger.change("main", &PollChange::Close);
    app.ledger.change_share(1, &PollChange::Close);
    viewer.scores_until(|scores| scores["state"] == "closed" && scores["final"] == false).await;
    assert!(app.page("/").await.contains("role=\"status\">Voting is closed; the last votes are being counted"));

    vote(&app, 2, 1);
    viewer.scores_until(|scores| scores["b"] == 1 && scores["final"] == false).await;
    app.ledger.change_share(2, &PollChange::Close);
    viewer.scores_until(|scores| scores["b"] == 1 && scores["final"] == true).await;
    assert!(app.page("/").await.contains("role=\"status\">Voting is closed</p>"));
    assert_eq!(app.json("/api/polls/main/tally").await["final"], true);
}

#[tokio::test]
async fn votes_are_held_back_until_every_partition_shows_them() {
    let app = spawn_app().await;
    app.ledger.change("main", &PollChange::Hide);
    app.ledger.spread(2);
    app.ledger.vote_many("main", 0, 77);
    app.ledger.change("main", &PollChange::Reveal);
    let tally = app.json("/api/polls/main/tally").await;
    assert_eq!((&tally["votes"], &tally["results"]), (&json!(null), &json!("hidden")));
    assert!(!app.page("/").await.contains("data-key"));
    let hidden = &tally["edition"];

    app.ledger.change_share(1, &PollChange::Reveal);
    let tally = app.json("/api/polls/main/tally").await;
    assert_eq!((&tally["votes"]["a"], &tally["results"]), (&json!(77), &json!("live")));
    assert_ne!(&tally["edition"], hidden, "pages are made anew");
    assert!(app.page("/").await.contains("data-key"));
}

#[tokio::test]
async fn an_event_tells_that_votes_are_shown_once_every_partition_shows_them() {
    let app = spawn_app().await;
    app.ledger.change("main", &PollChange::Hide);
    app.ledger.spread(2);
    app.ledger.create_event("evening", "The evening", &["main"]);
    // Closes the poll, which is open, and shows the votes.
    app.ledger.press_next("evening");
    app.ledger.press_next("evening");
    let mut viewer = Viewer::connect(app.addr, "&event=evening", &[]).await.unwrap();
    let closed = viewer.now_until(|now| now["stage"] == "closed").await;
    let hidden = app.json("/api/polls/main/tally").await["edition"].clone();
    app.ledger.press_next("evening");
    let half = viewer.now_until(|now| now["stage"] == "revealed").await;
    assert!(closed["poll_version"].as_u64() < half["poll_version"].as_u64(), "{half}");
    assert!(half["page_key"].as_str().unwrap().ends_with(hidden.as_str().unwrap()), "still hidden: {half}");
    app.ledger.change_share(1, &PollChange::Reveal);
    let shown = viewer.now_until(|now| now["page_key"] != half["page_key"]).await;
    assert_eq!(shown["poll_version"], half["poll_version"]);
}

#[tokio::test]
async fn a_partition_that_stands_still_is_told_and_holds_no_other_up() {
    let app = spawn_app().await;
    app.ledger.spread(2);
    app.ledger
        .edit_share(1, |share| share.heartbeat = Heartbeat { at_millis: -1, age_millis: 60_000, log_millis: None });
    app.ledger.vote("main", 0);
    let tally = app.json("/api/polls/main/tally").await;
    assert!(tally["stale_since"].is_u64() && tally["votes"]["a"] == 1, "{tally}");
    assert!(app.page("/").await.contains("Scores stand still since"));

    // Whoever votes in the partition that is counted hears of no standstill.
    *app.ledger.inclusion.lock().unwrap() = Inclusion::NotCountedYet;
    let two = Partitions::new(2).unwrap();
    for (number, stands_still) in [(0_u128, false), (1, true)] {
        let voter = VoterId::from_bytes((number << 64).to_be_bytes());
        assert_eq!(two.of_voter(voter), Partition::new(u16::try_from(number).unwrap()));
        let receipt = Receipt { position: Position::new(1_795_423_600_000, 0).unwrap(), voter };
        let path = format!("main/receipts/{}", receipt.encode(&secret(), PollId::MAIN));
        let answer = app.json(&format!("/api/polls/{path}")).await;
        assert_eq!(!answer["stale_since"].is_null(), stands_still, "{answer}");
        let page = app.page(&format!("/p/{path}")).await;
        assert_eq!(page.contains("The count stands still since"), stands_still, "{page}");
    }
}
