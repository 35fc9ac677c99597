//! Reads, creates and changes polls, for pages and API.
//!
//! May import: app, refusal, request, voter.

pub(crate) mod code_range;
pub(crate) mod countdown;
pub(crate) mod create;
mod existing;
pub(crate) mod front_page;
pub(crate) mod made_up_id;

pub(crate) use existing::{change, current, recent, since};
