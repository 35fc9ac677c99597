//! The log on a Redis Cluster: failovers, a slot that moves, and one that nobody owns.

use scrutin_log_redis::ServerWatch;
use testkit::{certificates::CertificateAuthority, redis_cluster::RedisCluster};

use super::*;

/// The slots of the partitions 0 and 1, which one node owns. The partition 2 is at the next node.
const SLOTS: [u16; 2] = [783, 4_910];
const THREE: u16 = 3;

fn partitions() -> Partitions {
    Partitions::new(THREE).unwrap()
}

/// A cluster with the logs of three partitions, which have begun.
struct Scene {
    cluster: RedisCluster,
    addresses: RedisAddresses,
    ballots: Arc<RedisBallotBox>,
}

impl Scene {
    async fn begun(durability: Durability) -> Self {
        let cluster = RedisCluster::start().await;
        let addresses: RedisAddresses = cluster.url().parse().unwrap();
        let ballots = RedisBallotBox::on(&addresses, partitions(), durability, key("aa"));
        let scene = Self { cluster, addresses, ballots };
        for partition in partitions().all() {
            let mut log = scene.log(partition.number());
            log.install(&Installation::new(InstallationId::new("one"), partitions())).await.unwrap();
            attach(&mut log, seed(Position::ZERO, vec![poll("main")])).await;
        }
        scene
    }

    fn log(&self, partition: u16) -> RedisLog {
        RedisLog::new(&self.addresses, Partition::new(partition))
    }

    /// A leader attaches again, as soon as the partition is at a server that takes writes.
    async fn attach_again(&self, partition: u16) {
        let mut log = self.log(partition);
        eventually(async || {
            log.claim("a leader", &LogState::default()).await?;
            log.open().await
        })
        .await;
    }

    /// Casts a ballot of a voter of this partition.
    async fn cast(&self, partition: u16) -> Result<CastOutcome, Unavailable> {
        let voters = (0..=u8::MAX).map(|byte| VoterId::from_bytes([byte; 16]));
        let voter = voters.into_iter().find(|voter| partitions().of_voter(*voter) == Partition::new(partition));
        self.ballots.cast(Ballot { voter: voter.unwrap(), ..ballot("main", 0, "a") }, FIRST_REVISION).await
    }
}

#[tokio::test]
async fn each_partition_of_a_cluster_goes_on_after_a_failover() {
    let mut scene = Scene::begun(Durability::Replicas(1.try_into().unwrap())).await;
    for partition in 0..THREE {
        eventually(|| scene.cast(partition)).await;
    }
    let owner = RedisCluster::first_owner(SLOTS[0]);
    scene.cluster.nodes[owner].kill();
    assert!(scene.cast(0).await.is_err());
    scene.attach_again(0).await;
    assert_eq!(scene.log(0).accepted().await, Ok(1), "what was acknowledged is there");
    let refused = scene.cast(0).await;
    assert!(matches!(&refused, Err(error) if error.nothing_happened()), "no replica confirms it: {refused:?}");
    let promoted = &scene.cluster.nodes[RedisCluster::first_replica(owner)];
    let mut connection = promoted.connection().await;
    let role: String = redis::cmd("INFO").arg("replication").query_async(&mut connection).await.unwrap();
    assert!(role.contains("role:master"), "{role}");

    scene.cluster.nodes[owner].restart().await;
    scene.attach_again(0).await;
    eventually(|| scene.cast(0)).await;
}

#[tokio::test]
async fn who_only_looks_at_a_primary_leaves_it_when_it_is_demoted() {
    let (cluster, one) = (RedisCluster::start().await, 1.try_into().unwrap());
    let addresses: RedisAddresses = cluster.url().parse().unwrap();
    let watch = ServerWatch::start(&addresses, partitions(), Durability::Replicas(one));
    let owner = RedisCluster::first_owner(SLOTS[0]);
    let connected = async || {
        let clients = redis::cmd("CLIENT").arg("LIST").arg("TYPE").arg("normal").to_owned();
        let clients: String = clients.query_async(&mut cluster.nodes[owner].connection().await).await.unwrap();
        // Who asks is one of them.
        clients.lines().count() - 1
    };
    wait::until_true("the primary is looked at", async || connected().await > 0).await;
    // It is demoted, and nobody is disconnected.
    let mut replica = cluster.nodes[RedisCluster::first_replica(owner)].connection().await;
    redis::cmd("CLUSTER").arg("FAILOVER").exec_async(&mut replica).await.unwrap();
    wait::until_true("nobody looks at it any more", async || connected().await == 0).await;
    wait::until_ok("the promoted one has its replica", async || watch.ready()).await;
}

