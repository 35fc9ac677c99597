//! Polls in several partitions: a leader keeps the copies equal, and takes over what it has lost.

use std::time::Duration;

use domain::{Countdown, CountdownSeconds, Partition, Poll, PollChange, PollSpec, PollState};

use crate::world::{World, main_poll, rules, start_worker};

const PARTITIONS: u16 = 3;

fn worlds() -> Vec<World> {
    (0..PARTITIONS).map(|number| World::of(Partition::new(number))).collect()
}

/// The worlds with the home of the first poll in front.
fn home_first() -> Vec<World> {
    let mut worlds = worlds();
    let home = rules(PARTITIONS).partitions.home(main_poll().id());
    worlds.rotate_left(usize::from(home.number()));
    worlds
}

fn held(world: &World) -> Option<Poll> {
    world.state().log.polls.iter().find(|poll| poll.id() == main_poll().id()).cloned()
}

async fn everywhere(worlds: &[World], what: &str, is_right: impl Fn(&Poll) -> bool) {
    for world in worlds {
        let id = main_poll().id();
        world
            .until(what, |state| {
                state.takes_ballots() && state.log.polls.iter().any(|poll| poll.id() == id && is_right(poll))
            })
            .await;
    }
}

fn changed(world: &World, change: &PollChange) -> Poll {
    held(world).unwrap().after(change, 1).unwrap()
}

fn set(world: &World, poll: Poll) {
    let mut state = world.state();
    state.log.polls.retain(|known| known.id() != poll.id());
    state.log.polls.push(poll);
}

