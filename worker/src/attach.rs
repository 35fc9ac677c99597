//! Attaching: prepares a log's server to accept ballots, and finds the position from which to count.
//!
//! After a first start, a crash, a server that came back with less than it had, or a ledger restored from an older
//! dump, it compares the same two things: what the ledger holds, and what the log reports. The log accepts no ballots
//! during the comparison. If a step fails, the log stays closed, and the next attempt begins again.

use domain::{Gap, Ledger, LogId, LogState, Position};
use program::first_poll;
use tracing::{debug, error, info, warn};

use crate::{
    account::{Account, MissingBallots},
    asking::{StopReason, ask_ledger, ask_log},
    findings::{Findings, Loss, PriorView},
    teller::Teller,
};

/// From where a ledger counts a log to which it is attached.
#[derive(Debug)]
pub(crate) struct CountFrom {
    /// Which log it is.
    pub(crate) log: LogId,
    /// Everything up to this position is counted, or noted as a gap.
    pub(crate) counted_through: Position,
}

impl Teller {
    /// Attaches the ledger to the log. Begins a log if there is none.
    pub(crate) async fn attach(&mut self, ledger: &mut dyn Ledger) -> Result<CountFrom, StopReason> {
        self.identify(ledger).await?;
        let state = ask_ledger(&self.health, ledger.state()).await?;
        self.lag.accounts_for(state.accounted());
        if state.log.is_none() {
            self.ensure_first_poll(ledger).await?;
        }
        let claim = self.log.claim(&self.leader, &state);
        let claimed = ask_log(&self.health, claim).await?;
        if !claimed.uninterrupted {
            self.retention.restart();
        }
        let counted_log = state.log.clone().or_else(|| claimed.log.as_ref().map(|log| log.id.clone()));
        let prior = PriorView { promoted: claimed.promoted, ..self.prior_view(counted_log.as_ref()) };
        let (id, findings) = match claimed.log {
            Some(log) => {
                // Before the next steps: one may fail, and the log may report less at the next attempt.
                if counted_log.as_ref() == Some(&log.id) {
                    self.history.saw(&log);
                }
                (log.id.clone(), Findings::of(&state, &log, prior))
            }
            None => (self.begin(ledger).await?, Findings::of_a_new_log(&state, claimed.now_millis, prior)),
        };
        let counted = self.repair(ledger, &id, &state, &findings).await?;
        let may_lack_changes = !claimed.same_server || findings.loss.is_some();
        self.pull(state.log.is_some() && may_lack_changes).await?;
        ask_log(&self.health, self.log.open()).await?;
        self.spread_all().await?;
        self.account = Account::begin(counted);
        self.warn_of_late_settings().await?;
        self.metrics.counts(Some(&id));
        debug!(event = "log.attached", partition = self.partition.number(), log.id = id.as_str(), %counted, "attached");
        Ok(CountFrom { log: id, counted_through: counted })
    }

    /// On the very first start the ledger gets the first poll, if this is its partition. The log gets it later.
    async fn ensure_first_poll(&mut self, ledger: &mut dyn Ledger) -> Result<(), StopReason> {
        let poll = &self.rules.first_poll;
        if self.rules.partitions.home(poll.id()) != self.partition {
            return Ok(());
        }
        ask_ledger(&self.health, ledger.ensure_first_poll(poll)).await
    }

    /// Warns once if the settings of the first poll come too late.
    async fn warn_of_late_settings(&mut self) -> Result<(), StopReason> {
        let first = &self.rules.first_poll;
        let is_elsewhere = self.rules.partitions.home(first.id()) != self.partition;
        if self.first_poll_told || is_elsewhere || first_poll::is_default(first) {
            return Ok(());
        }
        self.first_poll_told = true;
        let polls = ask_log(&self.health, self.log.polls()).await?;
        if let Some(there) = polls.iter().find(|poll| poll.id() == first.id()) {
            first_poll::tell_if_not_applied(first, there);
        }
        Ok(())
    }

    /// Begins a log from the ledger: a closed poll stays closed, and positions continue after the ledger's.
    async fn begin(&mut self, ledger: &mut dyn Ledger) -> Result<LogId, StopReason> {
        let seed = ask_ledger(&self.health, ledger.seed()).await?;
        let (after, polls) = (seed.after, seed.polls.len());
        let id = ask_log(&self.health, self.log.begin(seed)).await?;
        self.metrics.logs_begun.increment(1);
        info!(event = "log.begun", partition = self.partition.number(), log.id = id.as_str(), %after, polls,
            "began a log with the ledger's polls");
        Ok(id)
    }

