//! Parts of the log that could not be counted.

use crate::{partition::Partition, position::Position};

/// A part of the log that the ledger could not count, or not all of it: after `after`, up to and including `through`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// In which partition.
    pub partition: Partition,
    /// The last position before it that is counted.
    pub after: Position,
    /// The last position that is missing.
    pub through: Position,
    /// How many ballots are known to be missing, at least; `None` until everything after it is counted.
    pub ballots: Option<u64>,
}
