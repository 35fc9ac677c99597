//! The API of the result host, for programs: tallies, receipts, events, what anyone can check of a poll, and the
//! description of these and of the exports.
//!
//! May import: `app`, `described_problems`, `event_parameter`, `exports`, `live`, `organiser`, `poll_parameter`,
//! `receipts`, `refusal`, `time`, `trees`.

pub(crate) mod events;
mod note_answer;
pub(crate) mod openapi;
pub(crate) mod published;
pub(crate) mod receipt_notes;
pub(crate) mod receipts;
pub(crate) mod seals;
pub(crate) mod tally;
pub(crate) mod tree_log;
