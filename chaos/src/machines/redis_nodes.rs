//! The Redis Cluster of a run: six machines, of which three are primaries, each with a replica.
//!
//! Which machine is what changes with each failover, so it is always asked. Those that a fault has hit are not asked.

use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use redis::{AsyncConnectionConfig, FromRedisValue, ToRedisArgs, aio::MultiplexedConnection};

use crate::{
    cluster_view::{ClusterView, NodeView},
    fault::HostFault,
    machine::{Launch, Machine, MachinePlaces},
    patience::{until, until_ok},
    programs::Programs,
};

const NODES: usize = 6;
const PRIMARIES: usize = 3;
const SLOTS: u16 = 16_384;
pub(crate) const PORT: u16 = 6_379;
/// After so long without a sign of a node, the others take it for dead.
const NODE_TIMEOUT_MS: &str = "2000";
/// How long a node may take to answer this program.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);

/// The machines of the cluster.
pub(crate) struct RedisNodes {
    pub(crate) machines: Vec<Machine>,
    ids: Vec<String>,
    /// The slot of each partition.
    slots: Vec<u16>,
    /// Those that a fault has hit and that are not repaired yet.
    away: Vec<usize>,
}

/// What a fault of a node leaves to be repaired.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HitNode {
    pub(crate) node: usize,
    /// A slot of its primary, or its own.
    slot: u16,
    was_primary: bool,
}

/// A move that has begun.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotMove {
    slot: u16,
    from: usize,
    to: usize,
}

impl RedisNodes {
    /// Starts the nodes, and waits until the cluster takes writes. The slots of the partitions are spread over the
    /// primaries in turn; `first` is the number of the first host.
    pub(crate) async fn start(
        programs: &Programs,
        places: &MachinePlaces,
        first: u8,
        partitions: u16,
    ) -> anyhow::Result<Self> {
        let mut nodes = Self { machines: Vec::new(), ids: Vec::new(), slots: Vec::new(), away: Vec::new() };
        for number in (first..).take(NODES) {
            let name = format!("redis{}", number - first + 1);
            let mut machine = Machine::new(&name, number, places, |host, disk| Launch {
                program: programs.valkey.clone(),
                arguments: arguments(&host.back().to_string(), &disk.display().to_string()),
                environment: Vec::new(),
                owner: None,
            })
            .await?;
            machine.start()?;
            nodes.machines.push(machine);
        }
        nodes.form(partitions).await?;
        Ok(nodes)
    }

    async fn form(&mut self, partitions: u16) -> anyhow::Result<()> {
        for node in 0..NODES {
            let id = until_ok("a node to answer", async || self.cluster(node, &["MYID"]).await).await?;
            self.ids.push(id);
            let epoch = (node + 1).to_string();
            self.done(node, &["SET-CONFIG-EPOCH", &epoch]).await?;
            self.meet(0, node).await?;
        }
        for partition in 0..partitions {
            let key = format!("{{scrutin:{partition}}}:log");
            self.slots.push(self.cluster(0, &["KEYSLOT", &key]).await?);
        }
        for node in 0..PRIMARIES {
            let owned: Vec<String> =
                (0..SLOTS).filter(|&slot| self.first_owner(slot) == node).map(|s| s.to_string()).collect();
            let words: Vec<&str> = ["ADDSLOTS"].into_iter().chain(owned.iter().map(String::as_str)).collect();
            self.done(node, &words).await?;
        }
        for replica in PRIMARIES..NODES {
            self.follow(replica, &self.ids[replica - PRIMARIES]).await?;
        }
        self.whole().await
    }

    /// Slots of partitions lie close together, and are dealt out; of the others each primary has a third.
    fn first_owner(&self, slot: u16) -> usize {
        match self.slots.iter().position(|&of_partition| of_partition == slot) {
            Some(partition) => partition % PRIMARIES,
            None => usize::from(slot) * PRIMARIES / usize::from(SLOTS),
        }
    }

    /// The address in the form of `REDIS_URL`, with all nodes.
    pub(crate) fn url(&self) -> String {
        let hosts: Vec<_> = self.machines.iter().map(|machine| format!("{}:{PORT}", machine.host.back())).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }

    /// The primary of a partition now.
    pub(crate) async fn primary(&self, partition: u16) -> anyhow::Result<usize> {
        let slot = self.slots[usize::from(partition)];
        let view = self.view().await?;
        let owner = view.owner(slot).with_context(|| format!("nobody owns slot {slot}"))?;
        self.node(&owner.id)
    }

    /// The replica of the partition's primary, or of another primary.
    pub(crate) async fn replica(&self, partition: u16, elsewhere: bool) -> anyhow::Result<usize> {
        let primary = self.ids[self.primary(partition).await?].clone();
        let view = self.view().await?;
        let fits = |node: &&NodeView| node.primary.as_ref().is_some_and(|of| (*of == primary) != elsewhere);
        let id = &view.nodes.iter().find(fits).context("each primary has a replica")?.id;
        self.node(id)
    }

