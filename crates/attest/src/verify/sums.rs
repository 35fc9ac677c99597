//! What is counted of all trees.

/// What all trees of a published file add up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollCount {
    /// How many ballots there are, with those that were replaced.
    pub ballots: u64,
    /// How many voters cast them.
    pub voters: u64,
    /// The votes, by option.
    pub votes: Vec<u64>,
    /// How many ballots were cast for each of the file's wordings, with those that were replaced.
    pub wordings: Vec<u64>,
}

impl PollCount {
    pub(super) fn new(options: usize, wordings: usize) -> Self {
        Self { ballots: 0, voters: 0, votes: vec![0; options], wordings: vec![0; wordings] }
    }
}
