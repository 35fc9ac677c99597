//! Counting: reads pages from the log and applies them to the ledger. Reads one page ahead while the ledger commits.
//!
//! Everything up to `counted` is committed, as the ledger reported. The page that is read during a commit follows the
//! last entry of the batch that is being applied. It becomes the next batch only if that batch was committed and the
//! log is the same. Any error discards it.

use std::{convert::Infallible, time::Duration};

use domain::{ApplyOutcome, Entry, Ledger, Log, LogId, Page, Position};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{
    asking::{StopReason, ask_ledger, ask_log},
    attach::CountFrom,
    health::TellerHealth,
    teller::Teller,
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

impl Teller {
    /// Counts until something stops it.
    pub(crate) async fn count(&mut self, ledger: &mut dyn Ledger, at: CountFrom) -> Result<Infallible, StopReason> {
        let CountFrom { log: id, counted_through: mut counted } = at;
        let shutdown = self.shutdown.clone();
        let mut batch: Vec<Entry> = Vec::new();
        // Ballots accepted when it was read.
        let mut accepted = 0;
        // At once: screens need the first heartbeat.
        let mut survey_at = Instant::now();
        let mut trim_at = Instant::now() + TRIM_EVERY;
        loop {
            let after = batch.last().map_or(counted, |last| last.position);
            let missing = self.account.will_miss(&batch, self.lag.accounted());
            let (applied, page) = tokio::join!(
                apply(&self.health, &self.metrics, ledger, batch),
                read(&self.health, self.log.as_mut(), after, self.rules.batch_entries, &shutdown),
            );
            // Also if the batch failed.
            if let Ok(page) = page.as_ref()
                && page.attached
            {
                self.history.read(&id, page);
            }
            // The batch first: if it failed, the page does not follow what is counted.
            if let Some(applied) = applied? {
                self.ledger_works();
                self.lag.taken(applied.ballots + applied.rejected);
                if applied.position != after {
                    return Err(StopReason::Moved("the ledger's position is not that of the batch"));
                }
                counted = after;
                self.quiet = accepted == self.lag.accounted();
                if let Some(missing) = missing {
                    self.note_missing(ledger, &id, missing).await?;
                }
            }
            let page = page?;
            self.log_works();
            if !page.attached {
                return Err(StopReason::Moved(NOT_ATTACHED));
            }
            self.spreader.read(&page.entries);
            (batch, accepted) = (page.entries, page.accepted);
            self.quiet &= batch.is_empty();
            self.lag.accepted(accepted);
            self.lag.waiting_since(batch.first().map(|oldest| oldest.position.millis()));

            if Instant::now() >= survey_at {
                let survey = self.survey(ledger, &id, counted);
                shutdown.run_until_cancelled(survey).await.unwrap_or(Err(StopReason::Shutdown))?;
                survey_at = Instant::now() + SURVEY_EVERY;
                // Only after a survey: a former leader must not trim what another one counts.
                if Instant::now() >= trim_at {
                    self.trim(ledger, counted).await?;
                    trim_at = Instant::now() + TRIM_EVERY;
                }
            }
        }
    }

    /// Checks that log and ledger are as expected, and measures the lag. It finds what reading and applying would not:
    /// a lost lead while no ballots arrive, a restored ledger, a log that was set back.
    async fn survey(&mut self, ledger: &mut dyn Ledger, id: &LogId, counted: Position) -> Result<(), StopReason> {
        self.identify(ledger).await?;
        let state = ask_ledger(&self.health, ledger.state()).await?;
        if state.position != counted || state.log.as_ref() != Some(id) {
            return Err(StopReason::Moved("the ledger is not where it was left"));
        }
        self.ledger_works();
        let looked = ask_log(&self.health, self.log.look(counted)).await?;
        let log = looked.ok_or(StopReason::Moved(NOT_ATTACHED))?;
        if log.id != *id {
            return Err(StopReason::Moved("the log is another one"));
        }
        self.history.saw(&log);
        if log.last.is_none_or(|last| last < counted) {
            return Err(StopReason::Moved("the log went back, or its stream is gone"));
        }
        if log.trimmed > counted {
            return Err(StopReason::Moved("the log was trimmed beyond what is counted"));
        }
        if !log.unread && log.accepted != state.accounted() {
            return Err(StopReason::Moved("all that the log holds is counted, and it has accepted more or fewer"));
        }
        self.attachment_lasts();
        self.quiet = !log.unread;
        self.account.log_says(&log);
        self.lag.accounts_for(state.accounted());
        self.lag.accepted(log.accepted);
        self.show_lag();
        // Only here: the log was just read, and everything read before is committed.
        ask_ledger(&self.health, ledger.heartbeat()).await?;
        self.health.counted();
        Ok(())
    }

    /// Trims what was counted long enough ago.
    async fn trim(&mut self, ledger: &mut dyn Ledger, counted: Position) -> Result<(), StopReason> {
        let replicated = ask_ledger(&self.health, ledger.replicated()).await?;
        let Some(through) = self.retention.counted(counted, replicated) else { return Ok(()) };
        ask_log(&self.health, self.log.trim(through)).await
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

/// Reads the page after `after`. A shutdown ends the wait; entries stay in the log.
async fn read(
    health: &TellerHealth,
    log: &mut dyn Log,
    after: Position,
    limit: usize,
    shutdown: &CancellationToken,
) -> Result<Page, StopReason> {
    let page = ask_log(health, log.read(after, limit, READ_WAIT));
    shutdown.run_until_cancelled(page).await.unwrap_or(Err(StopReason::Shutdown))
}
