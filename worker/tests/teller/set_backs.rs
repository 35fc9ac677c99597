//! A log's server that comes back with an older file while ballots wait to be counted.

use std::time::Duration;

use tokio::time::sleep;

use crate::world::{Fault, State, World, rules};

fn calls(state: &State, what: &str) -> usize {
    state.calls.iter().filter(|call| **call == what).count()
}

fn told(state: &State) -> Vec<Option<u64>> {
    state.ledger.gaps.iter().map(|gap| gap.ballots).collect()
}

#[tokio::test(start_paused = true)]
async fn after_a_set_back_under_load_the_worker_stays_attached_and_trims() {
    let world = World::new();
    let mut rules = rules(1);
    rules.log_retention = Duration::from_secs(30);
    let _worker = world.start_worker(rules);
    world.caught_up().await;
    world.state().ledger_away = true;
    world.cast_many(22);
    sleep(Duration::from_secs(5)).await;
    world.state().set_log_back(9);
    world.state().ledger_away = false;
    world.until("the leader is attached", State::is_counted).await;
    world.state().calls.clear();
    // All is counted whenever the worker surveys, and something waits by the time that it could have attached again.
    sleep(Duration::from_millis(1_100)).await;
    for _ in 0..200 {
        world.cast_many(1);
        sleep(Duration::from_millis(1_250)).await;
    }
    assert_eq!(calls(&world.state(), "claim"), 0, "it stays attached");
    let (trimmed, lost_until) = {
        let state = world.state();
        (state.log.trimmed, state.ledger.gaps[0].through)
    };
    assert!(trimmed > lost_until, "the log is trimmed");
    world.caught_up().await;
    let state = world.state();
    assert_eq!(state.ledger.entries.len(), 22 - 9 + 200, "none was refused");
    assert_eq!((told(&state), state.log.accepted), (vec![Some(9)], 222));
}

/// Calls from a worker's start until it has claimed the log.
const UNTIL_CLAIMED: usize = 3;

#[tokio::test(start_paused = true)]
async fn what_a_claim_has_seen_is_told_although_attaching_stopped_half_way() {
    // The call that fails is each one in turn of attaching after the loss.
    for calls_before in 0..10 {
        let world = World::new();
        let first = world.start_worker(rules(1));
        world.caught_up().await;
        first.stop().await;
        world.cast_many(22);
        let trimmed = world.state().log.entries[4].position;
        world.state().log.trim(trimmed);
        let claims = std::iter::repeat_n(Fault::Calm, UNTIL_CLAIMED);
        let set_back = [Fault::SetLogBack { entries: 9, clock_back: false }, Fault::FailBefore];
        let attaches = std::iter::repeat_n(Fault::Calm, calls_before).chain([Fault::FailAfter]);
        world.state().faults = claims.chain(set_back).chain(attaches).collect();
        world.state().calls.clear();
        let _second = world.start_worker(rules(1));
        world.until("it has failed", |state| state.faults.is_empty()).await;
        assert_eq!(world.state().calls[UNTIL_CLAIMED - 1..=UNTIL_CLAIMED], ["claim", "polls"]);
        world.until("the leader is attached", State::is_counted).await;
        world.caught_up().await;
        sleep(Duration::from_secs(10)).await;
        let state = world.state();
        let lost = 22 - state.ledger.entries.len() as u64;
        let number: u64 = told(&state).into_iter().flatten().sum();
        assert_eq!((lost, number), (5 + 9, 5 + 9), "{calls_before} calls before: {:?}", state.ledger.gaps);
        assert_eq!(state.log.accepted, 22);
    }
}
