//! What the steps of an event need to know of its polls.

use std::collections::BTreeMap;

use crate::{
    poll::{Poll, PollState},
    poll_id::PollId,
};

/// One poll, as far as steps ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollGlance {
    /// Whether it takes ballots.
    pub state: PollState,
    /// Whether only its turnout is shown.
    pub is_hidden: bool,
    /// Whether its ballots are published. It stays closed, and its votes stay shown.
    pub is_published: bool,
    /// Which version it is.
    pub version: u64,
}

impl From<&Poll> for PollGlance {
    fn from(poll: &Poll) -> Self {
        let (state, is_hidden, is_published) = (poll.state(), poll.is_hidden(), poll.is_published());
        Self { state, is_hidden, is_published, version: poll.version() }
    }
}

/// The polls of an event as they are now. One that is not there is passed over: it is unknown to the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PollStates(BTreeMap<PollId, PollGlance>);

impl PollStates {
    /// Those of these polls.
    pub fn of<'a>(polls: impl IntoIterator<Item = &'a Poll>) -> Self {
        Self(polls.into_iter().map(|poll| (poll.id(), PollGlance::from(poll))).collect())
    }

    /// What is known of a poll.
    pub fn get(&self, poll: PollId) -> Option<&PollGlance> {
        self.0.get(&poll)
    }
}