#[tokio::test]
async fn a_slot_may_move_while_ballots_are_cast() {
    let scene = Scene::begun(Durability::Unchecked).await;
    eventually(|| scene.cast(0)).await;
    let from = RedisCluster::first_owner(SLOTS[0]);
    let to = (from + 1) % 3;
    scene.cluster.begin_move(SLOTS[0], from, to).await;
    let refused = scene.cast(0).await;
    assert!(matches!(&refused, Err(error) if error.nothing_happened()), "{refused:?}");
    scene.cluster.end_move(SLOTS[0], from, to).await;
    // No leader has attached to the new owner yet.
    wait::until_true("the new owner is found", async || scene.cast(0).await == Err(Unavailable::NotAttached)).await;
    scene.attach_again(0).await;
    eventually(|| scene.cast(0)).await;
    assert_eq!(scene.log(0).accepted().await, Ok(2));
}

#[tokio::test]
async fn a_slot_without_an_owner_is_a_clear_word_and_stops_no_other() {
    let scene = Scene::begun(Durability::Unchecked).await;
    eventually(|| scene.cast(0)).await;
    eventually(|| scene.cast(1)).await;
    scene.cluster.disown(SLOTS[1]).await;
    let refused = wait::until("ballots of that slot are refused", async || scene.cast(1).await.err()).await;
    assert!(refused.nothing_happened(), "{refused:?}");
    let why = wait::until("the reason is known", async || {
        let why = scene.log(1).accepted().await.unwrap_err().to_string();
        why.contains("nobody owns slot 4910").then_some(why)
    });
    let why = why.await;
    assert!(why.contains("no node of the Redis Cluster says who owns slot 4910"), "{why}");
    recorded(scene.cast(0).await);
}

#[tokio::test]
async fn a_server_that_is_no_cluster_is_a_clear_word() {
    let redis = RedisServer::start().await;
    let why = refusal(&redis.url().replace("redis://", "redis+cluster://")).await;
    assert!(why.contains("cluster support disabled"), "{why}");
}

#[tokio::test]
async fn a_node_of_a_cluster_at_the_address_of_one_server_is_a_clear_word() {
    let cluster = RedisCluster::start().await;
    let elsewhere = (RedisCluster::first_owner(SLOTS[0]) + 1) % 3;
    let why = refusal(&cluster.nodes[elsewhere].url()).await;
    assert!(why.contains("Moved") && why.contains("redis+cluster://"), "{why}");
}

#[tokio::test]
async fn nodes_are_asked_over_tls_and_so_is_the_owner_that_they_name() {
    let authority = CertificateAuthority::new();
    let cluster = RedisCluster::start_with_tls(&authority).await;
    let directory = tempfile::tempdir().unwrap();
    let file = authority.write(directory.path());
    let addresses: RedisAddresses = cluster.tls_url("localhost").parse().unwrap();
    let why = RedisLog::new(&addresses, Partition::new(0)).accepted().await.unwrap_err().to_string();
    assert!(why.contains("whom the system trusts"), "{why}");

    let addresses = addresses.trusting(Some(&file)).unwrap();
    for partition in partitions().all() {
        let mut log = RedisLog::new(&addresses, partition);
        log.install(&Installation::new(InstallationId::new("one"), partitions())).await.unwrap();
        attach(&mut log, seed(Position::ZERO, vec![poll("main")])).await;
    }
    let durability = Durability::Replicas(1.try_into().unwrap());
    let ballots = RedisBallotBox::on(&addresses, partitions(), durability, key("aa"));
    let voters = (0..=u8::MAX).map(|byte| VoterId::from_bytes([byte; 16]));
    for partition in partitions().all() {
        let voter = voters.clone().find(|voter| partitions().of_voter(*voter) == partition).unwrap();
        eventually(|| ballots.cast(Ballot { voter, ..ballot("main", 0, "a") }, FIRST_REVISION)).await;
        assert_eq!(RedisLog::new(&addresses, partition).accepted().await, Ok(1));
    }
}
