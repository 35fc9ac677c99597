//! All machines of a run: the Redis Cluster, PostgreSQL and the services. Injects faults and repairs them.

use std::time::{Duration, Instant};

use anyhow::Context;

use crate::{
    fault::{HostFault, MachineFault, Victim},
    host::{cut_off_together, make_switches},
    machine::{Machine, MachinePlaces},
    minority::{MinorityVoters, make_poll},
    postgres_pair::PostgresPair,
    programs::Programs,
    redis_nodes::{HitNode, RedisNodes, SlotMove},
    services::{ServiceMachines, ServiceSettings},
};

/// The numbers of the first host of each kind.
const FIRST_NODE: u8 = 1;
const FIRST_LEDGER: u8 = 11;
const FIRST_SERVICE: u8 = 21;

/// The machines of a run.
pub(crate) struct MachinesSystem {
    nodes: RedisNodes,
    ledgers: PostgresPair,
    services: ServiceMachines,
    /// What a fault showed to be wrong, which is told at the end of the step.
    wrong: Vec<String>,
}

/// A fault that was injected, with what its repair must know.
pub(crate) enum InjectedOnMachine {
    Node(HitNode, HostFault),
    Service(usize, HostFault),
    Postgres { primary: bool, fault: HostFault },
    Minority { node: HitNode, vote: usize },
    Promotion,
    SlotMove(SlotMove),
}

impl MachinesSystem {
    /// Starts everything, and waits until all is whole.
    pub(crate) async fn start(
        programs: &Programs,
        places: &MachinePlaces,
        partitions: u16,
        durability: &str,
    ) -> anyhow::Result<Self> {
        make_switches().await?;
        let nodes = RedisNodes::start(programs, places, FIRST_NODE, partitions).await.context("the Redis Cluster")?;
        let ledgers = PostgresPair::start(programs, places, FIRST_LEDGER).await.context("PostgreSQL")?;
        let settings = ServiceSettings {
            redis_url: nodes.url(),
            database_url: ledgers.url(),
            partitions,
            durability: durability.to_owned(),
        };
        let services = ServiceMachines::start(&settings, places, FIRST_SERVICE).await.context("the services")?;
        let system = Self { nodes, ledgers, services, wrong: Vec::new() };
        system.whole().await?;
        make_poll(&system.services.url(0)).await?;
        Ok(system)
    }

    /// The addresses of all `vote` or all `result`, separated by commas.
    pub(crate) fn urls(&self, of: &str) -> String {
        self.services.urls(of)
    }

    /// The address of the ledger, for this program.
    pub(crate) fn database_url(&self) -> String {
        self.ledgers.outside_url()
    }

    /// What faults showed to be wrong since the last call.
    pub(crate) fn take_wrong(&mut self) -> Vec<String> {
        std::mem::take(&mut self.wrong)
    }

    /// Waits until everything is whole: the cluster, PostgreSQL with its standby, and all services.
    pub(crate) async fn whole(&self) -> anyhow::Result<()> {
        self.nodes.whole().await?;
        self.ledgers.whole().await?;
        self.services.whole().await
    }

    /// Injects a fault.
    pub(crate) async fn inject(&mut self, fault: MachineFault) -> anyhow::Result<InjectedOnMachine> {
        match fault {
            MachineFault::OfHost(victim, fault) => self.inject_on_host(victim, fault).await,
            MachineFault::Minority { partition, vote } => self.cut_off_with_vote(partition, vote).await,
            MachineFault::PromoteBehind { held } => {
                let lacks = self.ledgers.lose_primary(held).await?;
                println!("           the standby lacks {lacks} counted ballots");
                Ok(InjectedOnMachine::Promotion)
            }
            MachineFault::MoveSlot { partition, to } => {
                Ok(InjectedOnMachine::SlotMove(self.nodes.begin_move(partition, to).await?))
            }
        }
    }

    async fn inject_on_host(&mut self, victim: Victim, fault: HostFault) -> anyhow::Result<InjectedOnMachine> {
        let node = match victim {
            Victim::Primary(partition) => self.nodes.primary(partition).await?,
            Victim::Replica(partition) => self.nodes.replica(partition, false).await?,
            Victim::ReplicaElsewhere(partition) => self.nodes.replica(partition, true).await?,
            Victim::Service(number) => {
                self.services.inject(number, fault).await?;
                return Ok(InjectedOnMachine::Service(number, fault));
            }
            Victim::Ledger | Victim::Standby => {
                let primary = victim == Victim::Ledger;
                self.ledgers.inject(primary, fault).await?;
                return Ok(InjectedOnMachine::Postgres { primary, fault });
            }
        };
        Ok(InjectedOnMachine::Node(self.nodes.inject(node, fault).await?, fault))
    }

    /// From the moment of the cut on, this `vote` reaches one primary and no replica. So nobody may hear that a ballot
    /// is recorded. Those whose ballots are on their way, the crowd's or ours, hear that it is not known, and all
    /// others that it is certainly not recorded.
    async fn cut_off_with_vote(&mut self, partition: u16, vote: usize) -> anyhow::Result<InjectedOnMachine> {
        let voters = MinorityVoters::arrive(&self.services.url(vote)).await?;
        let node = self.nodes.primary(partition).await?;
        let hit = self.nodes.hit(node).await?;
        let before = self.services.unknown_outcomes(vote).await?;
        cut_off_together(&[&self.nodes.machines[node].host, &self.services.machines[vote].host]).await?;
        let cut = Instant::now();
        let (first, second) = (voters.vote().await?, voters.vote().await?);
        let unknown = self.services.unknown_outcomes(vote).await? - before;
        println!("           in {:.1} s {first:?}, then {second:?}", seconds(cut));
        println!("           the crowd's and theirs: {unknown} ballots of unknown outcome");
        if first.recorded + second.recorded > 0 {
            self.wrong.push(format!("a vote of the minority acknowledged ballots: {first:?}, {second:?}"));
        }
        Ok(InjectedOnMachine::Minority { node: hit, vote })
    }

    /// Repairs a fault.
    pub(crate) async fn recover(&mut self, injected: InjectedOnMachine) -> anyhow::Result<()> {
        match injected {
            InjectedOnMachine::Node(hit, fault) => self.nodes.recover(hit, fault).await,
            InjectedOnMachine::Service(number, fault) => self.services.recover(number, fault).await,
            InjectedOnMachine::Postgres { primary, fault } => self.ledgers.recover(primary, fault).await,
            InjectedOnMachine::Minority { node, vote } => {
                self.services.recover(vote, HostFault::Cut).await?;
                self.nodes.recover(node, HostFault::Cut).await
            }
            InjectedOnMachine::Promotion => self.ledgers.promote().await,
            InjectedOnMachine::SlotMove(begun) => {
                let keys = self.nodes.end_move(begun).await?;
                println!("           {keys} keys moved");
                Ok(())
            }
        }
    }

    /// The output of each machine's program so far, with the machine's name.
    pub(crate) fn outputs(&self) -> impl Iterator<Item = (&str, String)> {
        let machines = self.nodes.machines.iter().chain(&self.ledgers.machines).chain(&self.services.machines);
        machines.map(|machine: &Machine| (machine.name(), machine.output()))
    }
}

/// How long ago this was.
pub(crate) fn seconds(since: Instant) -> f64 {
    Duration::as_secs_f64(&since.elapsed())
}
