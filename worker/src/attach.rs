//! Attaching the ledger to the log: making its server fit to take ballots, and finding the place from which to count.
//!
//! Whatever happened before (a first start, a crash, a server that came back with less than it had, a ledger restored
//! from an older dump), only two things decide: the ledger, and what the log says of itself. The log takes no ballots
//! while the two are compared. A failure at any step leaves it so, and the next attempt goes on from there.

use domain::{Gap, Ledger, LogId, LogState, Position};
use program::first_poll;
use tracing::{debug, error, info, warn};

use crate::{
    account::{Account, MissingBallots},
    asking::{LONG_PATIENCE, PATIENCE, StopReason, ask_ledger, ask_log},
    findings::{Findings, Loss, PriorView},
    teller::Teller,
};

/// A ledger that is attached to a log.
#[derive(Debug)]
pub(crate) struct CountFrom {
    /// Which log it is.
    pub(crate) log: LogId,
    /// Everything up to here is counted, or noted as a gap.
    pub(crate) counted: Position,
}

impl Teller {
    /// Attaches the ledger to the log, which is begun if there is none.
    pub(crate) async fn attach(&mut self, ledger: &mut dyn Ledger) -> Result<CountFrom, StopReason> {
        self.identify(ledger).await?;
        let state = ask_ledger(&self.health, PATIENCE, "reading the ledger's position", ledger.state()).await?;
        self.lag.accounts_for(state.accounted());
        if state.log.is_none() {
            self.ensure_first_poll(ledger).await?;
        }
        let claim = self.log.claim(&self.leader, &state);
        let claimed = ask_log(&self.health, PATIENCE, "claiming the log", claim).await?;
        if !claimed.uninterrupted {
            self.retention.restart();
        }
        let counted_log = state.log.clone().or_else(|| claimed.log.as_ref().map(|log| log.id.clone()));
        let prior = PriorView { promoted: claimed.promoted, ..self.prior_view(counted_log.as_ref()) };
        let (id, findings) = match claimed.log {
            Some(log) => {
                // Now: what follows may fail, and the log may say less at the next attempt.
                if counted_log.as_ref() == Some(&log.id) {
                    self.history.saw(&log);
                }
                (log.id.clone(), Findings::of(&state, &log, prior))
            }
            None => (self.begin(ledger).await?, Findings::of_a_new_log(&state, claimed.now_millis, prior)),
        };
        let counted = self.put_right(ledger, &id, &state, &findings).await?;
        ask_log(&self.health, PATIENCE, "attaching to the log", self.log.open()).await?;
        self.account = Account::begin(counted);
        self.tell_of_first_poll().await?;
        self.metrics.counts(Some(&id));
        debug!(partition = self.partition.number(), log.id = id.as_str(), %counted, "log.attached");
        Ok(CountFrom { log: id, counted })
    }

    /// The very first start: the ledger gets the first poll, if this is its partition. The log learns it when it is begun.
    async fn ensure_first_poll(&mut self, ledger: &mut dyn Ledger) -> Result<(), StopReason> {
        let poll = &self.rules.first_poll;
        if self.rules.partitions.of(poll.id()) != self.partition {
            return Ok(());
        }
        ask_ledger(&self.health, PATIENCE, "making the first poll", ledger.ensure_first_poll(poll)).await
    }

    /// Settings for the first poll that come too late are told, once.
    async fn tell_of_first_poll(&mut self) -> Result<(), StopReason> {
        let first = &self.rules.first_poll;
        let is_elsewhere = self.rules.partitions.of(first.id()) != self.partition;
        if self.first_poll_told || is_elsewhere || first_poll::is_default(first) {
            return Ok(());
        }
        self.first_poll_told = true;
        let polls = ask_log(&self.health, PATIENCE, "reading the log's polls", self.log.polls()).await?;
        if let Some(there) = polls.iter().find(|poll| poll.id() == first.id()) {
            first_poll::tell_if_not_applied(first, there);
        }
        Ok(())
    }

    /// Begins a log with what the ledger knows: a closed poll stays closed, and positions go on from the ledger's.
    async fn begin(&mut self, ledger: &mut dyn Ledger) -> Result<LogId, StopReason> {
        let seed = ask_ledger(&self.health, LONG_PATIENCE, "reading what a new log must know", ledger.seed()).await?;
        let (after, polls) = (seed.after, seed.polls.len());
        let id = ask_log(&self.health, LONG_PATIENCE, "beginning a log", self.log.begin(seed)).await?;
        self.metrics.logs_begun.increment(1);
        info!(partition = self.partition.number(), log.id = id.as_str(), %after, polls, "log.begun: there was no log; \
             one is begun with the ledger's polls");
        Ok(id)
    }

