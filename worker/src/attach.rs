//! Attaching: prepares a log's server to accept ballots, and finds the position from which to count.
//!
//! After a first start, a crash, a server that came back with less than it had, or a ledger restored from an older
//! dump, it compares the same two things: what the ledger holds, and what the log reports. The log accepts no ballots
//! during the comparison. If a step fails, the log stays closed, and the next attempt begins again.

use domain::{Durability, Gap, Ledger, LogId, LogState, Position};
use program::first_poll;
use tracing::{debug, info};

use crate::{
    account::MissingBallots,
    asking::{StopReason, ask_ledger, ask_log},
    clocks::{ClockOffset, tell_skew},
    copies,
    findings::{Findings, PriorView},
    teller_parts::TellerParts,
};

/// From where a ledger counts a log to which it is attached.
#[derive(Debug)]
pub(crate) struct CountFrom {
    /// Which log it is.
    pub(crate) log: LogId,
    /// Everything up to this position is counted, or noted as a gap.
    pub(crate) counted_through: Position,
}

/// One attempt to attach.
pub(crate) struct Attaching<'a> {
    parts: &'a mut TellerParts,
    ledger: &'a mut dyn Ledger,
    /// The name of this lead in the log.
    leader: &'a str,
}

impl<'a> Attaching<'a> {
    pub(crate) fn new(parts: &'a mut TellerParts, ledger: &'a mut dyn Ledger, leader: &'a str) -> Self {
        Self { parts, ledger, leader }
    }

    /// Attaches the ledger to the log. Begins a log if there is none.
    pub(crate) async fn attach(mut self) -> Result<CountFrom, StopReason> {
        let TellerParts { identity, log, health, .. } = &mut *self.parts;
        identity.check(self.ledger, log.as_mut(), health).await?;
        let state = ask_ledger(&self.parts.health, self.ledger.state()).await?;
        self.parts.view.ledger_accounts_for(state.accounted());
        if state.log.is_none() {
            self.ensure_first_poll().await?;
        }
        let claim = self.parts.log.claim(self.leader, &state);
        let claimed = ask_log(&self.parts.health, claim).await?;
        let clock = ClockOffset::of_answer(claimed.now_millis);
        self.parts.metrics.log_clock(Some(clock));
        if !claimed.uninterrupted {
            self.parts.retention.restart();
        }
        let counted_log = state.log.clone().or_else(|| claimed.log.as_ref().map(|log| log.id.clone()));
        let prior = self.parts.view.prior(counted_log.as_ref());
        let prior = PriorView { may_lack: claimed.promoted && self.promoted_may_lack(), ..prior };
        let (id, findings) = match claimed.log {
            Some(log) => {
                // Before the next steps: one may fail, and the log may report less at the next attempt.
                if counted_log.as_ref() == Some(&log.id) {
                    self.parts.view.saw(&log);
                }
                (log.id.clone(), Findings::of(&state, &log, prior))
            }
            None => (self.begin().await?, Findings::of_a_new_log(&state, claimed.now_millis, prior)),
        };
        let counted = self.repair(&id, &state, &findings).await?;
        let may_lack_changes = !claimed.same_server || findings.loss.is_some();
        let clocks = copies::pull(self.parts, state.log.is_some() && may_lack_changes).await?;
        tell_skew(self.parts.partition, clock, &clocks);
        ask_log(&self.parts.health, self.parts.log.open()).await?;
        copies::spread_all(self.parts).await?;
        self.parts.view.attached_at(counted);
        self.warn_of_late_settings().await?;
        self.parts.metrics.counts(Some(&id));
        let partition = self.parts.partition.number();
        debug!(event = "log.attached", partition, log.id = id.as_str(), %counted, "attached");
        // May read all ballots of a ledger of an earlier release: the log takes ballots meanwhile.
        ask_ledger(&self.parts.health, self.ledger.grow_trees()).await?;
        Ok(CountFrom { log: id, counted_through: counted })
    }

    /// Whether a replica that was promoted may lack what was acknowledged. Where each acknowledgement waits for all
    /// replicas, it has all of that; what else it lacks can be seen, or was never acknowledged.
    fn promoted_may_lack(&self) -> bool {
        !matches!(self.parts.rules.durability, Durability::Replicas(_))
    }

