//! Everything that a request can be refused for, and how that is answered: a page for people, a problem for programs.
//!
//! May import: app, texts, voter.

pub(crate) mod explain;
mod kinds;
mod page;
pub(crate) mod poll_faults;
mod same_site;

pub(crate) use kinds::{Refusal, Refused};