#[tokio::test(start_paused = true)]
async fn the_first_poll_comes_to_all_partitions() {
    let worlds = home_first();
    let _worker = start_worker(&worlds, rules(PARTITIONS));
    everywhere(&worlds, "the first poll", |poll| *poll == main_poll()).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_that_was_cut_off_after_its_home_is_spread_by_the_next_leader() {
    let worlds = home_first();
    let worker = start_worker(&worlds, rules(PARTITIONS));
    everywhere(&worlds, "the first poll", |_| true).await;
    worker.stop().await;
    set(&worlds[0], changed(&worlds[0], &PollChange::Close));
    let _worker = start_worker(&worlds, rules(PARTITIONS));
    everywhere(&worlds, "the close", |poll| poll.state() == PollState::Closed).await;
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_is_away_is_told_when_it_is_back() {
    let worlds = home_first();
    let worker = start_worker(&worlds, rules(PARTITIONS));
    everywhere(&worlds, "the first poll", |_| true).await;
    worker.stop().await;
    worlds[2].state().log_away = true;
    set(&worlds[0], changed(&worlds[0], &PollChange::Close));
    let _worker = start_worker(&worlds, rules(PARTITIONS));
    everywhere(&worlds[..2], "the close", |poll| poll.state() == PollState::Closed).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    worlds[2].state().log_away = false;
    everywhere(&worlds, "the close", |poll| poll.state() == PollState::Closed).await;
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_came_back_older_takes_no_ballot_by_what_was_before() {
    let worlds = home_first();
    let worker = start_worker(&worlds, rules(PARTITIONS));
    everywhere(&worlds, "the first poll", |_| true).await;
    let open = held(&worlds[1]).unwrap();
    let closed = changed(&worlds[0], &PollChange::Close);
    for world in &worlds {
        set(world, closed.clone());
    }
    worker.stop().await;
    // Its server is started with an older file, and its home can't be asked.
    worlds[1].state().set_log_back(0);
    set(&worlds[1], open);
    worlds[0].state().log_away = true;
    let _worker = start_worker(&worlds, rules(PARTITIONS));
    worlds[1].until("ballots are taken", super::world::State::takes_ballots).await;
    assert_eq!(held(&worlds[1]), Some(closed), "from the third partition");
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_came_back_waits_until_another_can_be_asked() {
    let worlds = home_first();
    let worker = start_worker(&worlds, rules(PARTITIONS));
    everywhere(&worlds, "the first poll", |_| true).await;
    worker.stop().await;
    worlds[1].state().set_log_back(0);
    worlds[0].state().log_away = true;
    worlds[2].state().log_away = true;
    let _worker = start_worker(&worlds, rules(PARTITIONS));
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert!(!worlds[1].state().takes_ballots(), "it may lack a close");
    worlds[2].state().log_away = false;
    worlds[1].until("ballots are taken", super::world::State::takes_ballots).await;
}

#[tokio::test(start_paused = true)]
async fn two_partitions_that_came_back_do_not_vouch_for_each_other() {
    let worlds = home_first();
    let worker = start_worker(&worlds, rules(PARTITIONS));
    everywhere(&worlds, "the first poll", |_| true).await;
    let (open, closed) = (held(&worlds[0]).unwrap(), changed(&worlds[0], &PollChange::Close));
    set(&worlds[2], closed);
    worker.stop().await;
    for world in &worlds[..2] {
        world.state().set_log_back(0);
        set(world, open.clone());
    }
    worlds[2].state().log_away = true;
    let _worker = start_worker(&worlds, rules(PARTITIONS));
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert!(worlds[..2].iter().all(|world| !world.state().takes_ballots()), "both may lack a close");
    worlds[2].state().log_away = false;
    everywhere(&worlds, "the close", |poll| poll.state() == PollState::Closed).await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_starts_again_needs_no_other_partition() {
    let worlds = home_first();
    let worker = start_worker(&worlds, rules(PARTITIONS));
    everywhere(&worlds, "the first poll", |_| true).await;
    worker.stop().await;
    worlds[0].state().log_away = true;
    worlds[2].state().log_away = true;
    let before = worlds[1].state().log.attached.clone();
    let _worker = start_worker(&worlds, rules(PARTITIONS));
    worlds[1].until("another leader", |state| state.takes_ballots() && state.log.attached != before).await;
}

#[tokio::test(start_paused = true)]
async fn a_home_that_fell_back_takes_over_what_was_acknowledged() {
    let worlds = home_first();
    let worker = start_worker(&worlds, rules(PARTITIONS));
    everywhere(&worlds, "the first poll", |_| true).await;
    let closed = changed(&worlds[0], &PollChange::Close);
    worlds[1..].iter().for_each(|world| set(world, closed.clone()));
    worker.stop().await;
    worlds[0].state().set_log_back(0);
    let _worker = start_worker(&worlds, rules(PARTITIONS));
    everywhere(&worlds, "the close", |poll| {
        poll.state() == PollState::Closed && poll.version() == closed.version() + 1
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_its_home_has_lost_comes_back() {
    let worlds = home_first();
    let worker = start_worker(&worlds, rules(PARTITIONS));
    everywhere(&worlds, "the first poll", |_| true).await;
    let home = rules(PARTITIONS).partitions.home(main_poll().id());
    let another = (0..).map(|number| domain::PollId::parse(&format!("p-{number}")).unwrap());
    let another = another.filter(|&id| rules(PARTITIONS).partitions.home(id) == home);
    let lunch = Poll::new(another.into_iter().next().unwrap(), PollSpec::simple("Lunch?", ["Yes", "No"])).unwrap();
    worlds[1..].iter().for_each(|world| set(world, lunch.clone()));
    worker.stop().await;
    worlds[0].state().set_log_back(0);
    let _worker = start_worker(&worlds, rules(PARTITIONS));
    worlds[0].until("the lost poll", |state| state.log.polls.iter().any(|poll| poll.id() == lunch.id())).await;
}

#[tokio::test(start_paused = true)]
async fn a_countdown_that_ended_while_nobody_led_is_closed_everywhere() {
    let worlds = home_first();
    let worker = start_worker(&worlds, rules(PARTITIONS));
    everywhere(&worlds, "the first poll", Poll::is_open).await;
    worker.stop().await;
    let countdown = PollChange::OpenFor(Countdown::For(CountdownSeconds::try_from(30).unwrap()));
    let now = worlds[0].state().now_millis();
    let opened = held(&worlds[0]).unwrap().after_at(now, &countdown, 0).unwrap();
    for world in &worlds {
        set(world, opened.clone());
    }
    let worker = start_worker(&worlds, rules(PARTITIONS));
    tokio::time::sleep(Duration::from_secs(20)).await;
    everywhere(&worlds, "the countdown", |poll| *poll == opened).await;
    worker.stop().await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    let _worker = start_worker(&worlds, rules(PARTITIONS));
    everywhere(&worlds, "the close", |poll| *poll == opened.as_of(opened.closes_at().unwrap())).await;
    let lasted = worlds[0].state().now_millis() - now;
    assert!(lasted < 90_000, "the next leader closes it at once, not after {lasted} ms");
}
