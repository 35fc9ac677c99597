//! The pages of the result host, for people: the live result of polls and events, the QR code, the public list and
//! receipts.
//!
//! May import: `app`, `event_parameter`, `event_tallies`, `live`, `organiser`, `percent`, `poll_parameter`, `receipts`,
//! `refusal`, `texts`, `time`, `trees`.

pub(crate) mod check_page;
pub(crate) mod embedding;
pub(crate) mod event_page;
pub(crate) mod join;
pub(crate) mod live_page;
mod live_view;
pub(crate) mod poll_list;
pub(crate) mod print_page;
pub(crate) mod receipt_page;
