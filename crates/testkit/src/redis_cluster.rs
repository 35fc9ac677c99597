//! A Redis Cluster for a test: three primaries, each with a replica.
//!
//! May import: `address`, `certificates`, `redis_server`, `wait`.

use redis::{FromRedisValue, ToRedisArgs};

use crate::{address, certificates::CertificateAuthority, redis_server::RedisServer, wait};

const PRIMARIES: usize = 3;
const SLOTS: usize = 16_384;
/// After so long without a sign of a node, the others take it for dead.
const NODE_TIMEOUT_MS: &str = "1000";

/// Six nodes. The first three are primaries when the cluster starts, each followed by three replicas in their order.
pub struct RedisCluster {
    /// Its nodes; a test may kill and restart each.
    pub nodes: Vec<RedisServer>,
    ids: Vec<String>,
    is_tls: bool,
}

impl RedisCluster {
    /// Starts the nodes, and waits until the cluster takes writes and the replicas have caught up.
    ///
    /// # Panics
    /// If `redis-server` is not installed or does not start.
    pub async fn start() -> Self {
        Self::start_nodes(None).await
    }

    /// The same, whose nodes also speak TLS, among each other and with clients, with certificates of this authority for
    /// `localhost` and 127.0.0.1.
    ///
    /// # Panics
    /// As [`start`](Self::start), or if `redis-server` was built without TLS.
    pub async fn start_with_tls(authority: &CertificateAuthority) -> Self {
        Self::start_nodes(Some(authority)).await
    }

    async fn start_nodes(tls: Option<&CertificateAuthority>) -> Self {
        let (mut nodes, mut bus_ports) = (Vec::new(), Vec::new());
        for _ in 0..2 * PRIMARIES {
            let bus_port = address::free_port().to_string();
            let of_cluster = ["--cluster-enabled", "yes", "--cluster-port", &bus_port];
            let at_once = ["--cluster-node-timeout", NODE_TIMEOUT_MS, "--repl-diskless-sync-delay", "0"];
            // Of the other slots, nothing happens where one has no owner.
            let further = ["--cluster-require-full-coverage", "no", "--cluster-announce-ip", "127.0.0.1"];
            let arguments = [&of_cluster[..], &at_once, &further].concat();
            nodes.push(match tls {
                None => RedisServer::start_with(&arguments).await,
                Some(authority) => {
                    let certificate = authority.certificate(&["localhost", "127.0.0.1"]);
                    let of_tls = ["--tls-cluster", "yes", "--tls-replication", "yes"];
                    RedisServer::start_tls(&certificate, authority, &[&arguments[..], &of_tls].concat()).await
                }
            });
            bus_ports.push(bus_port);
        }
        let mut cluster = Self { nodes, ids: Vec::new(), is_tls: tls.is_some() };
        cluster.join(&bus_ports).await;
        cluster
    }

    async fn join(&mut self, bus_ports: &[String]) {
        for (node, bus_port) in bus_ports.iter().enumerate() {
            self.ids.push(self.ask(node, &["MYID"]).await);
            self.done(node, &["SET-CONFIG-EPOCH", &(node + 1).to_string()]).await;
            // With TLS among the nodes, they know one another by their ports for TLS.
            let port = if self.is_tls { self.nodes[node].tls_port() } else { self.nodes[node].port() };
            self.done(0, &["MEET", "127.0.0.1", &port.to_string(), bus_port]).await;
        }
        for node in 0..PRIMARIES {
            let [first, end] = [node, node + 1].map(|nth| nth * SLOTS / PRIMARIES);
            self.done(node, &["ADDSLOTSRANGE", &first.to_string(), &(end - 1).to_string()]).await;
        }
        for replica in PRIMARIES..self.nodes.len() {
            let primary = &self.ids[replica - PRIMARIES];
            wait::until_ok("the replica knows its primary", async || {
                self.try_to::<()>(replica, &["REPLICATE", primary]).await
            })
            .await;
        }
        self.takes_writes().await;
    }

