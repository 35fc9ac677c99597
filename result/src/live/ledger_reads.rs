//! Reads of the ledger for screens: each is counted and timed, and an outage is logged when it begins and when it ends.

use std::{collections::HashMap, sync::Arc, time::Duration};

use domain::{Event, EventId, PollId, Scoreboard, Tally, Unavailable};
use futures_util::{StreamExt, TryStreamExt, future::join_all, stream};
use parking_lot::Mutex;
use program::outage::Outage;
use tokio::time::{Instant, timeout};

use crate::trees::{SealedPoll, TreeBoard};

/// The most events that one read of all of them returns ([`Scoreboard::events`]). Those beyond are read one by one.
const MAX_LISTED_EVENTS: usize = 1_000;
/// How many events are read one by one at a time.
const READS_AT_ONCE: usize = 8;
/// The longest that scores wait for a seal. It is read on, and comes with the next scores.
const SEAL_WITHIN: Duration = Duration::from_millis(500);

/// A tally, with the seal of its poll once it is closed and counted.
pub(crate) struct SealedTally {
    pub(crate) tally: Tally,
    /// `None` also where it can't be read at present.
    pub(crate) seal: Option<Arc<SealedPoll>>,
}

/// See the head of this file.
pub(crate) struct LedgerReads {
    scoreboard: Arc<dyn Scoreboard>,
    trees: Arc<TreeBoard>,
    outage: Mutex<Outage>,
}

impl LedgerReads {
    pub(crate) fn new(scoreboard: Arc<dyn Scoreboard>, trees: Arc<TreeBoard>) -> Self {
        Self { scoreboard, trees, outage: Mutex::default() }
    }

    /// Where they read.
    pub(crate) fn scoreboard(&self) -> &dyn Scoreboard {
        &*self.scoreboard
    }

    /// The tallies of these polls; unknown polls are left out.
    pub(crate) async fn tallies(&self, polls: &[PollId]) -> Result<Vec<SealedTally>, Unavailable> {
        let tallies = self.told(self.scoreboard.tallies(polls)).await?;
        Ok(join_all(tallies.into_iter().map(|tally| self.sealed(tally))).await)
    }

    async fn sealed(&self, tally: Tally) -> SealedTally {
        let seal = timeout(SEAL_WITHIN, self.trees.seal(&tally)).await;
        SealedTally { seal: seal.ok().and_then(Result::ok).flatten(), tally }
    }

    /// One event.
    pub(crate) async fn event(&self, id: EventId) -> Result<Option<Event>, Unavailable> {
        self.told(self.scoreboard.event(id)).await
    }

    /// These events, mostly in one read; unknown ones are left out.
    pub(crate) async fn events(&self, ids: &[EventId]) -> Result<HashMap<EventId, Event>, Unavailable> {
        let (mut found, unread) = match ids {
            [] => return Ok(HashMap::new()),
            [id] => (HashMap::new(), vec![*id]),
            _ => {
                let all = self.told(self.scoreboard.events()).await?;
                let is_all = all.len() < MAX_LISTED_EVENTS;
                let found: HashMap<_, _> = all.into_iter().map(|event| (event.id(), event)).collect();
                let missing = ids.iter().copied().filter(|id| !is_all && !found.contains_key(id)).collect();
                (found, missing)
            }
        };
        let reads = stream::iter(unread).map(|id| self.event(id)).buffer_unordered(READS_AT_ONCE);
        let read: Vec<_> = reads.try_collect().await?;
        found.extend(read.into_iter().flatten().map(|event| (event.id(), event)));
        Ok(found)
    }

    async fn told<T>(&self, read: impl Future<Output = Result<T, Unavailable>>) -> Result<T, Unavailable> {
        let begun = Instant::now();
        let read = read.await;
        let outcome = if read.is_ok() { "ok" } else { "failed" };
        metrics::counter!("scrutin_result_reads_total", "outcome" => outcome).increment(1);
        metrics::histogram!("scrutin_result_read_seconds").record(begun.elapsed().as_secs_f64());
        self.log_outage(read.as_ref().err());
        read
    }

    /// Logs when the ledger begins to fail and when it is back, not each failure.
    fn log_outage(&self, failed: Option<&Unavailable>) {
        let mut outage = self.outage.lock();
        match failed {
            None => {
                if let Some(length) = outage.over() {
                    tracing::info!(event = "scores.back", after.s = length.as_secs(), "the ledger answers again");
                }
            }
            Some(error) => {
                if outage.failed() {
                    tracing::warn!(event = "scores.away", %error, "the ledger can't be read; screens show old scores");
                }
            }
        }
    }
}
