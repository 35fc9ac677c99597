//! Stories about counting: how batches of entries change the figures.

use domain::{ApplyOutcome, Ballot, Choices, PollChange, PollSpec, PollState, Record};

use super::{
    scene::{FIRST, Script, after, all_ballots, figures, poll, poll_with, receipt, voter},
    subject::Subject,
};
use crate::naive_count::naive_count;

/// One ballot: one vote, one voter, one ballot counted.
pub async fn the_first_ballot_counts(subject: &Subject) {
    let mut ledger = subject.lead(FIRST).await;
    let (mut log, fruit) = (Script::default(), poll("fruit"));
    log.poll(&fruit);
    let position = log.vote(&fruit, voter(1), "b");

    let applied = ledger.apply(log.all()).await.expect("a batch");
    assert_eq!(applied, ApplyOutcome { position, ballots: 1, rejected: 0 });
    let tally = subject.tally(&fruit).await;
    assert_eq!((tally.position(), tally.poll), (position, fruit.clone()));
    assert_eq!(tally.figures, figures([0, 1, 0], 1, 1));
    let state = ledger.state().await.expect("the state");
    assert_eq!((state.position, state.ballots), (position, 1));
}

/// A voter who votes again moves their vote; the turnout does not change.
pub async fn second_vote_replaces_the_first(subject: &Subject) {
    let mut ledger = subject.lead(FIRST).await;
    let (mut log, fruit) = (Script::default(), poll("fruit"));
    log.poll(&fruit);
    log.vote(&fruit, voter(2), "a");
    let first = log.vote(&fruit, voter(1), "a");
    ledger.apply(log.all()).await.expect("the first batch");
    log.vote(&fruit, voter(1), "c");
    ledger.apply(log.since(first)).await.expect("the second batch");

    assert_eq!(subject.figures(&fruit).await, figures([1, 0, 1], 2, 3));
    subject.assert_audit(0).await;
}

/// The result is the same if the two ballots are in one batch.
pub async fn a_change_of_mind_within_one_batch_counts_once(subject: &Subject) {
    let mut ledger = subject.lead(FIRST).await;
    let (mut log, fruit) = (Script::default(), poll("fruit"));
    log.poll(&fruit);
    for keys in ["a", "b", "a", "c"] {
        log.vote(&fruit, voter(1), keys);
    }
    ledger.apply(log.all()).await.expect("a batch");
    assert_eq!(subject.figures(&fruit).await, figures([0, 0, 1], 1, 4));
    subject.assert_audit(0).await;
}

/// Approval voting: each chosen option gets a vote, but the number of voters rises by one.
pub async fn a_ballot_with_several_options_counts_for_each_of_them(subject: &Subject) {
    let mut ledger = subject.lead(FIRST).await;
    let (mut log, fruit) = (Script::default(), poll_with("fruit", |spec| spec.max_choices = 2));
    log.poll(&fruit);
    log.vote(&fruit, voter(1), "ac");
    let changed = log.vote(&fruit, voter(2), "ab");
    ledger.apply(log.all()).await.expect("a batch");
    assert_eq!(subject.figures(&fruit).await, figures([2, 1, 1], 2, 2));

    log.vote(&fruit, voter(2), "bc");
    ledger.apply(log.since(changed)).await.expect("the change");
    assert_eq!(subject.figures(&fruit).await, figures([1, 1, 2], 2, 3));
    subject.assert_audit(0).await;
}

/// A worker that did not receive the answer sends the batch again.
pub async fn a_batch_offered_twice_counts_once(subject: &Subject) {
    let mut ledger = subject.lead(FIRST).await;
    let (mut log, fruit) = (Script::default(), poll("fruit"));
    log.poll(&fruit);
    log.vote(&fruit, voter(1), "a");
    let position = log.garbage();
    ledger.apply(log.all()).await.expect("a batch");
    let again = ledger.apply(log.all()).await.expect("the batch again");
    assert_eq!(again, ApplyOutcome { position, ballots: 0, rejected: 0 });

    assert_eq!(subject.figures(&fruit).await, figures([1, 0, 0], 1, 1));
    assert_eq!(ledger.state().await.expect("the state").ballots, 1);
    subject.assert_audit(1).await;
    let empty = ledger.apply(Vec::new()).await.expect("an empty batch");
    assert_eq!(empty, ApplyOutcome { position, ballots: 0, rejected: 0 });
}

