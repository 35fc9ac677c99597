//! Writes that a poll is closed once its countdown has ended. The log decides by its own clock; here is only when it is
//! asked. Then the other partitions are told, as of every change (`spreader`).
//!
//! A poll whose countdown has ended takes no ballots in any case, and everybody sees it closed. A leader that is killed
//! at that moment leaves it to the next one.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use domain::{CountdownEnd, Entry, Partition, Partitions, Poll, PollCopies, PollId, Record, Unavailable};
use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};
use tracing::{info, warn};

use crate::spreader::Spreader;

/// The longest pause while a countdown runs, since the log's clock may be set; and the pause after a failure.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// The shortest pause.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);

/// Closes the polls of one home in time. Cloned by reference.
#[derive(Clone)]
pub(crate) struct Closer {
    partition: Partition,
    partitions: Partitions,
    copies: Arc<dyn PollCopies>,
    spreader: Spreader,
    /// Polls that count down, and when the log is asked next.
    pending: Arc<Mutex<BTreeMap<PollId, Instant>>>,
    added: Arc<Notify>,
}

impl Closer {
    pub(crate) fn new(
        partition: Partition,
        partitions: Partitions,
        copies: Arc<dyn PollCopies>,
        spreader: Spreader,
    ) -> Self {
        Self { partition, partitions, copies, spreader, pending: Arc::default(), added: Arc::default() }
    }

    /// Those of the polls that count down and whose home this is are to be closed in time.
    pub(crate) fn add<'a>(&self, polls: impl IntoIterator<Item = &'a Poll>) {
        let is_ours = |poll: &&Poll| poll.closes_at().is_some() && self.partitions.home(poll.id()) == self.partition;
        let now = Instant::now();
        let added: Vec<_> = polls.into_iter().filter(is_ours).map(|poll| (poll.id(), now)).collect();
        if !added.is_empty() {
            self.pending.lock().extend(added);
            self.added.notify_one();
        }
    }

    /// The same of the polls in these entries.
    pub(crate) fn read(&self, entries: &[Entry]) {
        self.add(entries.iter().filter_map(|entry| match &entry.record {
            Ok(Record::Poll(poll)) => Some(&**poll),
            _ => None,
        }));
    }

    /// This worker leads no more: the next leader looks at all polls.
    pub(crate) fn forget(&self) {
        self.pending.lock().clear();
    }

    /// Closes polls in time until it is dropped.
    pub(crate) async fn run(self) {
        let mut told = false;
        loop {
            let next = self.pending.lock().iter().map(|(poll, at)| (*at, *poll)).min();
            let Some((at, poll)) = next else {
                self.added.notified().await;
                continue;
            };
            tokio::select! {
                () = sleep_until(at) => {
                    let failed = self.close(poll).await.err();
                    if let (Some(error), false) = (&failed, told) {
                        warn!(event = "poll.not_closed_in_time", partition = self.partition.number(), %poll, %error,
                            "the poll's countdown may have ended, and the close can't be written yet; trying again");
                    }
                    told = failed.is_some();
                }
                () = self.added.notified() => {}
            }
        }
    }

    async fn close(&self, poll: PollId) -> Result<(), Unavailable> {
        // Before the call: what changes during it must be looked at again.
        self.pending.lock().remove(&poll);
        let ended = self.copies.close_in_time(poll).await;
        let pause = match &ended {
            Ok(CountdownEnd::None) => None,
            Ok(CountdownEnd::In(left)) => Some((*left).clamp(SHORTEST_PAUSE, ASK_EVERY)),
            Ok(CountdownEnd::Closed(closed)) => {
                info!(event = "poll.closed_in_time", partition = self.partition.number(), %poll,
                    poll.version = closed.version(), "the poll's countdown has ended, and it is closed");
                if self.partitions != Partitions::ONE {
                    self.spreader.add([poll]);
                }
                None
            }
            Err(_) => Some(ASK_EVERY),
        };
        if let Some(pause) = pause {
            self.pending.lock().entry(poll).or_insert_with(|| Instant::now() + pause);
        }
        ended.map(drop)
    }
}
