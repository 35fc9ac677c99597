//! Counting: page after page from the log into the ledger, reading ahead while the ledger commits.
//!
//! Two positions: everything up to `counted` is committed, as the ledger itself said; the page that is read
//! meanwhile follows the last entry of the batch that is being applied. The page becomes the next batch only if
//! that batch was committed and the log is still the same. Leaving this function throws the page away.

use std::{convert::Infallible, time::Duration};

use domain::{ApplyOutcome, Entry, Ledger, Log, LogId, Page, Position};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{
    asking::{PATIENCE, StopReason, ask_ledger, ask_log},
    attach::CountFrom,
    health::TellerHealth,
    teller::Teller,
    worker_metrics::WorkerMetrics,
};

/// How long a read waits in the log for the next entry. Also how soon a quiet teller surveys.
const READ_WAIT: Duration = Duration::from_secs(1);
/// How often it is made sure that log and ledger are where they should be, and the lag is measured.
const SURVEY_EVERY: Duration = Duration::from_secs(1);
/// The server was started anew or promoted, another leader has claimed the log, or the log was emptied.
const NOT_ATTACHED: &str = "this worker is not attached to the log any more";
/// How often the log forgets what it need not keep.
const TRIM_EVERY: Duration = Duration::from_secs(10);

impl Teller {
    /// Counts until something stops it.
    pub(crate) async fn count(&mut self, ledger: &mut dyn Ledger, at: CountFrom) -> Result<Infallible, StopReason> {
        let CountFrom { log: id, mut counted } = at;
        let shutdown = self.shutdown.clone();
        let mut batch: Vec<Entry> = Vec::new();
        // Ballots accepted when it was read.
        let mut accepted = 0;
        // At once: whoever shows the scores waits for the first heartbeat.
        let mut survey_at = Instant::now();
        let mut trim_at = Instant::now() + TRIM_EVERY;
        loop {
            let after = batch.last().map_or(counted, |last| last.position);
            let missing = self.account.will_miss(&batch, self.lag.accounted());
            let (applied, page) = tokio::join!(
                apply(&self.health, &self.metrics, ledger, batch),
                read(&self.health, self.log.as_mut(), after, self.rules.batch_entries, &shutdown),
            );
            // What was seen of the log is true whatever became of the batch.
            if let Ok(page) = page.as_ref()
                && page.attached
            {
                self.history.read(&id, page);
            }
            // The batch first: if it failed, the page follows something that was not counted.
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
            (batch, accepted) = (page.entries, page.accepted);
            self.quiet &= batch.is_empty();
            self.lag.accepted(accepted);
            self.lag.waiting_since(batch.first().map(|oldest| oldest.position.millis()));

            if Instant::now() >= survey_at {
                let survey = self.survey(ledger, &id, counted);
                shutdown.run_until_cancelled(survey).await.unwrap_or(Err(StopReason::Shutdown))?;
                survey_at = Instant::now() + SURVEY_EVERY;
                // Only after a survey: whoever lost the lead without noticing must not trim what another counts.
                if Instant::now() >= trim_at {
                    self.trim(ledger, counted).await?;
                    trim_at = Instant::now() + TRIM_EVERY;
                }
            }
        }
    }

    /// Makes sure that log and ledger are where they were left, and measures the lag. It finds what reading and
    /// applying would not: a lost lead while no ballots come, a ledger restored and a log set back under our feet.
    async fn survey(&mut self, ledger: &mut dyn Ledger, id: &LogId, counted: Position) -> Result<(), StopReason> {
        self.identify(ledger).await?;
        let state = ask_ledger(&self.health, PATIENCE, "reading the ledger's position", ledger.state()).await?;
        if state.position != counted || state.log.as_ref() != Some(id) {
            return Err(StopReason::Moved("the ledger is not where it was left"));
        }
        self.ledger_works();
        let looked = ask_log(&self.health, PATIENCE, "looking at the log", self.log.look(counted)).await?;
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
        // Only here: both work, the log was just read, and what was read before is committed.
        ask_ledger(&self.health, PATIENCE, "noting that the count works", ledger.heartbeat()).await?;
        self.health.counted();
        Ok(())
    }

    /// Lets the log forget what was counted long enough ago.
    async fn trim(&mut self, ledger: &mut dyn Ledger, counted: Position) -> Result<(), StopReason> {
        let replicated =
            ask_ledger(&self.health, PATIENCE, "reading how far standbys are", ledger.replicated()).await?;
        let Some(through) = self.retention.counted(counted, replicated) else { return Ok(()) };
        ask_log(&self.health, PATIENCE, "trimming the log", self.log.trim(through)).await
    }
}

/// Counts a batch, to its end whatever happens meanwhile; `None` if there is nothing to count.
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
    let applied = ask_ledger(health, PATIENCE, "counting a batch", ledger.apply(batch).instrument(span)).await?;
    metrics.batch(entries, &applied, begun.elapsed());
    Ok(Some(applied))
}

/// Reads the page after `after`. Shutdown ends the wait: what was read is not lost, since it is still in the log.
async fn read(
    health: &TellerHealth,
    log: &mut dyn Log,
    after: Position,
    limit: usize,
    shutdown: &CancellationToken,
) -> Result<Page, StopReason> {
    let page = ask_log(health, PATIENCE, "reading the log", log.read(after, limit, READ_WAIT));
    shutdown.run_until_cancelled(page).await.unwrap_or(Err(StopReason::Shutdown))
}
