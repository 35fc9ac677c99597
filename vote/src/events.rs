//! Reads, creates and changes events, and takes their steps; for pages and API.
//!
//! May import: app, polls, refusal.

pub(crate) mod archive;
pub(crate) mod create;
mod existing;
pub(crate) mod press;

pub(crate) use existing::{current, polls_of, recent, since, with_poll};