    fn node(&self, id: &str) -> anyhow::Result<usize> {
        self.ids.iter().position(|known| known == id).with_context(|| format!("{id} is no node of ours"))
    }

    /// What the first node that no fault has hit says.
    async fn view(&self) -> anyhow::Result<ClusterView> {
        let asked = (0..NODES).find(|node| !self.away.contains(node)).context("some node is whole")?;
        self.view_of(asked).await
    }

    async fn view_of(&self, node: usize) -> anyhow::Result<ClusterView> {
        let text: String = self.cluster(node, &["NODES"]).await?;
        ClusterView::read(&text)
    }

    /// Injects a fault of a node.
    pub(crate) async fn inject(&mut self, node: usize, fault: HostFault) -> anyhow::Result<HitNode> {
        let hit = self.hit(node).await?;
        self.machines[node].inject(fault).await?;
        Ok(hit)
    }

    /// Notes that a fault hits the node, before it does.
    pub(crate) async fn hit(&mut self, node: usize) -> anyhow::Result<HitNode> {
        let view = self.view().await?;
        let this = view.node(&self.ids[node]).context("the node is known")?;
        let primary = this.primary.as_ref().map_or(Some(this), |id| view.node(id)).context("it has a primary")?;
        let (slot, _) = *primary.slots.first().context("its primary has slots")?;
        self.away.push(node);
        Ok(HitNode { node, slot, was_primary: this.primary.is_none() })
    }

    /// Repairs a node. A lost one comes back as an empty replica.
    pub(crate) async fn recover(&mut self, hit: HitNode, fault: HostFault) -> anyhow::Result<()> {
        if fault == HostFault::Lose {
            self.replace(hit).await?;
        } else {
            self.machines[hit.node].recover(fault).await?;
        }
        self.is_back(hit);
        Ok(())
    }

    /// Notes that a node is repaired.
    pub(crate) fn is_back(&mut self, hit: HitNode) {
        self.away.retain(|&node| node != hit.node);
    }

    /// Another machine in the place of a lost one: a node with a new id, an empty replica of the primary that has none.
    async fn replace(&mut self, hit: HitNode) -> anyhow::Result<()> {
        let lost = self.ids[hit.node].clone();
        if hit.was_primary {
            until("the replica to be promoted", async || {
                for node in self.others() {
                    let view = self.view_of(node).await?;
                    if view.owner(hit.slot).is_none_or(|owner| owner.id == lost) {
                        return Ok(false);
                    }
                }
                Ok(true)
            })
            .await?;
        }
        self.forget(&lost).await?;
        self.machines[hit.node].recover(HostFault::Lose).await?;
        self.machines[hit.node].start()?;
        let id = until_ok("the new node to answer", async || self.cluster(hit.node, &["MYID"]).await).await?;
        self.ids[hit.node] = id;
        let known = self.others().next().context("some node is whole")?;
        self.meet(hit.node, known).await?;
        let view = self.view().await?;
        let primary = view.owner(hit.slot).context("the slot has an owner")?.id.clone();
        self.follow(hit.node, &primary).await
    }

    fn others(&self) -> impl Iterator<Item = usize> {
        (0..NODES).filter(|node| !self.away.contains(node))
    }

    /// Makes all nodes that can be asked forget this one.
    async fn forget(&self, id: &str) -> anyhow::Result<()> {
        for node in self.others() {
            if let Err(error) = self.done(node, &["FORGET", id]).await
                && !format!("{error:#}").contains("Unknown node")
            {
                return Err(error);
            }
        }
        Ok(())
    }

    async fn meet(&self, node: usize, other: usize) -> anyhow::Result<()> {
        let (address, port) = (self.machines[other].host.back().to_string(), PORT.to_string());
        self.done(node, &["MEET", &address, &port]).await
    }

    async fn follow(&self, replica: usize, primary: &str) -> anyhow::Result<()> {
        // It must have heard of its primary first, and it refuses while it holds keys or slots.
        until_ok("a replica to know its primary", async || self.done(replica, &["REPLICATE", primary]).await).await
    }

    /// Begins to move the slot of a partition to one of the other primaries: from here on it moves key by key.
    pub(crate) async fn begin_move(&self, partition: u16, to: usize) -> anyhow::Result<SlotMove> {
        let slot = self.slots[usize::from(partition)];
        let view = self.view().await?;
        let from = view.owner(slot).context("the slot has an owner")?.id.clone();
        let others: Vec<_> = view.primaries().filter(|node| node.id != from).collect();
        let to = others.get(to).context("there are three primaries")?.id.clone();
        let moved = SlotMove { slot, from: self.node(&from)?, to: self.node(&to)? };
        let slot = slot.to_string();
        self.done(moved.to, &["SETSLOT", &slot, "IMPORTING", &from]).await?;
        self.done(moved.from, &["SETSLOT", &slot, "MIGRATING", &to]).await?;
        Ok(moved)
    }

