//! What is counted of all trees.

/// What all trees add up to.
pub(super) struct TreeSums {
    pub(super) ballots: u64,
    pub(super) voters: u64,
    pub(super) votes: Vec<u64>,
}

impl TreeSums {
    pub(super) fn new(options: usize) -> Self {
        Self { ballots: 0, voters: 0, votes: vec![0; options] }
    }
}
