//! The API of the result host, for programs: tallies, receipts, events, and the description of these and of the
//! exports.
//!
//! May import: `app`, `described_problems`, `event_parameter`, `exports`, `live`, `organiser`, `poll_parameter`,
//! `receipts`, `refusal`, `time`.

pub(crate) mod events;
pub(crate) mod openapi;
pub(crate) mod receipts;
pub(crate) mod tally;
