//! How far a ledger is with a log.

use crate::{log_id::LogId, position::Position};

/// How far a ledger is with one partition of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogState {
    /// Which incarnation it read last; `None` before the very first.
    pub log: Option<LogId>,
    /// Everything up to here is counted.
    pub position: Position,
    /// How many ballots the ledger holds of all polls of this partition.
    pub ballots: u64,
    /// How many entries were set aside.
    pub set_aside: u64,
    /// How many ballots are known to be missing, over all gaps.
    pub missing: u64,
}

impl LogState {
    /// How many of the ballots that the log has accepted the ledger accounts for.
    pub fn accounted(&self) -> u64 {
        self.ballots + self.uncounted()
    }

    /// How many of these will never be counted.
    pub fn uncounted(&self) -> u64 {
        self.set_aside + self.missing
    }
}
