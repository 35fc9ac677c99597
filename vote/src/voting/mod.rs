//! Voting: the page of a poll and that of an event, their form, and casting one ballot.
//!
//! May import: addresses, app, events, look, polls, refusal, request, texts, voter.

pub(crate) mod ballot_form;
pub(crate) mod cast;
pub(crate) mod event_page;
mod event_view;
pub(crate) mod page;
mod posted;
mod vote_page;
