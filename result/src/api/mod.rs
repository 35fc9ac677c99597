//! The API of the result host, for programs: tallies, receipts, and the description of both and of the exports.
//!
//! May import: `app`, `described_problems`, `exports`, `live`, `organiser`, `poll_parameter`,
//! `receipts`, `refusal`, `time`.

pub(crate) mod openapi;
pub(crate) mod receipts;
pub(crate) mod tally;
