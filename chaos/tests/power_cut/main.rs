//! The power is cut: what was written and not synced is gone. What was acknowledged must be there.
//!
//! This is what "acknowledged means on disk" says, and what `kill -9` can't show. It takes the disk at its word:
//! what the kernel says it has synced is kept, and names of files are.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that can't go on has failed, and says what it saw"
)]

mod journal;
mod redis_machine;
mod replicas;

use journal::PowerCut;
use redis_machine::RedisMachine;
use testkit::{
    address,
    postgres_server::TestDatabase,
    programs::{self, Program},
    steady_voters::SteadyVoters,
    tallies::accepted,
    wait,
};

#[tokio::test]
async fn redis_that_syncs_always_loses_no_acknowledged_ballot() {
    let (mut redis, database) = (RedisMachine::start("always").await, TestDatabase::create().await);
    let services = programs::Services::start(&redis.url(), &database.url()).await;
    let voters = SteadyVoters::start(&[services.vote.url()], "main", 24, 2);
    for _ in 0..5 {
        voters.goes_on(200).await;
        let taken = redis.power_cut();
        println!("the power cut took {taken} bytes");
        voters.is_troubled(24).await;
        redis.start_again().await;
    }
    voters.goes_on(200).await;
    voters.stop(2).await.is_counted(&services.vote.url(), &services.result.url(), "main").await;
}

/// The control: with a weaker setting the same blow does take acknowledged ballots, and that is seen.
#[tokio::test]
async fn redis_without_its_own_fsync_is_seen_to_lose_acknowledged_ballots() {
    let (mut redis, database) = (RedisMachine::start("no").await, TestDatabase::create().await);
    let unchecked = [("DURABILITY", "unchecked")];
    let mut services = programs::Services::start_with(&redis.url(), &database.url(), &unchecked).await;
    // What is counted is in the ledger as well, so nobody counts meanwhile.
    services.worker.program.kill();
    let voters = SteadyVoters::start(&[services.vote.url()], "main", 24, 2);
    voters.goes_on(200).await;
    let acknowledged = voters.stop(2).await.acknowledged;
    assert!(redis.power_cut() > 0, "there was something to take");
    redis.start_again().await;
    services.worker.program.start_again();
    services.ready().await;
    let vote = services.vote.url();
    let left = wait::until("the log to say what it holds", || accepted(&vote, "main")).await;
    assert!(left < acknowledged, "{left} of {acknowledged} acknowledged ballots are left");
}

#[tokio::test]
async fn the_all_in_one_loses_no_acknowledged_ballot() {
    let power = PowerCut::prepare();
    let (vote, result) = (address::free(), address::free());
    let environment = [
        ("VOTE_ADDR", vote.to_string()),
        ("RESULT_ADDR", result.to_string()),
        ("DATA_DIR", power.data().display().to_string()),
    ];
    let mut scrutin = Program::start("scrutin", &[], environment.into_iter().chain(power.environment()));
    let (vote, result) = (format!("http://{vote}"), format!("http://{result}"));
    wait::until_true("the all-in-one to serve", || async { reqwest::get(&vote).await.is_ok() }).await;
    let voters = SteadyVoters::start(std::slice::from_ref(&vote), "main", 24, 2);
    for _ in 0..5 {
        voters.goes_on(200).await;
        scrutin.kill();
        let taken = power.cut();
        println!("the power cut took {taken} bytes");
        voters.is_troubled(24).await;
        scrutin.start_again();
    }
    voters.goes_on(200).await;
    voters.stop(2).await.is_counted(&vote, &result, "main").await;
}
