//! The form for a new event, and which field of a form about events is at fault.

use domain::{EventError, EventSpec, Poll, PollId};
use serde::Serialize;
use web::{language::Language, poll_address};

use crate::{organise::poll_form::Fault, refusal::Refusal, request::form::Fields};

/// The content of the form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct EventForm {
    pub(super) id: String,
    title: String,
    /// The polls that are ticked.
    polls: Vec<PollId>,
    /// Identifies this form, so that two posts of it make one event.
    pub(super) once: String,
}

impl Default for EventForm {
    fn default() -> Self {
        Self { id: String::new(), title: String::new(), polls: Vec::new(), once: program::random_text::<16>() }
    }
}

impl EventForm {
    /// As it was posted. What is no id names no poll, and is passed over.
    pub(super) fn read(fields: &Fields) -> Self {
        Self {
            id: typed_id(fields.get("id")),
            title: fields.get("title").replace("\r\n", "\n"),
            polls: picked(fields),
            once: fields.get("once").to_owned(),
        }
    }

    /// The event that it describes. The limits of events are checked later.
    pub(super) fn spec(&self) -> EventSpec {
        EventSpec { title: self.title.clone(), polls: self.polls.clone() }
    }
}

/// The ids of the polls that are ticked in a list.
pub(super) fn picked(fields: &Fields) -> Vec<PollId> {
    fields.all("poll").filter_map(|id| PollId::parse(id).ok()).collect()
}

/// An id in plain letters. A text that stays no id is kept, to be refused.
pub(super) fn typed_id(typed: &str) -> String {
    let plain = poll_address::plain(typed.trim());
    if plain.is_empty() { typed.trim().to_owned() } else { plain }
}

/// A field that may be left empty.
pub(super) fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// A poll in a list to choose from.
#[derive(Serialize)]
pub(super) struct PollChoice<'a> {
    id: PollId,
    question: &'a str,
    state: &'static str,
    picked: bool,
}

impl<'a> PollChoice<'a> {
    /// Those of the polls that are not archived and not in `without`, by id.
    pub(super) fn all(polls: &'a [Poll], without: &[PollId], picked: &[PollId]) -> Vec<Self> {
        let offered = polls.iter().filter(|poll| !poll.archived() && !without.contains(&poll.id()));
        let choice = |poll: &'a Poll| Self {
            id: poll.id(),
            question: poll.question(),
            state: poll.state().as_str(),
            picked: picked.contains(&poll.id()),
        };
        offered.map(choice).collect()
    }
}

/// The field at fault, if the refusal is about one of these.
pub(super) fn fault(language: Language, refusal: &Refusal, title: &'static str, id: &'static str) -> Option<Fault> {
    let field = match refusal {
        Refusal::InvalidEvent(EventError::TooManyPolls(_) | EventError::SamePoll(_))
        | Refusal::NoSuchPollInEvent(_)
        | Refusal::PollIsOn(_) => "polls",
        Refusal::InvalidEvent(_) => title,
        Refusal::InvalidId | Refusal::EventExists => id,
        _ => return None,
    };
    Some(Fault { field, text: refusal.text(language) })
}
