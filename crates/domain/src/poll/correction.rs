//! Better words for a poll, and the note that they were corrected.

use serde::{Deserialize, Serialize};

/// Better words for a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// The question.
    pub question: String,
    /// The options: as many as before, in the same order.
    pub options: Vec<String>,
    /// When it is corrected, in milliseconds since 1970.
    pub at_millis: u64,
}

/// The note that a poll was corrected while there were ballots. Earlier voters read other words, so these are kept and
/// shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// When it was corrected last, in milliseconds since 1970.
    pub at_millis: u64,
    /// The question before the first correction.
    pub question: String,
    /// The options before the first correction.
    pub options: Vec<String>,
}
