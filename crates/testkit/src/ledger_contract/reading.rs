//! Stories about reading: receipts, pages of ballots, tallies, and notifications of changes.

use std::time::{Duration, SystemTime};

use domain::{Inclusion, Movement, PollChange, PollState, Position, VoterId};

use super::{
    scene::{DEADLINE, FIRST, Script, after, all_ballots, choices, id, poll, poll_with, receipt, voter},
    subject::Subject,
};
use crate::wait;

/// The states of a receipt, from first to last.
pub async fn a_receipt_is_not_counted_yet_then_counted_then_replaced(subject: &Subject) {
    let mut ledger = subject.lead(FIRST).await;
    let (mut log, fruit) = (Script::default(), poll("fruit"));
    let created = log.poll(&fruit);
    ledger.apply(log.all()).await.expect("the poll");
    let position = log.vote(&fruit, voter(1), "a");
    let first = receipt(voter(1), position);
    assert_eq!(subject.scoreboard.inclusion(FIRST, fruit.id(), &first).await, Ok(Inclusion::NotCountedYet));

    ledger.apply(log.since(created)).await.expect("the ballot");
    assert_eq!(subject.scoreboard.inclusion(FIRST, fruit.id(), &first).await, Ok(Inclusion::Counted));

    let second = receipt(voter(1), log.vote(&fruit, voter(1), "b"));
    log.vote(&fruit, voter(2), "b");
    ledger.apply(log.since(position)).await.expect("the second ballot");
    assert_eq!(subject.scoreboard.inclusion(FIRST, fruit.id(), &first).await, Ok(Inclusion::Replaced));
    assert_eq!(subject.scoreboard.inclusion(FIRST, fruit.id(), &second).await, Ok(Inclusion::Counted));
}

/// A lost ballot is reported as lost.
pub async fn a_receipt_that_the_ledger_passed_over_is_missing(subject: &Subject) {
    let mut ledger = subject.lead(FIRST).await;
    let (mut log, fruit) = (Script::default(), poll("fruit"));
    log.poll(&fruit);
    let nobodys = log.garbage();
    log.vote(&fruit, voter(1), "a");
    ledger.apply(log.all()).await.expect("a batch");
    let lost = receipt(voter(1), nobodys);
    assert_eq!(subject.scoreboard.inclusion(FIRST, fruit.id(), &lost).await, Ok(Inclusion::Missing));
    let later = receipt(voter(1), Position::from_i64(log.position().as_i64() + 1).expect("a position"));
    assert_eq!(subject.scoreboard.inclusion(FIRST, fruit.id(), &later).await, Ok(Inclusion::NotCountedYet));
}

/// A receipt is not confirmed by another voter's ballot or by one in another poll.
pub async fn a_receipt_belongs_to_its_poll_and_voter(subject: &Subject) {
    let mut ledger = subject.lead(FIRST).await;
    let (mut log, fruit, tea) = (Script::default(), poll("fruit"), poll("tea"));
    log.poll(&fruit);
    log.poll(&tea);
    let position = log.vote(&fruit, voter(1), "a");
    ledger.apply(log.all()).await.expect("a batch");
    let missing = Ok(Inclusion::Missing);
    assert_eq!(subject.scoreboard.inclusion(FIRST, fruit.id(), &receipt(voter(2), position)).await, missing);
    assert_eq!(subject.scoreboard.inclusion(FIRST, tea.id(), &receipt(voter(1), position)).await, missing);
}

