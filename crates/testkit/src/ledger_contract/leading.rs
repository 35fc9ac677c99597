//! Stories about leading a partition: who writes, how a log begins, and how gaps are handled.

use domain::{Gap, Inclusion, LogId, LogState, Partition, PollChange, PollSeed, Position};

use super::{
    scene::{FIRST, Script, after, figures, poll, poll_with, receipt, voter},
    subject::Subject,
};

/// Before the first start the ledger is empty.
pub async fn a_fresh_ledger_has_read_nothing(subject: &Subject) {
    let mut ledger = subject.lead(FIRST).await;
    let state = ledger.state().await.expect("the state");
    assert_eq!(state, LogState::default());
    let seed = ledger.seed().await.expect("a seed");
    assert_eq!((seed.after, seed.polls, seed.events), (Position::ZERO, Vec::new(), Vec::new()));
    assert_eq!(subject.scoreboard.audit().await, Ok(domain::Audit::default()));
}

/// Every start asks for the first poll; only the very first start writes it, whatever has happened to the poll since.
pub async fn a_first_poll_is_written_once(subject: &Subject) {
    let mut ledger = subject.lead(FIRST).await;
    let (mut log, fruit) = (Script::default(), poll("fruit"));
    ledger.ensure_first_poll(&fruit).await.expect("founding");
    assert_eq!(subject.figures(&fruit).await, figures([0, 0, 0], 0, 0));
    log.vote(&fruit, voter(1), "a");
    let closed = after(&fruit, &PollChange::Close);
    log.poll(&closed);
    ledger.apply(log.all()).await.expect("a batch");

    ledger.ensure_first_poll(&fruit).await.expect("founding again");
    let tally = subject.tally(&fruit).await;
    assert_eq!((tally.poll, tally.figures), (closed.clone(), figures([1, 0, 0], 1, 1)));
    let seed = ledger.seed().await.expect("a seed");
    assert_eq!(seed.polls, vec![PollSeed { poll: closed, ballots: 1, voters: Vec::new() }]);
}

/// A new log must know who has voted in polls in which nobody may vote twice, and nothing about other voters.
pub async fn a_seed_names_voters_only_where_no_change_is_allowed(subject: &Subject) {
    let mut ledger = subject.lead(FIRST).await;
    let (fruit, once) = (poll("fruit"), poll_with("once", |spec| spec.votes_can_change = false));
    let mut log = Script::default();
    log.poll(&fruit);
    log.poll(&once);
    log.vote(&fruit, voter(1), "a");
    log.vote(&fruit, voter(1), "b");
    log.vote(&once, voter(1), "a");
    let once = after(&once, &PollChange::Reset);
    log.poll(&once);
    let second = log.vote(&once, voter(2), "a");
    let third = log.vote(&once, voter(3), "b");
    ledger.apply(log.all()).await.expect("a batch");

    let mut seed = ledger.seed().await.expect("a seed");
    assert_eq!(seed.after, log.position());
    seed.polls.sort_by_key(|seed| seed.poll.id());
    seed.polls.iter_mut().for_each(|seed| seed.voters.sort());
    let of_fruit = PollSeed { poll: fruit, ballots: 2, voters: Vec::new() };
    let of_once = PollSeed { poll: once, ballots: 3, voters: vec![(voter(2), second), (voter(3), third)] };
    assert_eq!(seed.polls, vec![of_fruit, of_once]);
}

/// The ledger remembers which incarnation of the log it reads, and adopts no polls without a gap.
pub async fn attaching_notes_which_log_is_read(subject: &Subject) {
    let mut ledger = subject.lead(FIRST).await;
    let (mut log, fruit) = (Script::default(), poll("fruit"));
    let first = LogId::new("first");
    ledger.attach(&first, None, &[], &[]).await.expect("attaching");
    let state = ledger.state().await.expect("the state");
    assert_eq!(state, LogState { log: Some(first), position: Position::ZERO, ballots: 0, ..LogState::default() });

    log.poll(&fruit);
    log.vote(&fruit, voter(1), "a");
    ledger.apply(log.all()).await.expect("a batch");
    drop(ledger);
    let mut successor = subject.lead(FIRST).await;
    let second = LogId::new("second");
    successor.attach(&second, None, std::slice::from_ref(&fruit), &[]).await.expect("attaching to another log");
    let state = successor.state().await.expect("the state");
    assert_eq!(state, LogState { log: Some(second), position: log.position(), ballots: 1, ..LogState::default() });
    assert_eq!(subject.figures(&fruit).await, figures([1, 0, 0], 1, 1));
    assert_eq!(subject.scoreboard.audit().await.expect("an audit").gaps, Vec::new());
}

