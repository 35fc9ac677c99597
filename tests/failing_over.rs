//! The real services on a Redis Cluster, of which a primary is lost: what was acknowledged is counted exactly once.

use testkit::{
    postgres_server::TestDatabase, programs::Services, redis_cluster::RedisCluster, steady_voters::SteadyVoters, wait,
};

const VOTERS: u64 = 24;
const OPTIONS: usize = 2;
/// Ballots to be acknowledged between two blows, so that each hits a flow.
const FLOW: u64 = 150;
/// The first node has the partitions 0 and 1, and the second the partition 2.
const SETTINGS: [(&str, &str); 2] = [("PARTITIONS", "3"), ("DURABILITY", "replicas:1")];

/// Waits until `vote` takes ballots for the partition 0, or does not.
async fn first_partition_is_ready(services: &Services, ready: bool) {
    wait::until_true("the partition 0 to be ready, or not", async || {
        let is_ready = services.vote.metric("scrutin_log_partition_ready{partition=\"0\"}").await > 0.5;
        // The figure is of the last look.
        let _ = reqwest::get(format!("http://{}/readyz", services.vote.admin)).await;
        is_ready == ready
    })
    .await;
}

#[tokio::test]
async fn a_primary_of_a_cluster_is_lost_and_no_ballot_with_it() {
    let (mut cluster, database) = (RedisCluster::start().await, TestDatabase::create().await);
    let services = Services::start_with(&cluster.url(), &database.url(), &SETTINGS).await;
    let voters = SteadyVoters::start(&[services.vote.url()], "main", VOTERS, OPTIONS);
    voters.goes_on(FLOW).await;
    cluster.nodes[0].kill();
    first_partition_is_ready(&services, false).await;
    voters.goes_on(FLOW).await;
    // It comes back as the replica of the one that was promoted, which needs one.
    cluster.nodes[0].restart().await;
    first_partition_is_ready(&services, true).await;
    voters.goes_on(FLOW).await;
    let outcome = voters.stop(OPTIONS).await;
    outcome.is_counted(&services.vote.url(), &services.result.url(), "main").await;
}