/// After a crash the log may be read from before the ledger's position.
pub async fn an_overlapping_batch_counts_only_what_is_new(subject: &Subject) {
    let (mut log, fruit) = (Script::default(), poll("fruit"));
    log.poll(&fruit);
    log.vote(&fruit, voter(1), "a");
    let mut ledger = subject.lead(FIRST).await;
    ledger.apply(log.all()).await.expect("a batch");
    drop(ledger);

    log.vote(&fruit, voter(2), "b");
    log.vote(&fruit, voter(1), "c");
    let mut successor = subject.lead(FIRST).await;
    let applied = successor.apply(log.all()).await.expect("all of it");
    assert_eq!(applied, ApplyOutcome { position: log.position(), ballots: 2, rejected: 0 });
    assert_eq!(subject.figures(&fruit).await, figures([0, 1, 1], 2, 3));
    subject.assert_audit(0).await;
}

/// Several thousand records of every kind, cut into batches at random, some repeated or overlapping.
pub async fn batches_cut_in_any_way_equal_the_naive_count(subject: &Subject) {
    // Every run and every ledger reads the same log.
    let mut random = fastrand::Rng::with_seed(0x5c2a_7111);
    let log = random_log(&mut random, 4_000);
    let entries = log.all();
    let mut ledger = subject.leading().await;
    let mut done = 0;
    while done < entries.len() {
        let from = done - random.usize(..=done.min(50));
        let until = (done + 1 + random.usize(..300)).min(entries.len());
        ledger.apply(entries[from..until].to_vec()).await.expect("a batch");
        if random.usize(..10) == 0 {
            ledger.apply(entries[from..until].to_vec()).await.expect("a batch again");
        }
        done = until;
    }

    let naive = naive_count(&entries);
    assert!(naive.rejected > 100 && naive.polls.len() == 3, "the log is worth reading");
    for poll in naive.polls.values() {
        let tally = subject.tally(&poll.poll).await;
        assert_eq!(tally.figures, poll.figures(), "{}", poll.poll.id());
        assert_eq!((tally.position(), tally.poll), (naive.position, poll.poll.clone()));
        let current: Vec<_> = all_ballots(&*subject.scoreboard, poll.poll.id(), 1_000).await;
        let expected: Vec<_> = poll.current.iter().map(|(&voter, &(at, choices))| (voter, at, choices)).collect();
        let current: Vec<_> = current.iter().map(|ballot| (ballot.voter, ballot.position, ballot.choices)).collect();
        assert_eq!(current, expected, "{}", poll.poll.id());
    }
    let state = ledger.state().await.expect("the state");
    let counted: u64 = naive.polls.values().map(|poll| poll.figures().ballots).sum();
    assert_eq!((state.position, state.ballots), (naive.position, counted));
    subject.assert_audit(naive.rejected).await;
}

/// A reset sets the figures to zero, but keeps all ballots.
pub async fn a_reset_starts_a_new_round_and_the_old_ballots_stay(subject: &Subject) {
    let mut ledger = subject.lead(FIRST).await;
    let (mut log, fruit) = (Script::default(), poll("fruit"));
    log.poll(&fruit);
    let old = log.vote(&fruit, voter(1), "a");
    let other = log.vote(&fruit, voter(2), "a");
    ledger.apply(log.all()).await.expect("the first round");
    let fruit = after(&fruit, &PollChange::Reset);
    let reset = log.poll(&fruit);
    ledger.apply(log.since(other)).await.expect("the reset");
    assert_eq!(subject.figures(&fruit).await, figures([0, 0, 0], 0, 2));

    log.vote(&fruit, voter(1), "b");
    ledger.apply(log.since(reset)).await.expect("the second round");
    assert_eq!(subject.figures(&fruit).await, figures([0, 1, 0], 1, 3));
    let inclusion = subject.scoreboard.inclusion(FIRST, fruit.id(), &receipt(voter(1), old)).await;
    assert_eq!(inclusion, Ok(domain::Inclusion::PastRound));
    subject.assert_audit(0).await;
}