/// Entries that the log has lost are recorded, never silently skipped.
pub async fn attaching_with_a_gap_notes_it_and_moves_beyond_it(subject: &Subject) {
    let (mut log, fruit, young) = (Script::default(), poll("fruit"), poll("young"));
    log.poll(&fruit);
    let before = log.vote(&fruit, voter(1), "a");
    let mut ledger = subject.lead(FIRST).await;
    ledger.apply(log.all()).await.expect("what was read before");
    let closed = after(&fruit, &PollChange::Close);
    log.poll(&closed);
    log.poll(&young);
    let lost = log.vote(&young, voter(1), "a");
    let gap = Gap { partition: FIRST, after: before, through: lost, ballots: None };
    log.vote(&young, voter(2), "b");

    let id = LogId::new("restored");
    ledger.attach(&id, Some(gap), &[closed, young.clone()], &[]).await.expect("attaching");
    let state = ledger.state().await.expect("the state");
    assert_eq!(state, LogState { log: Some(id), position: lost, ballots: 1, ..LogState::default() });
    assert_eq!(subject.figures(&young).await, figures([0, 0, 0], 0, 0));
    ledger.apply(log.all()).await.expect("all, of which only what is behind the gap is new");

    assert_eq!(subject.figures(&fruit).await, figures([1, 0, 0], 1, 1));
    assert_eq!(subject.figures(&young).await, figures([0, 1, 0], 1, 1));
    let inclusion = subject.scoreboard.inclusion(FIRST, young.id(), &receipt(voter(1), lost)).await;
    assert_eq!(inclusion, Ok(Inclusion::Missing));
    assert_eq!(subject.scoreboard.audit().await.expect("an audit").gaps, vec![gap]);
    subject.assert_audit(0).await;
}

/// The number of missing ballots may become known only later, and a gap may begin after ballots that are not counted
/// yet.
pub async fn a_gap_says_how_many_ballots_are_missing_once_that_is_known(subject: &Subject) {
    let (mut log, fruit) = (Script::default(), poll("fruit"));
    log.poll(&fruit);
    let counted = log.vote(&fruit, voter(1), "a");
    log.garbage();
    let mut ledger = subject.lead(FIRST).await;
    ledger.apply(log.all()).await.expect("a batch");
    let (id, after) = (LogId::new("log"), log.position());
    let gap = |after: Position, millis, ballots| {
        let through = Position::new(after.millis() + millis, 0).expect("a position");
        Gap { partition: FIRST, after, through, ballots }
    };
    let trimmed = gap(after, 1, None);
    ledger.attach(&id, Some(trimmed), &[], &[]).await.expect("attaching");
    let state = ledger.state().await.expect("the state");
    assert_eq!((state.position, state.accounted(), state.uncounted()), (trimmed.through, 2, 1));

    // It is known now, and no second gap is recorded for the same ballots.
    ledger.attach(&id, Some(gap(counted, 0, Some(7))), &[], &[]).await.expect("noting how many");
    let behind = gap(trimmed.through, 5, Some(3));
    let ahead = Gap { after: behind.through, through: gap(behind.through, 9, None).through, ..behind };
    ledger.attach(&id, Some(ahead), &[], &[]).await.expect("noting what is lost behind what is left");
    let state = ledger.state().await.expect("the state");
    assert_eq!((state.position, state.missing), (trimmed.through, 10), "what comes before it is still to be counted");
    ledger.attach(&id, Some(ahead), &[], &[]).await.expect("noting it again");
    let gaps = subject.scoreboard.audit().await.expect("an audit").gaps;
    assert_eq!(gaps, [Gap { ballots: Some(7), ..trimmed }, Gap { ballots: Some(6), ..ahead }]);

    // If it becomes known together with a later loss, the newly skipped part is recorded too.
    let without_number = gap(trimmed.through, 2, None);
    ledger.attach(&id, Some(without_number), &[], &[]).await.expect("noting a gap without a number");
    let further = gap(without_number.through, 3, Some(2));
    ledger.attach(&id, Some(further), &[], &[]).await.expect("noting its number and a gap behind it");
    assert_eq!(ledger.state().await.expect("the state").position, further.through);
    let gaps = subject.scoreboard.audit().await.expect("an audit").gaps;
    for noted in [Gap { ballots: Some(2), ..without_number }, Gap { ballots: Some(0), ..further }] {
        assert!(gaps.contains(&noted), "{noted:?} in {gaps:?}");
    }
    assert_eq!(ledger.counts().await, Ok(vec![(fruit.id(), 1)]));
    assert!(ledger.replicated().await.expect("an answer").standbys.is_none());
}

