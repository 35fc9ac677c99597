//! What the root address of both hosts shows.

use serde::{Deserialize, Serialize};

use crate::{event_id::EventId, poll_id::PollId};

/// What the root address shows in place of the default poll, so that one printed address serves for ever. The record of
/// the default poll says so: it is there in every installation, and every partition has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FrontPage {
    /// Another poll.
    Poll(PollId),
    /// An event.
    Event(EventId),
}