/// Each position in the log has the second in which it was counted, even long after. It has none before.
pub async fn when_a_ballot_was_counted_is_kept_to_the_second(subject: &Subject) {
    let mut ledger = subject.lead(FIRST).await;
    let (mut log, fruit) = (Script::default(), poll("fruit"));
    let mut counted = log.poll(&fruit);
    ledger.apply(log.all()).await.expect("the poll");

    let mut kept: Vec<(Position, u64)> = Vec::new();
    for number in 0..3 {
        let position = log.vote(&fruit, voter(number), "a");
        assert_eq!(subject.scoreboard.counted_at(FIRST, position).await, Ok(None), "it waits");
        // In a later second than the earlier count.
        wait::until_true("the next second", || async { kept.last().is_none_or(|&(_, at)| now() >= at + 1_000) }).await;
        let before = now();
        ledger.apply(log.since(counted)).await.expect("a ballot");
        let at = subject.scoreboard.counted_at(FIRST, position).await.expect("it answers").expect("it is counted");
        assert!((before / 1_000 * 1_000..=now()).contains(&at), "counted at {at}, after {before}");
        counted = position;
        kept.push((position, at));
        for &(position, at) in &kept {
            assert_eq!(subject.scoreboard.counted_at(FIRST, position).await, Ok(Some(at)));
        }
    }
    let last = log.vote(&fruit, voter(9), "b");
    ledger.apply(log.since(counted)).await.expect("another one, in the same second or the next");
    let at = subject.scoreboard.counted_at(FIRST, last).await.expect("it answers").expect("it is counted");
    assert!((kept[2].1..=now()).contains(&at));
    let other = domain::Partition::new(1);
    assert_eq!(subject.scoreboard.counted_at(other, last).await, Ok(None), "nothing is counted of it");
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
    u64::try_from(now.as_millis()).expect("and not that long after")
}

/// The export reads page by page, and its sum is the tally.
pub async fn ballots_come_in_pages_with_each_voter_once(subject: &Subject) {
    let mut ledger = subject.lead(FIRST).await;
    let (mut log, fruit, tea) = (Script::default(), poll("fruit"), poll("tea"));
    log.poll(&fruit);
    log.poll(&tea);
    for round in ["a", "b", "c"] {
        for number in 0..23 {
            log.vote(&fruit, voter(number * 7 % 23), if number % 2 == 0 { round } else { "a" });
            log.vote(&tea, voter(number + 5), "a");
        }
    }
    ledger.apply(log.all()).await.expect("a batch");

    let whole = all_ballots(&*subject.scoreboard, fruit.id(), 1_000).await;
    let voters: Vec<VoterId> = whole.iter().map(|ballot| ballot.voter).collect();
    assert_eq!(voters, (0..23).map(voter).collect::<Vec<_>>(), "each voter once, in order");
    for limit in [1, 7, 23] {
        assert_eq!(all_ballots(&*subject.scoreboard, fruit.id(), limit).await, whole, "in pages of {limit}");
    }
    let mut votes = vec![0_u64; 3];
    for option in whole.iter().flat_map(|ballot| ballot.choices.indices()) {
        votes[option] += 1;
    }
    assert_eq!(subject.figures(&fruit).await.votes, votes);
    assert_eq!(subject.scoreboard.ballots(id("nowhere"), 1, None, 10).await, Ok(Vec::new()));
}

/// No export contains ballots that no longer count.
pub async fn ballots_of_past_rounds_are_not_current(subject: &Subject) {
    let mut ledger = subject.lead(FIRST).await;
    let (mut log, fruit) = (Script::default(), poll("fruit"));
    log.poll(&fruit);
    log.vote(&fruit, voter(1), "a");
    log.vote(&fruit, voter(2), "a");
    log.poll(&after(&fruit, &PollChange::Reset));
    log.vote(&fruit, voter(2), "c");
    ledger.apply(log.all()).await.expect("a batch");
    let current = all_ballots(&*subject.scoreboard, fruit.id(), 10).await;
    assert_eq!(current.len(), 1);
    assert_eq!((current[0].voter, current[0].position), (voter(2), log.position()));
    assert_eq!(current[0].choices, choices("c"));
}