    async fn takes_writes(&self) {
        wait::until_true("all nodes agree, and the replicas have caught up", async || {
            for node in 0..self.nodes.len() {
                let state: String = self.ask(node, &["INFO"]).await;
                let link: String =
                    redis::cmd("INFO").query_async(&mut self.nodes[node].connection().await).await.expect("an answer");
                let caught_up = node < PRIMARIES || link.contains("master_link_status:up");
                if !state.contains("cluster_state:ok") || !state.contains("cluster_known_nodes:6") || !caught_up {
                    return false;
                }
            }
            true
        })
        .await;
    }

    /// The address in the form of `REDIS_URL`, with all nodes.
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }

    /// The same over TLS, by this name of the host.
    ///
    /// # Panics
    /// If its nodes don't speak TLS.
    pub fn tls_url(&self, host: &str) -> String {
        let hosts: Vec<String> = self.nodes.iter().map(|node| format!("{host}:{}", node.tls_port())).collect();
        format!("rediss+cluster://{}", hosts.join(","))
    }

    /// The primary that owned this slot when the cluster started.
    pub fn first_owner(slot: u16) -> usize {
        (0..PRIMARIES).rev().find(|node| usize::from(slot) >= node * SLOTS / PRIMARIES).expect("0 is the first slot")
    }

    /// The replica that this primary had when the cluster started.
    pub fn first_replica(primary: usize) -> usize {
        primary + PRIMARIES
    }

    /// Begins to move a slot to another primary: from here on it moves key by key.
    ///
    /// # Panics
    /// If a node does not answer.
    pub async fn begin_move(&self, slot: u16, from: usize, to: usize) {
        let slot = slot.to_string();
        self.done(to, &["SETSLOT", &slot, "IMPORTING", &self.ids[from]]).await;
        self.done(from, &["SETSLOT", &slot, "MIGRATING", &self.ids[to]]).await;
    }

    /// Moves the keys of the slot, and then the slot itself.
    ///
    /// # Panics
    /// As [`begin_move`](Self::begin_move).
    pub async fn end_move(&self, slot: u16, from: usize, to: usize) {
        let slot = slot.to_string();
        let keys: Vec<String> = self.ask(from, &["GETKEYSINSLOT", &slot, "1000"]).await;
        let target = ["127.0.0.1", &self.nodes[to].port().to_string()].map(ToOwned::to_owned);
        let mut migrate = redis::cmd("MIGRATE");
        migrate.arg(&target).arg("").arg(0).arg(5_000).arg("KEYS").arg(keys);
        let moved: String = migrate.query_async(&mut self.nodes[from].connection().await).await.expect("moved");
        assert_eq!(moved, "OK");
        for node in [to, from] {
            self.done(node, &["SETSLOT", &slot, "NODE", &self.ids[to]]).await;
        }
    }

    /// Takes the slot from its owner, in the eyes of all nodes.
    ///
    /// # Panics
    /// As [`begin_move`](Self::begin_move).
    pub async fn disown(&self, slot: u16) {
        let slot = slot.to_string();
        wait::until_true("nobody owns the slot", async || {
            let mut owned = false;
            for node in 0..self.nodes.len() {
                // An error says that this node knows no owner; one that still does may tell the others again.
                owned |= self.try_to::<()>(node, &["DELSLOTS", &slot]).await.is_ok();
            }
            !owned
        })
        .await;
    }

    async fn done(&self, node: usize, words: &[&str]) {
        let _: () = self.ask(node, words).await;
    }

    async fn ask<T: FromRedisValue>(&self, node: usize, words: &[&str]) -> T {
        self.try_to(node, words).await.expect("a node of the cluster does as it is told")
    }

    /// Sends a command `CLUSTER …`.
    async fn try_to<T: FromRedisValue>(&self, node: usize, words: impl ToRedisArgs) -> redis::RedisResult<T> {
        redis::cmd("CLUSTER").arg(words).query_async(&mut self.nodes[node].connection().await).await
    }
}
