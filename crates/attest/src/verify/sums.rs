//! What is counted of all trees.

/// What all trees add up to.
pub(super) struct TreeSums {
    pub(super) ballots: u64,
    pub(super) voters: u64,
    pub(super) votes: Vec<u64>,
    /// Of each wording, whether a ballot was cast for it.
    pub(super) wordings: Vec<bool>,
}

impl TreeSums {
    pub(super) fn new(options: usize, wordings: usize) -> Self {
        Self { ballots: 0, voters: 0, votes: vec![0; options], wordings: vec![false; wordings] }
    }
}
