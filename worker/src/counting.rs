//! Counting: page after page from the log into the ledger, reading ahead while the ledger commits.
//!
//! Two positions: everything up to `counted` is committed, as the ledger itself said; the page that is read
//! meanwhile follows the last entry of the batch that is being applied. The page becomes the next batch only if
//! that batch was committed and the log is still the same. Leaving this function throws the page away.

use std::{convert::Infallible, time::Duration};

use domain::{Applied, Entry, Ledger, Log, LogId, Page, Position};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{
    asking::{PATIENCE, Stop, ask_ledger, ask_log},
    attach::Attached,
    figures::Figures,
    health::Duty,
    teller::Teller,
};

/// How long a read waits in the log for the next entry. Also how soon a quiet teller surveys.
const READ_WAIT: Duration = Duration::from_secs(1);
/// How often it is made sure that log and ledger are where they should be, and the lag is measured.
const SURVEY_EVERY: Duration = Duration::from_secs(1);
/// How often the log forgets what it need not keep.
const TRIM_EVERY: Duration = Duration::from_secs(10);

impl Teller {
    /// Counts until something stops it.
    pub(crate) async fn count(&mut self, ledger: &mut dyn Ledger, at: Attached) -> Result<Infallible, Stop> {
        let Attached { log: id, mut counted } = at;
        let shutdown = self.shutdown.clone();
        let mut batch: Vec<Entry> = Vec::new();
        // At once: whoever shows the scores waits for the first heartbeat.
        let mut survey_at = Instant::now();
        let mut trim_at = Instant::now() + TRIM_EVERY;
        loop {
            let after = batch.last().map_or(counted, |last| last.position);
            let (applied, page) = tokio::join!(
                apply(&self.duty, &self.figures, ledger, batch),
                read(&self.duty, self.log.as_mut(), after, self.rules.batch_entries, &shutdown),
            );
            // The batch first: if it failed, the page follows something that was not counted.
            if let Some(applied) = applied? {
                self.ledger_works();
                self.lag.counted(applied.ballots);
                if applied.position != after {
                    return Err(Stop::Moved("the ledger's position is not that of the batch"));
                }
                counted = after;
            }
            let page = page?;
            self.log_works();
            if page.log.as_ref() != Some(&id) {
                return Err(Stop::Moved("the log is gone, or is another one"));
            }
            batch = page.entries;
            self.lag.waiting_since(batch.first().map(|oldest| oldest.position.millis()));

            if Instant::now() >= survey_at {
                let survey = self.survey(ledger, &id, counted);
                shutdown.run_until_cancelled(survey).await.unwrap_or(Err(Stop::Shutdown))?;
                survey_at = Instant::now() + SURVEY_EVERY;
                // Only after a survey: whoever lost the lead without noticing must not trim what another counts.
                if Instant::now() >= trim_at {
                    self.trim(counted).await?;
                    trim_at = Instant::now() + TRIM_EVERY;
                }
            }
        }
    }

    /// Makes sure that log and ledger are where they were left, and measures the lag. It finds what reading and
    /// applying would not: a lost lead while no ballots come, a ledger restored and a log set back under our feet.
    async fn survey(&mut self, ledger: &mut dyn Ledger, id: &LogId, counted: Position) -> Result<(), Stop> {
        self.identify(ledger).await?;
        let state = ask_ledger(&self.duty, PATIENCE, "reading the ledger's position", ledger.state()).await?;
        if state.position != counted || state.log.as_ref() != Some(id) {
            return Err(Stop::Moved("the ledger is not where it was left"));
        }
        self.ledger_works();
        match ask_log(&self.duty, PATIENCE, "looking at the log", self.log.look()).await? {
            Some(log) if log.id != *id => return Err(Stop::Moved("the log is another one")),
            Some(log) if log.last < counted => return Err(Stop::Moved("the log went back")),
            Some(log) if log.trimmed > counted => {
                return Err(Stop::Moved("the log was trimmed beyond what is counted"));
            }
            Some(_) => self.attachment_lasts(),
            None => return Err(Stop::Moved("the log is gone")),
        }
        let accepted = ask_log(&self.duty, PATIENCE, "reading how much is accepted", self.log.accepted()).await?;
        self.lag.holds(state.counted);
        self.lag.accepted(id, accepted);
        self.show_lag();
        // Only here: both work, the log was just read, and what was read before is committed.
        ask_ledger(&self.duty, PATIENCE, "noting that the count works", ledger.heartbeat()).await?;
        self.duty.counted();
        Ok(())
    }

    /// Lets the log forget what is counted and older than its retention.
    async fn trim(&mut self, counted: Position) -> Result<(), Stop> {
        let retention = u64::try_from(self.rules.log_retention.as_millis()).unwrap_or(u64::MAX);
        let before_millis = service::now_millis().saturating_sub(retention);
        ask_log(&self.duty, PATIENCE, "trimming the log", self.log.trim(counted, before_millis)).await
    }
}

/// Counts a batch, to its end whatever happens meanwhile; `None` if there is nothing to count.
async fn apply(
    duty: &Duty,
    figures: &Figures,
    ledger: &mut dyn Ledger,
    batch: Vec<Entry>,
) -> Result<Option<Applied>, Stop> {
    if batch.is_empty() {
        return Ok(None);
    }
    let (entries, begun) = (batch.len(), Instant::now());
    let span = tracing::trace_span!(target: service::traces::TARGET, "ledger.apply", entries);
    let applied = ask_ledger(duty, PATIENCE, "counting a batch", ledger.apply(batch).instrument(span)).await?;
    figures.batch(entries, &applied, begun.elapsed());
    Ok(Some(applied))
}

/// Reads the page after `after`. Shutdown ends the wait: what was read is not lost, since it is still in the log.
async fn read(
    duty: &Duty,
    log: &mut dyn Log,
    after: Position,
    limit: usize,
    shutdown: &CancellationToken,
) -> Result<Page, Stop> {
    let page = ask_log(duty, PATIENCE, "reading the log", log.read(after, limit, READ_WAIT));
    shutdown.run_until_cancelled(page).await.unwrap_or(Err(Stop::Shutdown))
}
