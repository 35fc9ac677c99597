//! A replica of the log's server is promoted while ballots wait to be counted.

use std::time::Duration;

use domain::Durability;
use tokio::time::sleep;

use crate::world::{State, World, rules};

/// 20 ballots wait when a replica is promoted that lacks so many of them. Returns the gaps that are told, and how many
/// ballots are counted.
async fn promoted_without(entries: usize, durability: Durability) -> (usize, usize) {
    let world = World::new();
    let mut rules = rules(1);
    rules.durability = durability;
    let _worker = world.start_worker(rules);
    world.caught_up().await;
    world.state().ledger_away = true;
    world.cast_many(20);
    // The worker reads of them.
    sleep(Duration::from_secs(5)).await;
    {
        let mut state = world.state();
        state.set_log_back(entries);
        state.log.promoted = true;
        state.ledger_away = false;
    }
    world.until("the leader is attached", State::is_counted).await;
    world.cast_many(1);
    world.caught_up().await;
    let state = world.state();
    (state.ledger.gaps.len(), state.ledger.entries.len())
}

fn replicas() -> Durability {
    "replicas:1".parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_each_acknowledgement_waited_for_lacks_nothing() {
    assert_eq!(promoted_without(0, replicas()).await, (0, 21));
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_lacks_what_was_seen_is_told_in_any_case() {
    assert_eq!(promoted_without(3, replicas()).await, (1, 18));
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_nothing_waited_for_may_lack_the_last_moment() {
    for durability in [Durability::Disk, Durability::Unchecked] {
        assert_eq!(promoted_without(0, durability).await, (1, 21), "{durability}");
    }
}
