//! A machine is lost with its disk, and the power of its replica's machine is cut: with `DURABILITY=replicas:1` the
//! replica's disk has every acknowledged ballot.

use std::net::SocketAddr;

use testkit::{postgres_server::TestDatabase, programs::Services, steady_voters::SteadyVoters, wait};

use crate::redis_machine::RedisMachine;

/// It has `WAITAOF`.
const VALKEY: &str = "valkey-server";
const ALWAYS: [&str; 2] = ["--appendfsync", "always"];
/// One machine, and one replica.
const ON_TWO_DISKS: [(&str, &str); 1] = [("DURABILITY", "replicas:1")];

async fn replica_of(address: SocketAddr, arguments: &[&str]) -> RedisMachine {
    let primary = format!("{} {}", address.ip(), address.port());
    RedisMachine::start_as(VALKEY, &[&ALWAYS, &["--replicaof", &primary][..], arguments].concat()).await
}

async fn is_online(primary: &RedisMachine) {
    wait::until_true("the replica to be online", || async {
        primary.info().await.is_ok_and(|info| info.contains("state=online"))
    })
    .await;
}

async fn says(redis: &RedisMachine, what: &str) {
    wait::until_true(what, || async { redis.info().await.is_ok_and(|info| info.contains(what)) }).await;
}

async fn start(primary: &RedisMachine, database: &TestDatabase) -> Services {
    is_online(primary).await;
    Services::start_with(&primary.url(), &database.url(), &ON_TWO_DISKS).await
}

/// The primary's machine is lost with its disk, and the replica's power is cut at the same moment. What the replica has
/// on its disk takes the primary's place, and gets a replica of its own.
async fn is_lost(mut primary: RedisMachine, mut replica: RedisMachine) -> (RedisMachine, RedisMachine) {
    let address = primary.address;
    primary.kill();
    println!("the power cut took {} bytes of the replica", replica.power_cut());
    drop(primary);
    replica.start_again_at(address, &ALWAYS).await;
    let next = replica_of(address, &[]).await;
    is_online(&replica).await;
    (replica, next)
}

#[tokio::test]
async fn a_machine_that_is_lost_with_its_disk_loses_no_acknowledged_ballot() {
    let mut primary = RedisMachine::start_as(VALKEY, &ALWAYS).await;
    let mut replica = replica_of(primary.address, &[]).await;
    let database = TestDatabase::create().await;
    let mut services = start(&primary, &database).await;
    let voters = SteadyVoters::start(&[services.vote.url()], "main", 24, 2);
    for _ in 0..3 {
        voters.goes_on(200).await;
        // What is counted is in the ledger as well, so nobody counts what comes last.
        services.worker.program.kill();
        voters.goes_on(200).await;
        (primary, replica) = is_lost(primary, replica).await;
        services.worker.program.start_again();
    }
    voters.goes_on(200).await;
    voters.stop(2).await.is_counted(&services.vote.url(), &services.result.url(), "main").await;
}

#[tokio::test]
async fn a_replica_in_its_first_rewrite_confirms_no_ballot() {
    let primary = RedisMachine::start_as(VALKEY, &ALWAYS).await;
    let mut replica = replica_of(primary.address, &[]).await;
    let database = TestDatabase::create().await;
    let services = start(&primary, &database).await;
    let voters = SteadyVoters::start(&[services.vote.url()], "main", 24, 2);
    voters.goes_on(200).await;
    // It synchronises in full, and writes its file key by key, with a pause behind each.
    replica.kill();
    let slow = [&ALWAYS[..], &["--rdb-key-save-delay", "500000", "--repl-diskless-load", "swapdb"]].concat();
    let of_primary = format!("{} {}", primary.address.ip(), primary.address.port());
    let at = replica.address;
    replica.start_again_at(at, &[&slow[..], &["--replicaof", &of_primary]].concat()).await;
    is_online(&primary).await;
    says(&replica, "aof_rewrite_in_progress:1").await;
    let before = voters.acknowledged();
    voters.is_troubled(24).await;
    says(&replica, "aof_rewrite_in_progress:1").await;
    assert_eq!(voters.acknowledged(), before, "acknowledged while the replica's file was not complete");

    println!("the power cut took {} bytes of the replica", replica.power_cut());
    replica.start_again_at(at, &[&ALWAYS[..], &["--replicaof", &of_primary]].concat()).await;
    voters.goes_on(200).await;
    let (_primary, _replica) = is_lost(primary, replica).await;
    voters.goes_on(200).await;
    voters.stop(2).await.is_counted(&services.vote.url(), &services.result.url(), "main").await;
}