    /// Moves the keys of the slot, and then the slot itself.
    pub(crate) async fn end_move(&self, SlotMove { slot, from, to }: SlotMove) -> anyhow::Result<usize> {
        let slot = slot.to_string();
        let target = self.machines[to].host.back().to_string();
        let mut count = 0;
        loop {
            let keys: Vec<String> = self.cluster(from, &["GETKEYSINSLOT", &slot, "1000"]).await?;
            if keys.is_empty() {
                break;
            }
            count += keys.len();
            let mut migrate = redis::cmd("MIGRATE");
            migrate.arg(&target).arg(PORT).arg("").arg(0).arg(5_000).arg("KEYS").arg(keys);
            // `NOKEY` if all have expired since.
            let _: String = migrate.query_async(&mut self.connection(from).await?).await?;
        }
        let primaries: Vec<_> = self.view().await?.primaries().map(|node| node.id.clone()).collect();
        let others = primaries.iter().map(|id| self.node(id)).collect::<anyhow::Result<Vec<_>>>()?;
        for node in [to, from].into_iter().chain(others.into_iter().filter(|node| ![to, from].contains(node))) {
            self.done(node, &["SETSLOT", &slot, "NODE", &self.ids[to]]).await?;
        }
        Ok(count)
    }

    /// Waits until all nodes agree on three primaries, each with a replica that has caught up.
    pub(crate) async fn whole(&self) -> anyhow::Result<()> {
        until_ok("a whole cluster", async || {
            for node in 0..NODES {
                self.is_whole(node).await.with_context(|| format!("{} says", self.machines[node].name()))?;
            }
            Ok(())
        })
        .await
    }

    async fn is_whole(&self, node: usize) -> anyhow::Result<()> {
        let info: String = self.cluster(node, &["INFO"]).await?;
        ensure!(info.contains("cluster_state:ok"), "its cluster is not whole");
        let view = self.view_of(node).await?;
        if let Some(unknown) = view.nodes.iter().find(|node| !self.ids.contains(&node.id)) {
            // Another node may have told of a lost one again.
            self.forget(&unknown.id).await?;
            bail!("there is a node {} too many", unknown.id);
        }
        view.is_whole(NODES, PRIMARIES)?;
        let link: String = redis::cmd("INFO").arg("replication").query_async(&mut self.connection(node).await?).await?;
        let follows = view.node(&self.ids[node]).is_some_and(|node| node.primary.is_some());
        let sign = if follows { "master_link_status:up" } else { "state=online" };
        ensure!(link.contains(sign), "its replication is not up");
        Ok(())
    }

    async fn done(&self, node: usize, words: &[&str]) -> anyhow::Result<()> {
        self.cluster(node, words).await
    }

    /// Sends a command `CLUSTER …`.
    async fn cluster<T: FromRedisValue>(&self, node: usize, words: impl ToRedisArgs) -> anyhow::Result<T> {
        let mut connection = self.connection(node).await?;
        let answer = redis::cmd("CLUSTER").arg(words).query_async(&mut connection).await;
        answer.map_err(|error| anyhow!(error).context(format!("{} refuses", self.machines[node].name())))
    }

    async fn connection(&self, node: usize) -> anyhow::Result<MultiplexedConnection> {
        let settings = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(ANSWER_LIMIT))
            .set_response_timeout(Some(ANSWER_LIMIT));
        let client = redis::Client::open((self.machines[node].host.front().to_string(), PORT))?;
        Ok(client.get_multiplexed_async_connection_with_config(&settings).await?)
    }
}

fn arguments(announced: &str, directory: &str) -> Vec<String> {
    let port = PORT.to_string();
    let words = [
        ["--port", &port],
        ["--protected-mode", "no"],
        ["--dir", directory],
        ["--save", ""],
        ["--appendonly", "yes"],
        ["--appendfsync", "always"],
        ["--maxmemory-policy", "noeviction"],
        ["--cluster-enabled", "yes"],
        ["--cluster-announce-ip", announced],
        ["--cluster-node-timeout", NODE_TIMEOUT_MS],
        // Of the other slots, nothing happens where one has no owner.
        ["--cluster-require-full-coverage", "no"],
        // A replica stays with its primary, so that each has one.
        ["--cluster-allow-replica-migration", "no"],
        ["--repl-diskless-sync-delay", "0"],
    ];
    words.concat().into_iter().map(ToOwned::to_owned).collect()
}
