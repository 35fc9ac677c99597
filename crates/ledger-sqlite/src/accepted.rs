//! The number of accepted ballots of each poll, while some of them are not counted yet.

use std::collections::HashMap;

use domain::PollId;
use parking_lot::Mutex;

/// Polls with ballots that may not be counted yet. The ledger has the number for all others.
#[derive(Debug, Default)]
pub(crate) struct AcceptedCounts(Mutex<HashMap<PollId, u64>>);

impl AcceptedCounts {
    /// The number of ballots accepted for this poll, over all rounds; `None` if the ledger has the number.
    pub(crate) fn of(&self, id: PollId) -> Option<u64> {
        self.0.lock().get(&id).copied()
    }

    /// Records the current numbers of these polls.
    pub(crate) fn set(&self, polls: impl Iterator<Item = PollId>, accepted: impl Fn(PollId) -> u64) {
        let mut counts = self.0.lock();
        let mut last = None;
        for id in polls {
            // Under load, nearly all ballots are for one poll.
            if last.replace(id) != Some(id) {
                counts.insert(id, accepted(id));
            }
        }
    }

    /// All ballots of this poll are counted.
    pub(crate) fn forget(&self, id: PollId) {
        self.0.lock().remove(&id);
    }

    /// All ballots are counted.
    pub(crate) fn clear(&self) {
        self.0.lock().clear();
    }
}