/// The adopted poll is the newest one, with the round of a reset that is not read yet.
pub async fn a_reset_read_after_a_gap_starts_its_round(subject: &Subject) {
    let (mut log, fruit) = (Script::default(), poll("fruit"));
    let lost = log.poll(&fruit);
    let first_round = log.vote(&fruit, voter(1), "a");
    let entries = log.all();
    let reset = after(&fruit, &PollChange::Reset);
    log.poll(&reset);
    log.vote(&reset, voter(2), "b");

    let mut ledger = subject.lead(FIRST).await;
    let gap = Gap { partition: FIRST, after: Position::ZERO, through: lost, ballots: None };
    ledger.attach(&LogId::new("restored"), Some(gap), std::slice::from_ref(&reset), &[]).await.expect("attaching");
    ledger.apply(entries).await.expect("a ballot of the first round");
    assert_eq!(subject.figures(&fruit).await, figures([1, 0, 0], 1, 1));
    ledger.apply(log.since(first_round)).await.expect("the reset");

    let tally = subject.tally(&fruit).await;
    assert_eq!((tally.poll, tally.figures), (reset, figures([0, 1, 0], 1, 2)));
    let inclusion = subject.scoreboard.inclusion(FIRST, fruit.id(), &receipt(voter(1), first_round)).await;
    assert_eq!(inclusion, Ok(Inclusion::PastRound));
    subject.assert_audit(0).await;
}

/// A second writer must wait until the first has released the lead.
pub async fn only_one_leads_a_partition_at_a_time(subject: &Subject) {
    let leader = subject.lead(FIRST).await;
    assert!(subject.ledgers.lead(FIRST).await.expect("asking").is_none(), "two lead one partition");
    assert!(subject.ledgers.lead(FIRST).await.expect("asking again").is_none(), "asking takes the lead away");
    drop(leader);
    let mut successor = subject.lead(FIRST).await;
    successor.state().await.expect("the successor can work");
}

/// Two partitions have their own leaders, positions, polls and rejected entries, at the same positions.
pub async fn partitions_do_not_disturb_one_another(subject: &Subject) {
    let (fruit, tea) = (poll("fruit"), poll("tea"));
    let (mut of_fruit, mut of_tea) = (Script::default(), Script::default());
    of_fruit.poll(&fruit);
    of_tea.poll(&tea);
    of_fruit.garbage();
    of_tea.garbage();
    of_fruit.vote(&fruit, voter(1), "a");
    of_tea.vote(&tea, voter(1), "b");
    of_tea.vote(&tea, voter(2), "b");

    let mut first = subject.lead(FIRST).await;
    let mut second = subject.lead(Partition::new(1)).await;
    let (one, other) = tokio::join!(first.apply(of_fruit.all()), second.apply(of_tea.all()));
    assert_eq!((one.expect("a batch").ballots, other.expect("a batch").ballots), (1, 2));

    let (of_first, of_second) = (first.state().await.expect("a state"), second.state().await.expect("a state"));
    assert_eq!((of_first.position, of_first.ballots), (of_fruit.position(), 1));
    assert_eq!((of_second.position, of_second.ballots), (of_tea.position(), 2));
    let seed = first.seed().await.expect("a seed");
    assert_eq!(seed.polls.iter().map(|seed| seed.poll.id()).collect::<Vec<_>>(), vec![fruit.id()]);

    let mut tallies = subject.scoreboard.tallies(&[fruit.id(), tea.id()]).await.expect("tallies");
    tallies.sort_by_key(|tally| tally.poll.id());
    let tallies: Vec<_> = tallies.into_iter().map(|tally| (tally.position(), tally.figures)).collect();
    let expected = [(of_fruit.position(), figures([1, 0, 0], 1, 1)), (of_tea.position(), figures([0, 2, 0], 2, 2))];
    assert_eq!(tallies, expected);
    let inclusion = subject.scoreboard.inclusion(FIRST, fruit.id(), &receipt(voter(9), of_tea.position())).await;
    assert_eq!(inclusion, Ok(Inclusion::NotCountedYet), "only the poll's own partition tells how far it is counted");
    subject.assert_audit(2).await;
}

/// Programs that show scores must know that the ballots are being counted, even while nobody votes.
pub async fn a_heartbeat_is_seen_with_the_tally_and_moves_nothing(subject: &Subject) {
    let mut ledger = subject.lead(FIRST).await;
    let (mut log, fruit) = (Script::default(), poll("fruit"));
    log.poll(&fruit);
    log.vote(&fruit, voter(1), "a");
    ledger.apply(log.all()).await.expect("a batch");
    let before = subject.tally(&fruit).await;
    ledger.heartbeat(1_795_424_400_000).await.expect("a heartbeat");
    let after = subject.tally(&fruit).await;
    assert!(after.log_millis_when_read().is_some(), "what the log's clock shows is known");
    assert!((0..2_000).contains(&after.heartbeat().age_millis), "{after:?}");
    assert!(after.heartbeat().at_millis >= before.heartbeat().at_millis, "{before:?} {after:?}");
    assert_eq!((&after.figures, after.position()), (&before.figures, before.position()));
    ledger.apply(log.all()).await.expect("the writer goes on");
}
