//! Voting: the page of a poll, the form on it, and how one ballot is cast.
//!
//! May import: addresses, app, look, polls, refusal, request, texts, voter.

pub(crate) mod cast;
pub(crate) mod page;
mod vote_page;
