//! Attaching the ledger to the log: finding the place from which to count.
//!
//! Whatever happened before (a first start, a crash, a log that lost its storage, a ledger restored from an
//! older dump), only two things decide: the position in the ledger, and what the log says of itself.
//! A failure at any step leaves a state from which the next attempt goes on.

use domain::{Attachment, Gap, Ledger, LogId, LogState, Position};
use service::first_poll;
use tracing::{debug, error, info, warn};

use crate::{
    asking::{LONG_PATIENCE, PATIENCE, Stop, ask_ledger, ask_log},
    teller::Teller,
};

/// A ledger that is attached to a log.
#[derive(Debug)]
pub(crate) struct Attached {
    /// Which log it is.
    pub(crate) log: LogId,
    /// Everything up to here is counted, or noted as a gap.
    pub(crate) counted: Position,
}

impl Teller {
    /// Attaches the ledger to the log, which is begun if there is none.
    pub(crate) async fn attach(&mut self, ledger: &mut dyn Ledger) -> Result<Attached, Stop> {
        self.identify(ledger).await?;
        let state = ask_ledger(&self.duty, PATIENCE, "reading the ledger's position", ledger.state()).await?;
        self.lag.holds(state.counted);
        if state.log.is_none() {
            self.found(ledger).await?;
        }
        let looked = ask_log(&self.duty, PATIENCE, "looking at the log", self.log.look()).await?;
        let log = match looked {
            Some(log) => log,
            None => self.begin(ledger).await?,
        };
        self.keep_positions_rising(&log, &state).await?;
        let counted = self.note(ledger, &log, &state).await?;
        self.tell_of_first_poll().await?;
        self.figures.counts(Some(&log.id));
        debug!(partition = self.partition.number(), log.id = log.id.as_str(), %counted, "log.attached");
        Ok(Attached { log: log.id, counted })
    }

    /// The very first start: the ledger gets the first poll, if this is its partition. The log learns it when it is begun.
    async fn found(&mut self, ledger: &mut dyn Ledger) -> Result<(), Stop> {
        let poll = &self.rules.first_poll;
        if self.rules.partitions.of(poll.id()) != self.partition {
            return Ok(());
        }
        ask_ledger(&self.duty, PATIENCE, "making the first poll", ledger.found(poll)).await
    }

    /// Settings for the first poll that come too late are told, once.
    async fn tell_of_first_poll(&mut self) -> Result<(), Stop> {
        let first = &self.rules.first_poll;
        let is_elsewhere = self.rules.partitions.of(first.id()) != self.partition;
        if self.first_poll_told || is_elsewhere || first_poll::is_default(first) {
            return Ok(());
        }
        self.first_poll_told = true;
        let polls = ask_log(&self.duty, PATIENCE, "reading the log's polls", self.log.polls()).await?;
        if let Some(there) = polls.iter().find(|poll| poll.id() == first.id()) {
            first_poll::tell_if_not_applied(first, there);
        }
        Ok(())
    }

    /// Begins a log with what the ledger knows: a closed poll stays closed, and positions go on from the ledger's.
    async fn begin(&mut self, ledger: &mut dyn Ledger) -> Result<Attachment, Stop> {
        let seed = ask_ledger(&self.duty, LONG_PATIENCE, "reading what a new log must know", ledger.seed()).await?;
        let (after, polls) = (seed.after, seed.polls.len());
        let log = ask_log(&self.duty, LONG_PATIENCE, "beginning a log", self.log.begin(seed)).await?;
        self.figures.logs_begun.increment(1);
        info!(partition = self.partition.number(), log.id = log.id.as_str(), %after, polls, "log.begun: there was no log; one is begun with the ledger's polls, and ballots can be taken");
        Ok(log)
    }

    /// A log whose last position is before the ledger's has gone back: it was restored from an older copy, or a
    /// replica took over that had not everything. What it gives out next must not look counted already.
    async fn keep_positions_rising(&mut self, log: &Attachment, state: &LogState) -> Result<(), Stop> {
        if log.last >= state.position {
            return Ok(());
        }
        ask_log(&self.duty, PATIENCE, "raising the log's position", self.log.raise(state.position)).await?;
        warn!(partition = self.partition.number(), log.id = log.id.as_str(), log.last = %log.last, counted = %state.position, "log.went_back: the log had lost entries; those counted stay counted, others are gone; it goes on after the ledger's position");
        Ok(())
    }

    /// Notes in the ledger which log it counts from now on, and what of it can't be counted. Returns the
    /// position from which to count.
    async fn note(&mut self, ledger: &mut dyn Ledger, log: &Attachment, state: &LogState) -> Result<Position, Stop> {
        let gap = (state.position < log.trimmed).then_some(Gap {
            partition: self.partition,
            after: state.position,
            through: log.trimmed,
        });
        if gap.is_none() && state.log.as_ref() == Some(&log.id) {
            return Ok(state.position);
        }
        // The changes of polls within a gap are lost with it, but the log knows the polls as they are now.
        let polls = match gap {
            Some(_) => ask_log(&self.duty, PATIENCE, "reading the log's polls", self.log.polls()).await?,
            None => Vec::new(),
        };
        ask_ledger(&self.duty, PATIENCE, "attaching the ledger to the log", ledger.attach(&log.id, gap, &polls))
            .await?;
        self.tell_of_loss(log, state);
        if let Some(Gap { after, through, .. }) = gap {
            self.figures.gaps.increment(1);
            error!(partition = self.partition.number(), %after, %through, "ledger.gap: the log no longer holds what follows the ledger's position; the ballots between the two can't be counted, which is noted in the ledger; counting goes on behind the gap");
        }
        Ok(gap.map_or(state.position, |gap| gap.through))
    }

    /// Says what is known to be lost when the ledger counted from another log before.
    fn tell_of_loss(&mut self, log: &Attachment, state: &LogState) {
        let Some(before) = state.log.as_ref().filter(|before| **before != log.id) else { return };
        let uncounted = self.lag.lost_with(before, state.counted);
        self.figures.logs_lost.increment(1);
        self.figures.ballots_lost.increment(uncounted.unwrap_or(0));
        warn!(
            partition = self.partition.number(),
            log.id = log.id.as_str(),
            log.before = before.as_str(),
            accepted.uncounted = uncounted.map_or("unknown".to_owned(), |ballots| ballots.to_string()),
            "log.lost: the log the ledger counted from is gone; ballots it had taken and that were not counted are lost; what is counted stays, and the new log is counted"
        );
    }
}