    /// On the very first start the ledger gets the first poll, if this is its partition. The log gets it later.
    async fn ensure_first_poll(&mut self) -> Result<(), StopReason> {
        let poll = &self.parts.rules.first_poll;
        if self.parts.rules.partitions.home(poll.id()) != self.parts.partition {
            return Ok(());
        }
        ask_ledger(&self.parts.health, self.ledger.ensure_first_poll(poll)).await
    }

    /// Warns once if the settings of the first poll come too late.
    async fn warn_of_late_settings(&mut self) -> Result<(), StopReason> {
        let first = &self.parts.rules.first_poll;
        let is_elsewhere = self.parts.rules.partitions.home(first.id()) != self.parts.partition;
        if self.parts.first_poll_told || is_elsewhere || first_poll::is_default(first) {
            return Ok(());
        }
        self.parts.first_poll_told = true;
        let polls = ask_log(&self.parts.health, self.parts.log.polls()).await?;
        if let Some(there) = polls.iter().find(|poll| poll.id() == first.id()) {
            first_poll::tell_if_not_applied(first, there);
        }
        Ok(())
    }

    /// Begins a log from the ledger: a closed poll stays closed, and positions continue after the ledger's.
    async fn begin(&mut self) -> Result<LogId, StopReason> {
        let seed = ask_ledger(&self.parts.health, self.ledger.seed()).await?;
        let (after, polls) = (seed.after, seed.polls.len());
        let id = ask_log(&self.parts.health, self.parts.log.begin(seed)).await?;
        self.parts.metrics.logs_begun.increment(1);
        info!(event = "log.begun", partition = self.parts.partition.number(), log.id = id.as_str(), %after, polls,
            "began a log with the ledger's polls");
        Ok(id)
    }

    /// Repairs what the findings name. Returns the position from which to count.
    ///
    /// First the log's number of ballots: it shows how many are missing even if this worker ends right after. Then the
    /// gap is noted, and last the log is raised above it. If this stops in between, the next attempt finds it again.
    async fn repair(&mut self, id: &LogId, state: &LogState, findings: &Findings) -> Result<Position, StopReason> {
        if findings.renew {
            let seed = ask_ledger(&self.parts.health, self.ledger.seed()).await?;
            ask_log(&self.parts.health, self.parts.log.renew(seed)).await?;
        }
        let gap = findings.gap.map(|MissingBallots { after, through, ballots }| {
            // The number is known once the rest is read.
            let ballots = (!findings.open || ballots > 0).then_some(ballots);
            Gap { partition: self.parts.partition, after, through, ballots }
        });
        if let Some(gap) = gap.filter(|_| state.log.as_ref().is_none_or(|known| known == id)) {
            self.parts.view.may_have_given_out(gap.through);
        }
        if findings.forgotten > 0 {
            let add = self.parts.log.add_lost(findings.forgotten);
            ask_log(&self.parts.health, add).await?;
        }
        self.note(id, state, gap).await?;
        self.parts.losses.found(id, state, findings.loss, gap);
        let beyond = gap.map_or(state.position, |gap| gap.through.max(state.position));
        if findings.raise || findings.last < beyond {
            ask_log(&self.parts.health, self.parts.log.raise(beyond)).await?;
        }
        // Entries before the gap are counted first.
        let counted = if gap.is_some_and(|gap| gap.after > state.position) { state.position } else { beyond };
        let missing = gap.and_then(|gap| gap.ballots).unwrap_or(0);
        if findings.settle {
            let counts = ask_ledger(&self.parts.health, self.ledger.counts()).await?;
            let settle = self.parts.log.settle(&counts, state.uncounted() + missing);
            ask_log(&self.parts.health, settle).await?;
        }
        let accounted = state.accounted() + missing;
        let accepted = if findings.settle { accounted } else { findings.accepted + findings.forgotten };
        self.parts.view.repaired(id, accounted, accepted);
        Ok(counted)
    }

    /// Notes in the ledger which log it counts from now on, and which part of it is lost.
    async fn note(&mut self, id: &LogId, state: &LogState, gap: Option<Gap>) -> Result<(), StopReason> {
        if gap.is_none() && state.log.as_ref() == Some(id) {
            return Ok(());
        }
        let (mut polls, mut events) = (Vec::new(), Vec::new());
        if gap.is_some() {
            // Changes within the gap are lost too, but the log has polls and events as they are now.
            polls = ask_log(&self.parts.health, self.parts.log.polls()).await?;
            events = ask_log(&self.parts.health, self.parts.log.events()).await?;
        }
        ask_ledger(&self.parts.health, self.ledger.attach(id, gap, &polls, &events)).await
    }
}
