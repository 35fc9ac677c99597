//! The promise, with the real programs on a real Redis and PostgreSQL: whatever is killed under a steady
//! flow of ballots, those acknowledged are counted exactly once.

use testkit::{
    postgres_server::{PostgresServer, TestDatabase},
    programs::{self, Services},
    redis_server::RedisServer,
    steady_voters::SteadyVoters,
    wait,
};

const VOTERS: u64 = 24;
const OPTIONS: usize = 2;
/// Ballots to be acknowledged between two blows, so that each hits a flow.
const FLOW: u64 = 150;

async fn is_counted(voters: SteadyVoters, services: &Services) {
    let outcome = voters.stop(OPTIONS).await;
    outcome.is_counted(&services.vote.url(), &services.result.url(), "main").await;
}

#[tokio::test]
async fn the_worker_killed_again_and_again_counts_every_ballot_once() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let mut services = Services::start(&redis.url(), &database.url()).await;
    let voters = SteadyVoters::start(&[services.vote.url()], "main", VOTERS, OPTIONS);
    for _ in 0..5 {
        voters.goes_on(FLOW).await;
        services.worker.program.kill();
        voters.goes_on(FLOW).await;
        services.worker.program.start_again();
        // Killed while it attaches, it would leave the log closed until the next one comes.
        services.worker.ready().await;
    }
    is_counted(voters, &services).await;
}

#[tokio::test]
async fn vote_killed_again_and_again_loses_no_acknowledged_ballot() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let mut services = Services::start(&redis.url(), &database.url()).await;
    let voters = SteadyVoters::start(&[services.vote.url()], "main", VOTERS, OPTIONS);
    for _ in 0..4 {
        voters.goes_on(FLOW).await;
        services.vote.program.kill();
        voters.is_troubled(VOTERS).await;
        services.vote.program.start_again();
    }
    voters.goes_on(FLOW).await;
    is_counted(voters, &services).await;
}

#[tokio::test]
async fn redis_killed_again_and_again_loses_no_acknowledged_ballot() {
    let (mut redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    let voters = SteadyVoters::start(&[services.vote.url()], "main", VOTERS, OPTIONS);
    for _ in 0..3 {
        voters.goes_on(FLOW).await;
        redis.kill();
        voters.is_troubled(VOTERS).await;
        assert!(
            testkit::tallies::tally(&services.result.url(), "main").await.is_some(),
            "results stay up while Redis is gone"
        );
        redis.restart().await;
    }
    voters.goes_on(FLOW).await;
    is_counted(voters, &services).await;
}

#[tokio::test]
async fn postgres_killed_again_and_again_is_caught_up_with() {
    let redis = RedisServer::start().await;
    let mut postgres = PostgresServer::private().await;
    let services = Services::start(&redis.url(), &postgres.database_url("postgres")).await;
    let voters = SteadyVoters::start(&[services.vote.url()], "main", VOTERS, OPTIONS);
    for _ in 0..3 {
        voters.goes_on(FLOW).await;
        postgres.kill().await;
        // Voting goes on without the ledger.
        voters.goes_on(FLOW).await;
        postgres.restart().await;
    }
    is_counted(voters, &services).await;
}

#[tokio::test]
async fn a_standby_takes_over_from_a_killed_worker_and_nothing_is_counted_twice() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let mut services = Services::start(&redis.url(), &database.url()).await;
    let second_vote = programs::vote(&redis.url(), None);
    second_vote.ready().await;
    let mut standby = programs::worker(&redis.url(), &database.url());
    standby.ready().await;
    let voters = SteadyVoters::start(&[services.vote.url(), second_vote.url()], "main", VOTERS, OPTIONS);
    for _ in 0..2 {
        voters.goes_on(FLOW).await;
        services.worker.program.kill();
        let partitions = f64::from(programs::partition_count());
        let leads = || async { standby.metric("scrutin_worker_leads").await >= partitions };
        wait::until_true("the standby to lead", leads).await;
        services.worker.program.start_again();
        services.worker.ready().await;
        assert!(services.worker.metric("scrutin_worker_leads").await < 1.0, "one leads at a time");
        std::mem::swap(&mut services.worker, &mut standby);
    }
    is_counted(voters, &services).await;
}

#[tokio::test]
async fn everything_stopped_in_order_under_load_loses_nothing() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let mut services = Services::start(&redis.url(), &database.url()).await;
    let voters = SteadyVoters::start(&[services.vote.url()], "main", VOTERS, OPTIONS);
    voters.goes_on(FLOW).await;
    for service in [&mut services.vote, &mut services.worker, &mut services.result] {
        let status = service.program.terminate().await;
        assert!(status.success(), "a program that is asked to stop ends well: {status}");
        service.program.start_again();
    }
    voters.goes_on(FLOW).await;
    is_counted(voters, &services).await;
}
