//! The ledger ports on a [`World`].

use std::time::Duration;

use async_trait::async_trait;
use domain::{
    ApplyOutcome, CarriedTree, Entry, Event, Fingerprint, Gap, Ledger, LedgerIdentity, Ledgers, LogId, LogSeed,
    LogState, Partition, Poll, PollId, RekeyOutcome, ReplicationState, TreeId, Unavailable,
};

use crate::world::{LedgerDisk, World};

/// Within what each call answers, as the ports state.
const LIMIT: Duration = Duration::from_mins(1);

pub(crate) struct FakeLedgers(pub(crate) Vec<World>);

#[async_trait]
impl Ledgers for FakeLedgers {
    async fn lead(&self, partition: Partition) -> Result<Option<Box<dyn Ledger>>, Unavailable> {
        let world = self.0.iter().find(|world| world.partition == partition).unwrap();
        let connection = world
            .call("lead", LIMIT, |state| {
                if state.ledger_away {
                    return Err(Unavailable::failed("lead", "it is away"));
                }
                if state.holder.is_some() {
                    return Ok(None);
                }
                state.connections += 1;
                Ok(Some(state.connections))
            })
            .await?;
        let Some(connection) = connection else { return Ok(None) };
        world.state().holder = Some(connection);
        Ok(Some(Box::new(FakeLedger { world: world.clone(), connection, spent: false })))
    }

    async fn rekey(&self, _: &Fingerprint, _: bool) -> Result<RekeyOutcome, Unavailable> {
        unreachable!("a teller changes no keys")
    }
}

struct FakeLedger {
    world: World,
    connection: u32,
    spent: bool,
}

impl FakeLedger {
    async fn ask<T>(&mut self, what: &'static str, work: impl FnOnce(&mut LedgerDisk) -> T) -> Result<T, Unavailable> {
        assert!(!self.spent, "{what}: a ledger's value is spent after an error");
        // Until the answer is there the value counts as spent: the question may be given up at any moment.
        self.spent = true;
        let connection = self.connection;
        let answer = self
            .world
            .call(what, LIMIT, |state| {
                if state.ledger_away || state.holder != Some(connection) {
                    return Err(Unavailable::failed(what, "the connection is broken"));
                }
                Ok(work(&mut state.ledger))
            })
            .await?;
        self.spent = false;
        Ok(answer)
    }
}

/// The lock lives on the connection.
impl Drop for FakeLedger {
    fn drop(&mut self) {
        let mut state = self.world.state();
        if state.holder == Some(self.connection) {
            state.holder = None;
        }
    }
}

fn learn(ledger: &mut LedgerDisk, polls: &[Poll]) {
    for poll in polls {
        if ledger.polls.iter().all(|known| known.id() != poll.id()) {
            ledger.polls.push(poll.clone());
        }
    }
}

#[async_trait]
impl Ledger for FakeLedger {
    async fn identity(&mut self) -> Result<Option<LedgerIdentity>, Unavailable> {
        Ok(Some(self.world.identity()))
    }

    async fn install(&mut self, _: &LedgerIdentity) -> Result<(), Unavailable> {
        unreachable!("it is written")
    }

    async fn counted_partitions(&mut self) -> Result<Vec<Partition>, Unavailable> {
        unreachable!("its installation is known")
    }

    async fn state(&mut self) -> Result<LogState, Unavailable> {
        self.ask("state", |ledger| LogState {
            log: ledger.log.clone(),
            position: ledger.position,
            ballots: u64::try_from(ledger.entries.len()).unwrap(),
            set_aside: 0,
            missing: ledger.gaps.iter().filter_map(|gap| gap.ballots).sum(),
        })
        .await
    }

    async fn ensure_first_poll(&mut self, poll: &Poll) -> Result<(), Unavailable> {
        self.ask("found", |ledger| learn(ledger, std::slice::from_ref(poll))).await
    }

    async fn seed(&mut self) -> Result<LogSeed, Unavailable> {
        self.ask("seed", |ledger| ledger.seed()).await
    }

    async fn attach(
        &mut self,
        log: &LogId,
        gap: Option<Gap>,
        polls: &[Poll],
        events: &[Event],
    ) -> Result<(), Unavailable> {
        self.ask("attach", |ledger| {
            ledger.log = Some(log.clone());
            learn(ledger, polls);
            ledger.events.extend_from_slice(events);
            if let Some(gap) = gap {
                let open = ledger.gaps.iter_mut().rev().find(|noted| noted.ballots.is_none());
                match open.filter(|_| gap.ballots.is_some_and(|ballots| ballots > 0)) {
                    Some(noted) => {
                        noted.ballots = gap.ballots;
                        // What is passed over now is a gap of its own, whose ballots are in that number.
                        let passed_over = (gap.through > ledger.position).then_some(Gap { ballots: Some(0), ..gap });
                        ledger.gaps.extend(passed_over);
                    }
                    None => ledger.gaps.push(gap),
                }
                if gap.after <= ledger.position {
                    ledger.position = ledger.position.max(gap.through);
                }
            }
        })
        .await
    }

    async fn counts(&mut self) -> Result<Vec<(PollId, u64)>, Unavailable> {
        self.ask("counts", |ledger| vec![(PollId::MAIN, u64::try_from(ledger.entries.len()).unwrap())]).await
    }

    async fn replicated(&mut self) -> Result<ReplicationState, Unavailable> {
        self.ask("replicated", |_| ReplicationState::default()).await
    }

    async fn grow_trees(&mut self) -> Result<(), Unavailable> {
        let takes = self.world.state().grow_takes;
        tokio::time::sleep(takes).await;
        self.ask("grow_trees", |_| ()).await
    }

    async fn restore_trees(&mut self, _: Vec<CarriedTree>) -> Result<Vec<TreeId>, Unavailable> {
        self.ask("restore_trees", |_| Vec::new()).await
    }

    async fn apply(&mut self, entries: Vec<Entry>) -> Result<ApplyOutcome, Unavailable> {
        let takes = self.world.state().apply_takes;
        tokio::time::sleep(takes).await;
        self.ask("apply", |ledger| {
            let mut ballots = 0;
            for entry in entries {
                if entry.position > ledger.position {
                    ledger.position = entry.position;
                    ledger.entries.push((entry, ledger.log.clone()));
                    ballots += 1;
                }
            }
            ApplyOutcome { position: ledger.position, ballots, rejected: 0 }
        })
        .await
    }

    async fn heartbeat(&mut self, _: u64) -> Result<(), Unavailable> {
        self.ask("heartbeat", |ledger| ledger.heartbeats += 1).await
    }
}
