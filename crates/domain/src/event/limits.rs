//! The limits of an event, and what is wrong with one that breaks them.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{
    poll_id::PollId,
    question_text::{self, MAX_CHARS, TextFault},
    text::Shape,
};

/// The most polls in one event.
pub const MAX_EVENT_POLLS: usize = 100;

/// What an organiser gives to create an event. Nothing in it is checked yet; [`Event::new`](crate::Event::new) does.
///
/// `vote` derives made-up ids from its JSON, so that stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventSpec {
    /// 1 to 500 characters.
    pub title: String,
    /// At most [`MAX_EVENT_POLLS`], each once, in the order in which they are asked.
    pub polls: Vec<PollId>,
}

/// Why an event can't be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// No title.
    #[error("title: must not be empty")]
    NoTitle,
    /// Over 500 characters.
    #[error("title: at most {MAX_CHARS} characters, not {0}")]
    TitleTooLong(usize),
    /// A character in the title that no page can show.
    #[error("title: it holds the character U+{:04X}, which can't be shown", u32::from(*.0))]
    UnshowableTitle(char),
    /// A title was typed, and nobody can see it.
    #[error("title: it holds only characters that nobody can see")]
    UnseenTitle,
    /// Over [`MAX_EVENT_POLLS`].
    #[error("polls: at most {MAX_EVENT_POLLS}, not {0}")]
    TooManyPolls(usize),
    /// A poll that is in the list twice.
    #[error("polls: {0} is there twice")]
    SamePoll(PollId),
}

impl From<TextFault> for EventError {
    fn from(fault: TextFault) -> Self {
        match fault {
            TextFault::Empty => Self::NoTitle,
            TextFault::TooLong(chars) => Self::TitleTooLong(chars),
            TextFault::Unshowable(c) => Self::UnshowableTitle(c),
            TextFault::Unseen => Self::UnseenTitle,
        }
    }
}

/// What an organiser gave, with its title tidied, if it keeps to the limits.
pub(super) fn tidied(spec: EventSpec) -> Result<EventSpec, EventError> {
    let title = question_text::tidied(&spec.title, Shape::Lines)?;
    checked(EventSpec { title, ..spec })
}

/// The limits that also hold for what is stored.
pub(super) fn checked(spec: EventSpec) -> Result<EventSpec, EventError> {
    question_text::check(&spec.title)?;
    if spec.polls.len() > MAX_EVENT_POLLS {
        return Err(EventError::TooManyPolls(spec.polls.len()));
    }
    let mut seen = BTreeSet::new();
    match spec.polls.iter().find(|&&poll| !seen.insert(poll)) {
        Some(&twice) => Err(EventError::SamePoll(twice)),
        None => Ok(spec),
    }
}