/// Programs that show figures must hide them; the ledger always returns them.
pub async fn hidden_and_closed_polls_have_tallies_and_unknown_ones_have_none(subject: &Subject) {
    let mut ledger = subject.lead(FIRST).await;
    let (mut log, fruit, tea) = (Script::default(), poll("fruit"), poll("tea"));
    log.poll(&fruit);
    log.poll(&tea);
    log.vote(&fruit, voter(1), "a");
    log.vote(&tea, voter(1), "b");
    log.poll(&after(&fruit, &PollChange::Hide));
    log.poll(&after(&tea, &PollChange::Close));
    // The log decided whether the poll was open: a ballot after the close was accepted, and counts.
    log.vote(&tea, voter(2), "b");
    ledger.apply(log.all()).await.expect("a batch");

    let asked = [fruit.id(), id("nowhere"), tea.id()];
    let mut tallies = subject.scoreboard.tallies(&asked).await.expect("tallies");
    tallies.sort_by_key(|tally| tally.poll.id());
    let [of_fruit, of_tea] = &tallies[..] else { panic!("two of the three are known: {tallies:?}") };
    assert!(of_fruit.poll.is_hidden() && of_fruit.figures.votes == [1, 0, 0]);
    assert!(of_tea.poll.state() == PollState::Closed && of_tea.figures.votes == [0, 2, 0]);
    assert_eq!(subject.scoreboard.tallies(&[]).await, Ok(Vec::new()));
}

/// The public list.
pub async fn only_open_listed_polls_are_listed(subject: &Subject) {
    let mut ledger = subject.lead(FIRST).await;
    let mut log = Script::default();
    log.poll(&poll_with("zebra", |spec| spec.listed = true));
    log.poll(&poll_with("apple", |spec| spec.listed = true));
    log.poll(&poll("unlisted"));
    log.poll(&poll_with("waiting", |spec| (spec.listed, spec.state) = (true, PollState::Waiting)));
    let closing = poll_with("closing", |spec| spec.listed = true);
    log.poll(&closing);
    ledger.apply(log.all()).await.expect("a batch");
    assert_eq!(subject.scoreboard.listed().await, Ok(vec![id("apple"), id("closing"), id("zebra")]));

    let last = log.position();
    log.poll(&after(&closing, &PollChange::Close));
    ledger.apply(log.since(last)).await.expect("the close");
    assert_eq!(subject.scoreboard.listed().await, Ok(vec![id("apple"), id("zebra")]));
}

/// A waiting caller gets each batch and the polls in it, including a batch counted before the call.
pub async fn watchers_wake_when_figures_move(subject: &Subject) {
    let mut ledger = subject.lead(FIRST).await;
    let (mut log, fruit, tea) = (Script::default(), poll("fruit"), poll("tea"));
    log.poll(&fruit);
    log.poll(&tea);
    ledger.apply(log.all()).await.expect("the polls");
    hears_of(subject, &[fruit.id(), tea.id()]).await;

    let last = log.position();
    log.vote(&tea, voter(1), "a");
    let batch = log.since(last);
    let ids = [tea.id()];
    let (applied, ()) = tokio::join!(ledger.apply(batch), hears_of(subject, &ids));
    applied.expect("a ballot");

    let last = log.position();
    log.poll(&after(&fruit, &PollChange::Close));
    ledger.apply(log.since(last)).await.expect("a change that moves no vote");
    hears_of(subject, &[fruit.id()]).await;
}

/// Waits until the scoreboard has reported each of these polls, by name or by `Any`.
async fn hears_of(subject: &Subject, polls: &[domain::PollId]) {
    let mut awaited: Vec<_> = polls.to_vec();
    let hearing = async {
        while !awaited.is_empty() {
            match subject.scoreboard.moved().await {
                Movement::Any => awaited.clear(),
                Movement::These { polls: moved, .. } => awaited.retain(|poll| !moved.contains(poll)),
            }
        }
    };
    tokio::time::timeout(DEADLINE, hearing).await.expect("watchers are told");
}

/// Readiness.
pub async fn a_ledger_that_answers_is_ready(subject: &Subject) {
    let ready = tokio::time::timeout(Duration::from_secs(5), subject.scoreboard.ready()).await;
    assert_eq!(ready.expect("an answer"), Ok(()));
}
