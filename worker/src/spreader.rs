//! Makes the other partitions adopt the polls of one home, whoever changed them: the one who did may have been killed
//! before all were told.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use domain::{Entry, Partition, Partitions, PollCopies, PollId, Record, Unavailable};
use metrics::Gauge;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tracing::warn;

/// The pause before polls are spread again of which some partition could not be told.
const SPREAD_RETRY: Duration = Duration::from_secs(1);

/// Makes the other partitions adopt the polls of one home. Cloned by reference.
#[derive(Clone)]
pub(crate) struct Spreader {
    partition: Partition,
    partitions: Partitions,
    copies: Arc<dyn PollCopies>,
    pending: Arc<Mutex<BTreeSet<PollId>>>,
    added: Arc<Notify>,
    gauge: Gauge,
}

impl Spreader {
    pub(crate) fn new(partition: Partition, partitions: Partitions, copies: Arc<dyn PollCopies>) -> Self {
        let gauge = metrics::gauge!("scrutin_worker_polls_underway", "partition" => partition.to_string());
        Self { partition, partitions, copies, pending: Arc::default(), added: Arc::default(), gauge }
    }

    /// Those of the polls whose home this is are to be spread.
    pub(crate) fn add(&self, polls: impl IntoIterator<Item = PollId>) {
        let mut pending = self.pending.lock();
        let before = pending.len();
        pending.extend(polls.into_iter().filter(|&poll| self.partitions.home(poll) == self.partition));
        if pending.len() > before {
            self.added.notify_one();
        }
    }

    /// The polls that changed in these entries are to be spread.
    pub(crate) fn read(&self, entries: &[Entry]) {
        if self.partitions == Partitions::ONE {
            return;
        }
        self.add(entries.iter().filter_map(|entry| match &entry.record {
            Ok(Record::Poll(poll)) => Some(poll.id()),
            _ => None,
        }));
    }

    /// This worker leads no more: the next leader spreads all polls.
    pub(crate) fn forget(&self) {
        self.pending.lock().clear();
        self.gauge.set(0);
    }

    /// Spreads until it is dropped.
    pub(crate) async fn run(self) {
        let mut told = false;
        loop {
            let polls: Vec<PollId> = self.pending.lock().iter().copied().collect();
            if polls.is_empty() {
                self.added.notified().await;
                continue;
            }
            let failed = self.spread(polls).await;
            if let (Some((poll, error)), false) = (&failed, told) {
                warn!(event = "poll.not_spread", partition = self.partition.number(), %poll, %error,
                    "not every partition has the last change of this poll yet; trying until they have");
            }
            told = failed.is_some();
            if told {
                tokio::time::sleep(SPREAD_RETRY).await;
            }
        }
    }

    /// Spreads these; returns one that failed.
    async fn spread(&self, polls: Vec<PollId>) -> Option<(PollId, Unavailable)> {
        let mut failed = None;
        for poll in polls {
            // Before the call: what changes during it must be spread again.
            self.pending.lock().remove(&poll);
            if let Err(error) = self.copies.spread(poll).await {
                self.pending.lock().insert(poll);
                failed = Some((poll, error));
            }
            self.gauge.set(u32::try_from(self.pending.lock().len()).unwrap_or(u32::MAX));
        }
        failed
    }
}
