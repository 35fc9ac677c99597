//! Counting: reads pages from the log and applies them to the ledger. Reads one page ahead while the ledger commits.
//!
//! Everything up to `counted` is committed, as the ledger reported. The page that is read during a commit follows the
//! last entry of the batch that is being applied. It becomes the next batch only if that batch was committed and the
//! log is the same. Any error discards it.

use std::{convert::Infallible, time::Duration};

use domain::{ApplyOutcome, Entry, Gap, Ledger, Log, LogId, Page, Position};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{
    account::MissingBallots,
    asking::{StopReason, ask_ledger, ask_log},
    attach::CountFrom,
    batch_pace::BatchPace,
    clocks::ClockOffset,
    findings::Loss,
    health::TellerHealth,
    teller_parts::TellerParts,
    worker_metrics::WorkerMetrics,
};

/// How long a read waits in the log for the next entry. Also how soon a quiet teller surveys.
const READ_WAIT: Duration = Duration::from_secs(1);
/// How often log and ledger are compared with what is expected, and the lag is measured.
const SURVEY_EVERY: Duration = Duration::from_secs(1);
/// The server restarted or was promoted, another leader has claimed the log, or the log was emptied.
const NOT_ATTACHED: &str = "this worker is not attached to the log any more";
/// How often the log is trimmed.
const TRIM_EVERY: Duration = Duration::from_secs(10);

/// Counts one log, from where it was attached.
pub(crate) struct Counting<'a> {
    parts: &'a mut TellerParts,
    ledger: &'a mut dyn Ledger,
    /// Which log it is.
    log_id: LogId,
    /// Everything up to here is committed.
    counted: Position,
    pace: BatchPace,
}

impl<'a> Counting<'a> {
    pub(crate) fn new(parts: &'a mut TellerParts, ledger: &'a mut dyn Ledger, from: CountFrom) -> Self {
        let pace = BatchPace::of_one_of(parts.rules.partitions);
        Self { parts, ledger, log_id: from.log, counted: from.counted_through, pace }
    }

    /// Counts until something stops it.
    pub(crate) async fn count(mut self) -> Result<Infallible, StopReason> {
        let shutdown = self.parts.shutdown.clone();
        let mut batch: Vec<Entry> = Vec::new();
        // Ballots accepted when it was read.
        let mut accepted = 0;
        // At once: screens need the first heartbeat.
        let mut survey_at = Instant::now();
        let mut trim_at = Instant::now() + TRIM_EVERY;
        loop {
            let page = self.apply_and_read_on(batch, accepted).await?;
            self.parts.outages.log_works();
            if !page.attached {
                return Err(StopReason::Moved(NOT_ATTACHED));
            }
            self.parts.spreader.read(&page.entries);
            self.parts.closer.read(&page.entries);
            (batch, accepted) = (page.entries, page.accepted);
            self.parts.view.counts_next(&batch, accepted);
            let ballots = batch.len() as u64;
            self.pace.read(ballots, self.parts.view.lag().ballots().saturating_sub(ballots));

            if Instant::now() >= survey_at {
                shutdown.run_until_cancelled(self.survey()).await.unwrap_or(Err(StopReason::Shutdown))?;
                survey_at = Instant::now() + SURVEY_EVERY;
                // Only after a survey: a former leader must not trim what another one counts.
                if Instant::now() >= trim_at {
                    self.trim().await?;
                    trim_at = Instant::now() + TRIM_EVERY;
                }
            }
        }
    }

    /// Counts a batch, and reads the page after it at the same time. When the batch was read, the log had accepted
    /// `accepted` ballots.
    async fn apply_and_read_on(&mut self, batch: Vec<Entry>, accepted: u64) -> Result<Page, StopReason> {
        let after = batch.last().map_or(self.counted, |last| last.position);
        let missing = self.parts.view.will_miss(&batch);
        let TellerParts { log, rules, health, metrics, shutdown, .. } = &mut *self.parts;
        let (applied, page) = tokio::join!(
            apply(health, metrics, self.ledger, batch),
            read(health, log.as_mut(), after, rules.batch_entries, &self.pace, shutdown),
        );
        // Also if the batch failed.
        if let Ok(page) = page.as_ref()
            && page.attached
        {
            self.parts.view.read(&self.log_id, page);
        }
        // The batch first: if it failed, the page does not follow what is counted.
        if let Some(applied) = applied? {
            self.parts.outages.ledger_works();
            self.parts.view.taken(applied.ballots + applied.rejected);
            if applied.position != after {
                return Err(StopReason::Moved("the ledger's position is not that of the batch"));
            }
            self.counted = after;
            self.parts.view.counted(accepted);
            if let Some(missing) = missing {
                self.note_missing(missing).await?;
            }
        }
        page
    }

