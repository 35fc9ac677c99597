//! Where an event is: before the first question, at one of them, or over; and the change of a poll that its last step
//! asks for.

use serde::{Deserialize, Serialize};

use super::poll_states::PollGlance;
use crate::{
    poll::{Countdown, CountdownSeconds, PollChange, PollState},
    poll_id::PollId,
};

/// Where an event is. At most one poll is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventProgress {
    /// Before the first question.
    Before,
    /// At a question.
    At {
        /// Its poll.
        poll: PollId,
        /// How far the question is.
        stage: EventStage,
    },
    /// After the last question.
    Over,
}

/// How far a question is, as the organiser wants it. The poll itself may be changed by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventStage {
    /// It takes ballots.
    Open,
    /// It takes no more ballots.
    Closed,
    /// Its votes were hidden, and are shown.
    Revealed,
}

impl EventProgress {
    /// The poll that is on.
    pub fn poll(&self) -> Option<PollId> {
        match self {
            Self::At { poll, .. } => Some(*poll),
            Self::Before | Self::Over => None,
        }
    }
}

/// What a step does to a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PollAction {
    /// Take ballots.
    Open,
    /// Take no more ballots.
    Close,
    /// Show the votes.
    Reveal,
    /// Show only the turnout again.
    Hide,
}

impl PollAction {
    fn change(self) -> PollChange {
        match self {
            Self::Open => PollChange::Open,
            Self::Close => PollChange::Close,
            Self::Reveal => PollChange::Reveal,
            Self::Hide => PollChange::Hide,
        }
    }

    /// Whether the poll is so already, or never will be again.
    pub(super) fn is_done(self, poll: &PollGlance) -> bool {
        match self {
            _ if poll.is_published => true,
            Self::Open => poll.state == PollState::Open,
            Self::Close => poll.state == PollState::Closed,
            Self::Reveal => !poll.is_hidden,
            Self::Hide => poll.is_hidden,
        }
    }
}

/// The change of a poll that belongs to an event's last step. It is made only while the poll is of the version that
/// was seen before the event was written: so it is made once, and never by somebody who was held up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepChange {
    /// The poll.
    pub poll: PollId,
    /// What is done to it.
    pub does: PollAction,
    /// The poll's version before.
    pub seen: u64,
    /// How long it is opened for; without, until it is closed. It counts from when the poll is really opened, however
    /// late that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<CountdownSeconds>,
}

impl StepChange {
    /// The change of the poll that it is.
    pub fn change(&self) -> PollChange {
        match (self.does, self.seconds) {
            (PollAction::Open, Some(seconds)) => PollChange::OpenFor(Countdown::For(seconds)),
            (does, _) => does.change(),
        }
    }
}