/// The result does not depend on where a batch ends.
pub async fn a_poll_can_be_created_voted_in_and_reset_in_one_batch(subject: &Subject) {
    let mut ledger = subject.lead(FIRST).await;
    let (mut log, fruit) = (Script::default(), poll("fruit"));
    log.poll(&fruit);
    log.vote(&fruit, voter(1), "a");
    log.vote(&fruit, voter(2), "b");
    let second = after(&fruit, &PollChange::Reset);
    log.poll(&second);
    log.vote(&fruit, voter(2), "c");
    log.poll(&after(&second, &PollChange::Close));
    ledger.apply(log.all()).await.expect("a batch");

    let tally = subject.tally(&fruit).await;
    assert_eq!(tally.figures, figures([0, 0, 1], 1, 3));
    assert_eq!((tally.poll.round(), tally.poll.state()), (2, PollState::Closed));
    subject.assert_audit(0).await;
}

/// An entry that cannot be decoded, a ballot for an unknown poll, and ballots that break the poll's rules.
pub async fn entries_that_cannot_be_counted_are_set_aside_and_the_position_moves_on(subject: &Subject) {
    let mut ledger = subject.lead(FIRST).await;
    let (mut log, fruit, unknown) = (Script::default(), poll("fruit"), poll("unknown"));
    log.poll(&fruit);
    log.garbage();
    log.vote(&unknown, voter(1), "a");
    log.vote(&fruit, voter(1), "d");
    log.vote(&fruit, voter(1), "ab");
    log.vote(&fruit, voter(2), "b");
    let position = log.garbage();
    let applied = ledger.apply(log.all()).await.expect("a batch");
    assert_eq!(applied, ApplyOutcome { position, ballots: 1, rejected: 5 });

    assert_eq!(subject.figures(&fruit).await, figures([0, 1, 0], 1, 1));
    assert_eq!(subject.scoreboard.tallies(&[unknown.id()]).await, Ok(Vec::new()));
    subject.assert_audit(5).await;
}

/// Until the first ballot a poll can be rewritten, with more options or fewer.
pub async fn a_rewritten_poll_has_as_many_figures_as_options(subject: &Subject) {
    let mut ledger = subject.lead(FIRST).await;
    let (mut log, fruit) = (Script::default(), poll("fruit"));
    log.poll(&fruit);
    ledger.apply(log.all()).await.expect("the poll");
    for options in [vec!["Yes", "No"], vec!["Yes", "No", "Maybe", "Never"]] {
        let rewrite = PollChange::Rewrite(Box::new(PollSpec::simple("Fruit?", options.clone())));
        let rewritten = fruit.after(&rewrite, 0).expect("a good poll");
        let last = log.position();
        log.poll(&rewritten);
        ledger.apply(log.since(last)).await.expect("the rewritten poll");
        assert_eq!(subject.figures(&fruit).await.votes, vec![0; options.len()]);
        subject.assert_audit(0).await;
    }
    let last = log.position();
    log.vote(&fruit, voter(1), "d");
    ledger.apply(log.since(last)).await.expect("a ballot");
    assert_eq!(subject.figures(&fruit).await.votes, vec![0, 0, 0, 1]);
}

/// Three polls that appear at some time, change and are reset; few voters, so that most vote again.
pub(super) fn random_log(random: &mut fastrand::Rng, entries: usize) -> Script {
    let mut polls = [
        poll("one"),
        poll_with("two", |spec| spec.max_choices = 3),
        poll_with("three", |spec| spec.votes_can_change = false),
    ];
    let mut log = Script::default();
    for _ in 0..entries {
        match random.usize(..100) {
            0..2 => _ = log.garbage(),
            2..4 => _ = log.vote(&poll("unknown"), voter(1), "a"),
            4..10 => {
                let index = random.usize(..polls.len());
                let changes = [PollChange::Open, PollChange::Close, PollChange::Hide, PollChange::Reset];
                log.poll(&polls[index]);
                polls[index] = after(&polls[index], &changes[random.usize(..changes.len())]);
            }
            _ => {
                let poll = polls[random.usize(..polls.len())].id();
                let bits = 1 << random.usize(..3) | u32::from(random.usize(..8) == 0) << random.usize(..4);
                let choices = Choices::from_bits(bits).expect("never empty");
                let voter = voter(random.usize(..60) as u64);
                log.write(Ok(Record::Ballot(Ballot { poll, voter, choices })));
            }
        }
    }
    log
}