    /// Does what the findings ask for. Returns the position from which to count.
    ///
    /// The gap is noted before the log is raised above it: what stops in between is found, and told, once more. The
    /// log's figure is repaired before that: it shows how many are missing even if this worker ends in between.
    async fn put_right(
        &mut self,
        ledger: &mut dyn Ledger,
        id: &LogId,
        state: &LogState,
        findings: &Findings,
    ) -> Result<Position, StopReason> {
        if findings.renew {
            let seed = ask_ledger(&self.health, LONG_PATIENCE, "reading what the log must know", ledger.seed()).await?;
            ask_log(&self.health, LONG_PATIENCE, "writing polls and voters into the log", self.log.renew(seed)).await?;
        }
        let gap = findings.gap.map(|MissingBallots { after, through, ballots }| {
            // What is left to read shows how many.
            let ballots = (!findings.open || ballots > 0).then_some(ballots);
            Gap { partition: self.partition, after, through, ballots }
        });
        if let Some(gap) = gap.filter(|_| state.log.as_ref().is_none_or(|known| known == id)) {
            self.history.may_have_given_out(gap.through);
        }
        if findings.forgotten > 0 {
            let add = self.log.add_lost(findings.forgotten);
            ask_log(&self.health, PATIENCE, "adding what is lost to what was accepted", add).await?;
        }
        self.note(ledger, id, state, gap).await?;
        self.tell(id, state, findings.loss, gap);
        let beyond = gap.map_or(state.position, |gap| gap.through.max(state.position));
        if findings.raise || findings.last < beyond {
            ask_log(&self.health, PATIENCE, "raising the log's position", self.log.raise(beyond)).await?;
        }
        // What is left to read before a gap is counted first.
        let counted = if gap.is_some_and(|gap| gap.after > state.position) { state.position } else { beyond };
        let missing = gap.and_then(|gap| gap.ballots).unwrap_or(0);
        if findings.settle {
            let counts = ask_ledger(&self.health, PATIENCE, "reading how much is counted", ledger.counts()).await?;
            let settle = self.log.settle(&counts, state.uncounted() + missing);
            ask_log(&self.health, PATIENCE, "repairing how much was accepted", settle).await?;
        }
        let accounted = state.accounted() + missing;
        self.lag.accounts_for(accounted);
        let accepted = if findings.settle { accounted } else { findings.accepted + findings.forgotten };
        self.lag.accepted(accepted);
        self.history.attached(id, accepted);
        Ok(counted)
    }

    /// Notes in the ledger which log it counts from now on, and what of it can't be counted.
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
        // The changes of polls within a gap are lost with it, but the log knows the polls as they are now.
        let polls = match gap {
            Some(_) => ask_log(&self.health, PATIENCE, "reading the log's polls", self.log.polls()).await?,
            None => Vec::new(),
        };
        ask_ledger(&self.health, PATIENCE, "attaching the ledger to the log", ledger.attach(id, gap, &polls)).await
    }

    /// Notes in the ledger what was removed from the log before it could be read, as it shows while more is counted.
    pub(crate) async fn note_missing(
        &mut self,
        ledger: &mut dyn Ledger,
        id: &LogId,
        MissingBallots { after, through, ballots }: MissingBallots,
    ) -> Result<(), StopReason> {
        let gap = Gap { partition: self.partition, after, through, ballots: Some(ballots) };
        let polls = ask_log(&self.health, PATIENCE, "reading the log's polls", self.log.polls()).await?;
        ask_ledger(&self.health, PATIENCE, "noting what is missing", ledger.attach(id, Some(gap), &polls)).await?;
        self.lag.taken(ballots);
        self.tell_of_gap(gap, Some(Loss::Entries));
        Ok(())
    }

    /// Says what was lost, and what came of it.
    fn tell(&self, id: &LogId, state: &LogState, loss: Option<Loss>, gap: Option<Gap>) {
        let (partition, counted) = (self.partition.number(), state.position);
        match loss {
            Some(Loss::WholeLog) => {
                self.metrics.logs_lost.increment(1);
                let before = state.log.as_ref().map_or("none", LogId::as_str);
                error!(
                    partition,
                    log.id = id.as_str(),
                    log.before = before,
                    "log.lost: the log that the ledger counted from is gone; ballots it had taken and that were not \
                     counted are lost; what is counted stays, and the new log is counted"
                );
            }
            Some(Loss::ItsEnd) => {
                error!(partition, log.id = id.as_str(), %counted, "log.went_back: Redis came back with less than it \
                     had, or a replica was promoted; what is counted stays counted, the log gets polls and voters as \
                     the ledger knows them, and goes on behind all that was lost");
            }
            Some(Loss::Figures) => {
                warn!(
                    partition,
                    log.id = id.as_str(),
                    "log.repaired: how many ballots the log had accepted did not fit what is counted, and nothing was \
                     missing; the figures are the ledger's now"
                );
            }
            Some(Loss::Stream) => {
                error!(partition, log.id = id.as_str(), %counted, "log.stream_lost: somebody deleted the log's stream, \
                     or Redis has evicted it; a new one is begun behind the ledger's position");
            }
            Some(Loss::Trimmed | Loss::Entries) | None => {}
        }
        if let Some(gap) = gap {
            self.tell_of_gap(gap, loss);
        }
    }

    fn tell_of_gap(&self, Gap { after, through, ballots, .. }: Gap, loss: Option<Loss>) {
        let partition = self.partition.number();
        self.metrics.gaps.increment(1);
        self.metrics.ballots_lost.increment(ballots.unwrap_or(0));
        let lost = loss.map_or("", Loss::words);
        let ballots =
            ballots.filter(|ballots| *ballots > 0).map_or("unknown".to_owned(), |ballots| ballots.to_string());
        error!(partition, %after, %through, ballots, lost, "ledger.gap: ballots may have been acknowledged between \
             these two places that can't be counted any more; that is noted in the ledger, `worker recount` shows it, \
             and counting goes on behind it");
    }
}