    /// Notes in the ledger that the log lacks ballots which it had accepted.
    async fn note_missing(
        &mut self,
        MissingBallots { after, through, ballots }: MissingBallots,
    ) -> Result<(), StopReason> {
        let TellerParts { partition, log, view, losses, health, .. } = &mut *self.parts;
        let gap = Gap { partition: *partition, after, through, ballots: Some(ballots) };
        let polls = ask_log(health, log.polls()).await?;
        let events = ask_log(health, log.events()).await?;
        ask_ledger(health, self.ledger.attach(&self.log_id, Some(gap), &polls, &events)).await?;
        ask_ledger(health, self.ledger.grow_trees()).await?;
        view.taken(ballots);
        losses.gap(gap, Some(Loss::Entries));
        Ok(())
    }

    /// Checks that log and ledger are as expected, and measures the lag. It finds what reading and applying would not:
    /// a lost lead while no ballots arrive, a restored ledger, a log that was set back.
    async fn survey(&mut self) -> Result<(), StopReason> {
        let TellerParts { identity, log, view, outages, health, metrics, .. } = &mut *self.parts;
        identity.check(self.ledger, log.as_mut(), health).await?;
        let state = ask_ledger(health, self.ledger.state()).await?;
        if state.position != self.counted || state.log.as_ref() != Some(&self.log_id) {
            return Err(StopReason::Moved("the ledger is not where it was left"));
        }
        outages.ledger_works();
        let looked = ask_log(health, log.look(self.counted)).await?;
        let clock = looked.as_ref().map(|log| ClockOffset::of_answer(log.now_millis));
        let log = looked.ok_or(StopReason::Moved(NOT_ATTACHED))?;
        if log.id != self.log_id {
            return Err(StopReason::Moved("the log is another one"));
        }
        view.saw(&log);
        if log.last.is_none_or(|last| last < self.counted) {
            return Err(StopReason::Moved("the log went back, or its stream is gone"));
        }
        if log.trimmed > self.counted {
            return Err(StopReason::Moved("the log was trimmed beyond what is counted"));
        }
        if !log.unread && log.accepted != state.accounted() {
            return Err(StopReason::Moved("all that the log holds is counted, and it has accepted more or fewer"));
        }
        outages.attachment_lasts();
        view.surveyed(&log, state.accounted());
        metrics.lag(view.lag(), program::now_millis());
        metrics.log_clock(clock);
        // Only here: the log was just read, and everything read before is committed.
        ask_ledger(health, self.ledger.heartbeat(log.now_millis)).await?;
        health.counted();
        Ok(())
    }

    /// Trims what was counted long enough ago.
    async fn trim(&mut self) -> Result<(), StopReason> {
        let TellerParts { log, retention, health, .. } = &mut *self.parts;
        let replicated = ask_ledger(health, self.ledger.replicated()).await?;
        let Some(through) = retention.counted(self.counted, replicated) else { return Ok(()) };
        ask_log(health, log.trim(through)).await
    }
}

/// Counts a batch. `None` if it is empty. A shutdown does not interrupt it.
async fn apply(
    health: &TellerHealth,
    metrics: &WorkerMetrics,
    ledger: &mut dyn Ledger,
    batch: Vec<Entry>,
) -> Result<Option<ApplyOutcome>, StopReason> {
    if batch.is_empty() {
        return Ok(None);
    }
    let (entries, begun) = (batch.len(), Instant::now());
    let span = tracing::trace_span!(target: program::traces::TARGET, "ledger.apply", entries);
    let applied = ask_ledger(health, ledger.apply(batch).instrument(span)).await?;
    metrics.batch(entries, &applied, begun.elapsed());
    Ok(Some(applied))
}

/// Reads the page after `after`, once the pace allows it. A shutdown ends the wait; entries stay in the log.
async fn read(
    health: &TellerHealth,
    log: &mut dyn Log,
    after: Position,
    limit: usize,
    pace: &BatchPace,
    shutdown: &CancellationToken,
) -> Result<Page, StopReason> {
    let page = async {
        pace.pause().await;
        ask_log(health, log.read(after, limit, READ_WAIT)).await
    };
    shutdown.run_until_cancelled(page).await.unwrap_or(Err(StopReason::Shutdown))
}
