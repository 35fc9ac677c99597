//! All reasons to refuse a request, and the answers: a page for people, a problem for programs.
//!
//! May import: app, texts, voter.

mod event_faults;
mod explain;
mod kinds;
mod log_failure;
pub(crate) mod poll_faults;
mod same_site;

pub(crate) use explain::is_for_program;
pub(crate) use kinds::Refusal;
pub(crate) use log_failure::{not_recorded, not_shown, not_told};
