//! What the organiser can take home: tallies and ballots, as tables and as JSON. Never who voted, or when.
//!
//! May import: `app`, `archive`, `described_problems`, `event_parameter`, `event_tallies`, `live`, `organiser`,
//! `percent`, `poll_parameter`, `refusal`, `time`.

mod ballot_file;
pub(crate) mod ballots;
mod download;
pub(crate) mod event;
mod spreadsheet;
pub(crate) mod tally;