    /// Repairs what the findings name. Returns the position from which to count.
    ///
    /// First the log's number of ballots: it shows how many are missing even if this worker ends right after. Then the
    /// gap is noted, and last the log is raised above it. If this stops in between, the next attempt finds it again.
    async fn repair(
        &mut self,
        ledger: &mut dyn Ledger,
        id: &LogId,
        state: &LogState,
        findings: &Findings,
    ) -> Result<Position, StopReason> {
        if findings.renew {
            let seed = ask_ledger(&self.health, ledger.seed()).await?;
            ask_log(&self.health, self.log.renew(seed)).await?;
        }
        let gap = findings.gap.map(|MissingBallots { after, through, ballots }| {
            // The number is known once the rest is read.
            let ballots = (!findings.open || ballots > 0).then_some(ballots);
            Gap { partition: self.partition, after, through, ballots }
        });
        if let Some(gap) = gap.filter(|_| state.log.as_ref().is_none_or(|known| known == id)) {
            self.history.may_have_given_out(gap.through);
        }
        if findings.forgotten > 0 {
            let add = self.log.add_lost(findings.forgotten);
            ask_log(&self.health, add).await?;
        }
        self.note(ledger, id, state, gap).await?;
        self.report(id, state, findings.loss, gap);
        let beyond = gap.map_or(state.position, |gap| gap.through.max(state.position));
        if findings.raise || findings.last < beyond {
            ask_log(&self.health, self.log.raise(beyond)).await?;
        }
        // Entries before the gap are counted first.
        let counted = if gap.is_some_and(|gap| gap.after > state.position) { state.position } else { beyond };
        let missing = gap.and_then(|gap| gap.ballots).unwrap_or(0);
        if findings.settle {
            let counts = ask_ledger(&self.health, ledger.counts()).await?;
            let settle = self.log.settle(&counts, state.uncounted() + missing);
            ask_log(&self.health, settle).await?;
        }
        let accounted = state.accounted() + missing;
        self.lag.accounts_for(accounted);
        let accepted = if findings.settle { accounted } else { findings.accepted + findings.forgotten };
        self.lag.accepted(accepted);
        self.history.attached(id, accepted);
        Ok(counted)
    }

    /// Notes in the ledger which log it counts from now on, and which part of it is lost.
    async fn note(
        &mut self,
        ledger: &mut dyn Ledger,
        id: &LogId,
        state: &LogState,
        gap: Option<Gap>,
    ) -> Result<(), StopReason> {
        if gap.is_none() && state.log.as_ref() == Some(id) {
            return Ok(());
        }
        // Changes of polls within the gap are lost too, but the log has the polls as they are now.
        let polls = match gap {
            Some(_) => ask_log(&self.health, self.log.polls()).await?,
            None => Vec::new(),
        };
        ask_ledger(&self.health, ledger.attach(id, gap, &polls)).await
    }

    /// Notes in the ledger a loss that was found while counting.
    pub(crate) async fn note_missing(
        &mut self,
        ledger: &mut dyn Ledger,
        id: &LogId,
        MissingBallots { after, through, ballots }: MissingBallots,
    ) -> Result<(), StopReason> {
        let gap = Gap { partition: self.partition, after, through, ballots: Some(ballots) };
        let polls = ask_log(&self.health, self.log.polls()).await?;
        ask_ledger(&self.health, ledger.attach(id, Some(gap), &polls)).await?;
        self.lag.taken(ballots);
        self.report_gap(gap, Some(Loss::Entries));
        Ok(())
    }

    /// Logs what was lost.
    fn report(&self, id: &LogId, state: &LogState, loss: Option<Loss>, gap: Option<Gap>) {
        let (partition, counted) = (self.partition.number(), state.position);
        match loss {
            Some(Loss::WholeLog) => {
                self.metrics.logs_lost.increment(1);
                let before = state.log.as_ref().map_or("none", LogId::as_str);
                error!(
                    event = "log.lost",
                    partition,
                    log.id = id.as_str(),
                    log.before = before,
                    "the log that the ledger counted is gone; the new one is counted from now on"
                );
            }
            Some(Loss::ItsEnd) => {
                error!(event = "log.went_back", partition, log.id = id.as_str(), %counted,
                    "Redis came back with less than it had, or a replica was promoted");
            }
            Some(Loss::Figures) => {
                warn!(
                    event = "log.repaired",
                    partition,
                    log.id = id.as_str(),
                    "the log's number of accepted ballots was too small, and nothing is missing"
                );
            }
            Some(Loss::Stream) => {
                error!(event = "log.stream_lost", partition, log.id = id.as_str(), %counted,
                    "the log's stream was deleted or evicted; a new one begins after the ledger's position");
            }
            Some(Loss::Trimmed | Loss::Entries) | None => {}
        }
        if let Some(gap) = gap {
            self.report_gap(gap, loss);
        }
    }

    fn report_gap(&self, Gap { after, through, ballots, .. }: Gap, loss: Option<Loss>) {
        let partition = self.partition.number();
        self.metrics.gaps.increment(1);
        self.metrics.ballots_lost.increment(ballots.unwrap_or(0));
        let lost = loss.map_or("", Loss::words);
        let ballots =
            ballots.filter(|ballots| *ballots > 0).map_or("unknown".to_owned(), |ballots| ballots.to_string());
        error!(event = "ledger.gap", partition, %after, %through, ballots, lost,
            "ballots between these positions may be lost; counting continues after them");
    }
}
