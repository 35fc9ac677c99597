//! How many ballots of each poll were accepted, for who asks while they are counted.

use std::collections::HashMap;

use domain::PollId;
use parking_lot::Mutex;

/// The polls of which ballots may wait to be counted; of all others it is what the ledger says.
#[derive(Debug, Default)]
pub(crate) struct AcceptedCounts(Mutex<HashMap<PollId, u64>>);

impl AcceptedCounts {
    /// How many were accepted of this poll, over all rounds; `None` if the ledger knows.
    pub(crate) fn of(&self, id: PollId) -> Option<u64> {
        self.0.lock().get(&id).copied()
    }

    /// Notes how many there are now of these polls.
    pub(crate) fn set(&self, polls: impl Iterator<Item = PollId>, accepted: impl Fn(PollId) -> u64) {
        let mut counts = self.0.lock();
        let mut last = None;
        for id in polls {
            // In a rush it is nearly always one poll that everybody votes in.
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
