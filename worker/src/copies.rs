//! Keeps the copies of polls equal: every partition has each poll, and the poll's home decides its changes.
//!
//! A leader that attaches first takes over what other partitions have newer (`pull`): its log may have come back with
//! less than it had. While it leads, it makes the other partitions adopt the polls of its home ([`Spreader`]), whoever
//! changed them: the one who did may have been killed before all were told.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use domain::{Entry, Event, Partition, Partitions, PollCopies, PollCopy, PollId, Unavailable};
use metrics::Gauge;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tracing::warn;

use crate::{
    asking::{PATIENCE, StopReason, ask_log},
    teller::Teller,
};

/// The pause before polls are spread again of which some partition could not be told.
const SPREAD_RETRY: Duration = Duration::from_secs(1);

impl Teller {
    /// Takes over what other partitions have newer. If this log may have lost something (`must`), another partition has
    /// to answer: each one knows all changes that were acknowledged.
    pub(crate) async fn pull(&mut self, must: bool) -> Result<(), StopReason> {
        if self.rules.partitions == Partitions::ONE {
            return Ok(());
        }
        let own = ask_log(&self.health, PATIENCE, "reading the log's polls", self.log.copies()).await?;
        let (mut others, mut answered, mut failed) = (Vec::new(), false, None);
        for partition in self.rules.partitions.all().filter(|&partition| partition != self.partition) {
            match self.copies.held_by(partition).await {
                Ok(copies) => {
                    answered = true;
                    others.extend(copies);
                }
                Err(error) => failed = Some((partition, error)),
            }
        }
        if let Some((partition, error)) = failed.filter(|_| must && !answered) {
            let reason = format!("no other partition says what changed meanwhile; partition {partition}: {error}");
            return Err(StopReason::Log(Unavailable::not_done("reading the polls of other partitions", reason)));
        }
        let newer = newer_copies(self.partition, self.rules.partitions, &own, others);
        for copy in &newer {
            warn!(event = "poll.pulled", partition = self.partition.number(), poll = %copy.poll.id(),
                poll.version = copy.poll.version(), "the log had an older version of a poll than another partition");
        }
        ask_log(&self.health, PATIENCE, "adopting polls of other partitions", self.log.adopt(&newer)).await
    }

    /// All polls of this home are spread, once the log takes ballots.
    pub(crate) async fn spread_all(&mut self) -> Result<(), StopReason> {
        if self.rules.partitions == Partitions::ONE {
            return Ok(());
        }
        let polls = ask_log(&self.health, PATIENCE, "reading the log's polls", self.log.polls()).await?;
        self.spreader.add(polls.iter().map(domain::Poll::id));
        Ok(())
    }
}

/// What this partition must take over. `others` are the copies of the other partitions.
///
/// Of a poll of another home, the newest copy. Of a poll of this home, the newest copy too, or another one of the same
/// version, but under a higher version: this home has lost the change that made it.
fn newer_copies(
    partition: Partition,
    partitions: Partitions,
    own: &[PollCopy],
    others: Vec<PollCopy>,
) -> Vec<PollCopy> {
    let own: BTreeMap<PollId, &PollCopy> = own.iter().map(|copy| (copy.poll.id(), copy)).collect();
    let mut newest = BTreeMap::<PollId, PollCopy>::new();
    for copy in others {
        let is_newer = |known: &PollCopy| known.poll.version() < copy.poll.version();
        if newest.get(&copy.poll.id()).is_none_or(is_newer) {
            newest.insert(copy.poll.id(), copy);
        }
    }
    let taken_over = |(id, copy): (PollId, PollCopy)| {
        let known = own.get(&id);
        let known_version = known.map_or(0, |known| known.poll.version());
        let is_newer = copy.poll.version() > known_version;
        if partitions.home(id) != partition {
            return is_newer.then_some(copy);
        }
        let differs = copy.poll.version() == known_version && known.is_some_and(|known| known.stored != copy.stored);
        (is_newer || differs).then(|| {
            let version = copy.poll.version();
            PollCopy::of(copy.poll.after_versions(known_version, version))
        })
    };
    newest.into_iter().filter_map(taken_over).collect()
}

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
        self.add(entries.iter().filter_map(|entry| match &entry.event {
            Ok(Event::Poll(poll)) => Some(poll.id()),
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

#[cfg(test)]
mod tests;
