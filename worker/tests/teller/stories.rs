//! One trouble each, and what the worker makes of it.

use std::time::Duration;

use domain::{Event, EventId, EventSpec, LogId, Partition, PollId, PollState, Position};
use tokio::time::{Instant, sleep};

use crate::world::{Fault, State, World, main_poll, rules, start_worker};

fn an_event() -> Event {
    let spec = EventSpec { title: "An evening".into(), polls: vec![PollId::MAIN] };
    Event::new(EventId::parse("evening").unwrap(), spec).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_very_first_start_makes_the_poll_and_begins_the_log() {
    let world = World::new();
    let _worker = world.start_worker(rules(1));
    world.caught_up().await;
    let state = world.state();
    assert_eq!(state.ledger.polls, [main_poll()]);
    assert_eq!(state.log.polls, [main_poll()]);
    assert_eq!((state.log.begun, &state.ledger.log), (1, &Some(LogId::new("log 1"))));
}

#[tokio::test(start_paused = true)]
async fn the_first_poll_is_in_its_partition_and_all_partitions_are_counted() {
    let rules = rules(4);
    let worlds: Vec<_> = rules.partitions.all().map(World::of).collect();
    let home = usize::from(rules.partitions.home(PollId::MAIN).number());
    let _worker = start_worker(&worlds, rules);
    for (index, world) in worlds.iter().enumerate() {
        world.caught_up().await;
        assert_eq!(world.state().ledger.polls.len(), usize::from(index == home), "partition {index}");
        let position = world.cast().unwrap();
        world.until("the ballot is counted", |state| state.ledger.position == position).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_later_start_leaves_the_polls_alone() {
    let world = World::new();
    {
        let mut state = world.state();
        state.ledger.log = Some(LogId::new("an older log"));
        state.ledger.position = Position::new(1_000, 0).unwrap();
    }
    let _worker = world.start_worker(rules(1));
    world.caught_up().await;
    let state = world.state();
    assert_eq!(state.ledger.polls, []);
    assert_eq!(state.log.trimmed, Position::new(1_000, 0).unwrap(), "the new log goes on after the ledger");
}

#[tokio::test(start_paused = true)]
async fn the_next_page_is_read_while_the_ledger_commits() {
    let world = World::new();
    let _worker = world.start_worker(rules(1));
    world.caught_up().await;
    // Four batches of five. A commit takes a second; one of these is spent waiting for the first ballot.
    world.state().apply_takes = Duration::from_secs(1);
    let begun = Instant::now();
    world.cast_many(20);
    world.until("a batch is being counted", |state| state.ledger.entries.is_empty()).await;
    world.state().calls.clear();
    world.caught_up().await;
    let calls: Vec<_> =
        world.state().calls.iter().copied().filter(|call| ["read", "apply"].contains(call)).take(5).collect();
    // The second page is read before the first is counted, and so on; never two pages ahead.
    assert_eq!(calls, ["read", "read", "apply", "read", "apply"]);
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn ballots_are_taken_while_trees_are_built_and_counted_afterwards() {
    let world = World::new();
    world.state().grow_takes = Duration::from_mins(3);
    let begun = Instant::now();
    let _worker = world.start_worker(rules(1));
    world.until("the log takes ballots", |state| state.log.attached.is_some()).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let position = world.cast().unwrap();
    assert!(world.state().ledger.position < position);
    world.caught_up().await;
    assert!(begun.elapsed() >= Duration::from_mins(3));
}

#[tokio::test(start_paused = true)]
async fn a_lost_log_is_begun_again_with_the_polls_that_the_ledger_knows() {
    let world = World::new();
    let _worker = world.start_worker(rules(1));
    world.caught_up().await;
    let closed = main_poll().after(&domain::PollChange::Close, 0).unwrap();
    world.state().ledger.polls = vec![closed];
    let before = world.cast().unwrap();
    world.caught_up().await;

    world.state().lose_log();
    world.caught_up().await;
    assert_eq!(world.state().log.polls[0].state(), PollState::Closed, "what was closed stays closed");
    let after = world.cast().unwrap();
    assert!(after > before);
    world.caught_up().await;
    assert_eq!(world.state().ledger.entries.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_went_back_goes_on_after_what_is_counted() {
    let world = World::new();
    let _worker = world.start_worker(rules(1));
    world.caught_up().await;
    let (_, last) = (world.cast().unwrap(), world.cast().unwrap());
    world.caught_up().await;
    {
        // A replica without the last entry took over, and its clock is behind.
        let mut state = world.state();
        state.set_log_back(1);
        state.clock -= 60_000;
        assert_eq!(state.cast(), None, "nothing is taken before a leader has attached");
    }
    world.until("it is noticed without any error", |state| state.log.raised == 1).await;
    world.caught_up().await;
    assert!(world.cast().unwrap() > last);
    world.caught_up().await;
    assert_eq!(world.state().ledger.entries.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_older_ledger_catches_up_from_what_the_log_keeps() {
    let world = World::new();
    let _worker = world.start_worker(rules(1));
    world.caught_up().await;
    world.cast_many(12);
    world.caught_up().await;
    // Under its feet: the connection lives on.
    world.state().restore_ledger(7);
    world.until("all are counted again", |state| state.ledger.entries.len() == 12).await;
    assert_eq!(world.state().ledger.gaps, []);
}

#[tokio::test(start_paused = true)]
async fn a_ledger_from_before_the_retention_notes_the_gap_and_goes_on() {
    let world = World::new();
    let mut rules = rules(1);
    rules.log_retention = Duration::ZERO;
    let _worker = world.start_worker(rules);
    world.caught_up().await;
    let positions: Vec<_> = (0..6).map(|_| world.cast().unwrap()).collect();
    world.until("the log is trimmed", |state| state.log.trimmed == positions[5]).await;
    {
        let mut state = world.state();
        state.restore_ledger(4);
        state.ledger.polls.clear();
        state.log.events = vec![an_event()];
    }
    world.until("the gap is noted", |state| !state.ledger.gaps.is_empty()).await;
    world.cast().unwrap();
    world.caught_up().await;
    let state = world.state();
    let gap = state.ledger.gaps[0];
    assert_eq!((state.ledger.gaps.len(), gap.after, gap.through), (1, positions[1], positions[5]));
    assert_eq!(state.ledger.polls, [main_poll()], "what happened to polls in the gap is taken from the log");
    assert_eq!(state.ledger.events, [an_event()], "and to events");
    assert_eq!(state.ledger.entries.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_waited_for_long_is_kept_for_the_retention_after_it_is_counted() {
    let world = World::new();
    let mut rules = rules(1);
    rules.log_retention = Duration::from_mins(10);
    let _worker = world.start_worker(rules);
    world.caught_up().await;
    sleep(Duration::from_mins(20)).await;
    world.state().ledger_away = true;
    // Accepted a day ago, and by a clock that is a day ahead.
    world.state().clock -= 86_400_000;
    world.cast_many(3);
    world.state().clock += 2 * 86_400_000;
    let last = world.cast().unwrap();
    sleep(Duration::from_hours(2)).await;
    world.state().ledger_away = false;
    world.caught_up().await;
    let counted = Instant::now();
    world.until("the log is trimmed", |state| state.log.trimmed == last).await;
    let kept = counted.elapsed();
    assert!((Duration::from_mins(10)..Duration::from_mins(11)).contains(&kept), "{kept:?}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_trims_only_when_nobody_else_was_attached_for_as_long() {
    let world = World::new();
    let mut rules = rules(1);
    rules.log_retention = Duration::from_mins(10);
    let _worker = world.start_worker(rules);
    world.caught_up().await;
    world.cast_many(3);
    // Another one that leads, on another half of a split ledger, claims the log again and again.
    for _ in 0..8 {
        sleep(Duration::from_mins(5)).await;
        world.state().strike(Fault::Claim);
    }
    assert_eq!(world.state().log.trimmed, Position::ZERO);
    sleep(Duration::from_mins(11)).await;
    assert!(world.state().log.trimmed > Position::ZERO, "it has led alone for as long as entries are kept");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_was_started_again_without_a_loss_costs_nothing() {
    let world = World::new();
    let _worker = world.start_worker(rules(1));
    world.caught_up().await;
    world.cast_many(7);
    world.caught_up().await;
    world.state().set_log_back(0);
    assert_eq!(world.cast(), None);
    let restarted = Instant::now();
    world.until("a leader has attached", State::takes_ballots).await;
    assert!(restarted.elapsed() < Duration::from_secs(2), "{:?}", restarted.elapsed());
    let state = world.state();
    assert_eq!((state.log.raised, &state.ledger.gaps), (0, &vec![]));
}

#[tokio::test(start_paused = true)]
async fn entries_removed_while_nobody_counted_are_noted_with_their_number() {
    let world = World::new();
    let worker = world.start_worker(rules(1));
    world.caught_up().await;
    let before = world.cast().unwrap();
    world.caught_up().await;
    worker.stop().await;
    world.cast_many(9);
    world.state().remove_entries(9);
    let _worker = world.start_worker(rules(1));
    world.until("the gap is noted", |state| !state.ledger.gaps.is_empty()).await;
    world.caught_up().await;
    let gaps = world.state().ledger.gaps.clone();
    assert_eq!(gaps.iter().map(|gap| (gap.after, gap.ballots)).collect::<Vec<_>>(), [(before, Some(9))]);
    world.cast_many(1);
    world.caught_up().await;
    sleep(Duration::from_mins(1)).await;
    let state = world.state();
    assert_eq!((state.ledger.entries.len(), state.ledger.gaps.len(), state.log.accepted), (2, 1, 11));
}

#[tokio::test(start_paused = true)]
async fn entries_removed_while_ballots_come_are_noted_with_their_number() {
    let world = World::new();
    let _worker = world.start_worker(rules(1));
    world.caught_up().await;
    world.state().apply_takes = Duration::from_millis(400);
    world.cast_many(30);
    world.state().remove_entries(4);
    for _ in 0..60 {
        world.cast_many(5);
        sleep(Duration::from_millis(300)).await;
    }
    let left = {
        let state = world.state();
        state.log.entries.last().unwrap().position > state.ledger.position
    };
    assert!(left, "it never caught up");
    let gaps = world.state().ledger.gaps.clone();
    assert_eq!(gaps.iter().map(|gap| gap.ballots).collect::<Vec<_>>(), [Some(4)]);
    world.caught_up().await;
    sleep(Duration::from_mins(1)).await;
    let state = world.state();
    assert_eq!((state.ledger.entries.len(), state.ledger.gaps.len()), (326, 1));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_stream_is_noted_and_a_new_one_goes_on_behind_it() {
    let world = World::new();
    let worker = world.start_worker(rules(1));
    world.caught_up().await;
    world.cast_many(5);
    world.caught_up().await;
    world.state().delete_stream();
    world.caught_up().await;
    assert_eq!(world.state().ledger.gaps, [], "all of it was counted");
    worker.stop().await;
    world.cast_many(7);
    world.state().delete_stream();
    world.state().clock -= 60_000;
    assert_eq!(world.cast(), None);
    let _worker = world.start_worker(rules(1));
    world.caught_up().await;
    assert_eq!(world.state().ledger.gaps.iter().map(|gap| gap.ballots).collect::<Vec<_>>(), [Some(7)]);
    let counted = world.state().ledger.position;
    assert!(world.cast().unwrap() > counted, "nothing gets a place that the ledger has passed");
    world.caught_up().await;
    assert_eq!(world.state().ledger.entries.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_standby_takes_over_within_five_seconds_of_a_kill() {
    let world = World::new();
    let first = world.start_worker(rules(1));
    world.caught_up().await;
    let second = world.start_worker(rules(1));
    sleep(Duration::from_secs(30)).await;
    assert_eq!(second.health.ready(), Ok(()), "standing by is its work");
    assert_eq!(world.state().connections, 1);

    let position = world.cast().unwrap();
    drop(first);
    let killed = Instant::now();
    world.until("the other one counts", |state| state.ledger.position == position && state.connections == 2).await;
    assert!(killed.elapsed() < Duration::from_secs(5), "{:?}", killed.elapsed());
}

#[tokio::test(start_paused = true)]
async fn shutdown_finishes_the_batch_in_hand_and_gives_up_the_lead() {
    let world = World::new();
    let worker = world.start_worker(rules(1));
    world.caught_up().await;
    world.state().apply_takes = Duration::from_secs(3);
    world.reading.notified().await;
    world.cast_many(10);
    // The first batch is being counted, the second read ahead.
    sleep(Duration::from_secs(2)).await;
    worker.stop().await;
    let state = world.state();
    assert_eq!(state.ledger.entries.len(), 5, "the batch in hand is counted, what was read ahead is left to the next");
    assert_eq!(state.holder, None);
}

#[tokio::test(start_paused = true)]
async fn shutdown_does_not_wait_for_what_does_not_answer() {
    // The call that hangs is each one in turn of a first start, of reading, of the first survey.
    for calls_before in 0..14 {
        let world = World::new();
        world.state().faults = std::iter::repeat_n(Fault::Calm, calls_before).chain([Fault::Hang]).collect();
        let worker = world.start_worker(rules(1));
        world.until("a call hangs", |state| state.faults.is_empty()).await;
        let asked = Instant::now();
        worker.stop().await;
        let hung = world.state().calls.last().copied();
        assert!(asked.elapsed() < Duration::from_millis(100), "{hung:?}: {:?}", asked.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_never_answers_ends_readiness_and_heartbeats() {
    // Each call in turn of a first start, of reading, of the first survey.
    for calls_before in 0..14 {
        let world = World::new();
        world.state().faults = std::iter::repeat_n(Fault::Calm, calls_before).chain([Fault::Hang]).collect();
        let worker = world.start_worker(rules(1));
        world.until("a call hangs", |state| state.faults.is_empty()).await;
        // Not those of the call beside it.
        sleep(Duration::from_secs(2)).await;
        let heartbeats = world.state().ledger.heartbeats;
        sleep(Duration::from_mins(1)).await;
        let hung = world.state().calls.last().copied();
        assert!(worker.health.ready().is_err(), "{hung:?}");
        assert_eq!(world.state().ledger.heartbeats, heartbeats, "{hung:?}: screens must see that nothing is counted");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_lead_is_noticed_while_no_ballots_come() {
    let world = World::new();
    let worker = world.start_worker(rules(1));
    world.caught_up().await;
    world.state().holder = None;
    world.until("the lead is taken again", |state| state.connections == 2 && state.holder == Some(2)).await;
    assert_eq!(worker.health.ready(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn without_the_log_the_worker_keeps_its_lead_and_is_not_ready() {
    let world = World::new();
    let worker = world.start_worker(rules(1));
    world.caught_up().await;
    assert_eq!(worker.health.ready(), Ok(()));
    world.state().log_away = true;
    sleep(Duration::from_secs(20)).await;
    let reason = worker.health.ready().unwrap_err();
    assert!(reason.starts_with("partition 0: the log has not answered for"), "{reason}");
    assert_eq!(world.state().connections, 1, "the lead is kept");

    world.state().log_away = false;
    let position = world.cast().unwrap();
    world.until("the ballot is counted", |state| state.ledger.position == position).await;
    assert_eq!(worker.health.ready(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn without_the_ledger_the_worker_is_not_ready_and_catches_up() {
    let world = World::new();
    let worker = world.start_worker(rules(1));
    world.caught_up().await;
    world.state().ledger_away = true;
    world.cast_many(22);
    let last = world.cast().unwrap();
    sleep(Duration::from_secs(20)).await;
    assert!(worker.health.ready().unwrap_err().starts_with("partition 0: the ledger has not answered for"));

    world.state().ledger_away = false;
    let back = Instant::now();
    world.until("all are counted", |state| state.ledger.position == last).await;
    assert!(back.elapsed() < Duration::from_secs(5), "{:?}", back.elapsed());
    assert_eq!(world.state().ledger.entries.len(), 23);
    assert_eq!(worker.health.ready(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_while_the_ledger_was_away_is_missed_after_a_loss() {
    let world = World::new();
    let _worker = world.start_worker(rules(1));
    world.caught_up().await;
    world.state().ledger_away = true;
    world.cast_many(22);
    sleep(Duration::from_secs(10)).await;
    // What is left still reaches beyond the ledger's position, so only the worker knows.
    world.state().set_log_back(9);
    sleep(Duration::from_secs(10)).await;
    world.state().ledger_away = false;
    world.caught_up().await;
    let state = world.state();
    assert_eq!(state.ledger.entries.len(), 13);
    assert_eq!(state.ledger.gaps.iter().map(|gap| gap.ballots).collect::<Vec<_>>(), [Some(9)]);
}

#[tokio::test(start_paused = true)]
async fn a_log_emptied_after_the_worker_could_not_reach_it_is_a_gap() {
    let world = World::new();
    let _worker = world.start_worker(rules(1));
    world.caught_up().await;
    world.cast_many(3);
    world.caught_up().await;
    sleep(Duration::from_secs(5)).await;
    // Voters reach it, and the worker does not.
    world.state().log_away = true;
    sleep(Duration::from_secs(30)).await;
    world.cast_many(20);
    sleep(Duration::from_secs(30)).await;
    world.state().lose_log();
    world.state().log_away = false;
    world.caught_up().await;
    let state = world.state();
    assert_eq!((state.ledger.entries.len(), state.ledger.gaps.len()), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn a_partition_in_trouble_does_not_hold_up_the_others() {
    let rules = rules(2);
    let worlds = [World::of(Partition::new(0)), World::of(Partition::new(1))];
    worlds[0].state().ledger_away = true;
    let worker = start_worker(&worlds, rules);
    worlds[1].caught_up().await;
    let position = worlds[1].cast().unwrap();
    worlds[1].until("the ballot is counted", |state| state.ledger.position == position).await;
    let reason = worker.health.ready().unwrap_err();
    assert_eq!(reason, "partition 0: the ledger has not answered yet (lead: it is away)");
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_is_written_every_second_while_log_and_ledger_work() {
    let world = World::new();
    let worker = world.start_worker(rules(1));
    world.caught_up().await;
    let beats = async |seconds| {
        let before = world.state().ledger.heartbeats;
        sleep(Duration::from_secs(seconds)).await;
        world.state().ledger.heartbeats - before
    };
    let quiet = beats(30).await;
    assert!((25..=31).contains(&quiet), "with nothing to count: {quiet}");
    world.state().log_away = true;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(beats(30).await, 0, "a log that can't be read is not counted");
    world.state().log_away = false;
    sleep(Duration::from_secs(3)).await;
    assert!(beats(5).await >= 4);
    assert_eq!(worker.health.ready(), Ok(()));
}
