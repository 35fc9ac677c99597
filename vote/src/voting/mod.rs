//! Voting: the page of a poll, its form, and casting one ballot.
//!
//! May import: addresses, app, look, polls, refusal, request, texts, voter.

pub(crate) mod ballot_form;
pub(crate) mod cast;
pub(crate) mod page;
mod vote_page;
