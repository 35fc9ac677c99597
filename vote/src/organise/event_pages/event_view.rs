//! The context of the template `organise/event.html`, which shows all there is of an event.

use domain::{Access, Event, EventId, EventProgress, Poll, PollId};
use serde::Serialize;

use super::event_form::{PollChoice, typed_id};
use crate::{
    look,
    organise::{
        poll_form::{Fault, PollForm},
        poll_view::HandedOut,
        publishing::Publication,
    },
    request::form::Fields,
};

/// The whole context.
#[derive(Serialize)]
pub(super) struct EventPageView<'a> {
    #[serde(flatten)]
    pub(super) facts: EventSummary<'a>,
    /// The polls that could be added.
    pub(super) choices: Vec<PollChoice<'a>>,
    #[serde(flatten)]
    pub(super) forms: EventForms,
    #[serde(flatten)]
    pub(super) handed_out: HandedOut,
    /// How many voting codes can be had at once.
    pub(super) max_codes: u16,
    /// Whether the root address shows it.
    pub(super) in_front: bool,
    pub(super) projector_url: Option<String>,
    /// The files to export, by name.
    pub(super) exports: [&'static str; 3],
}

/// The event itself.
#[derive(Serialize)]
pub(super) struct EventSummary<'a> {
    id: EventId,
    title: &'a str,
    /// Whether the title is set smaller.
    long: bool,
    archived: bool,
    /// Where it is: `before`, `at` or `over`.
    progress: &'static str,
    /// Which question is on, from 1.
    pub(super) number: Option<usize>,
    /// How many questions it has.
    count: usize,
    polls: Vec<EventPollRow<'a>>,
    /// Whether any of its polls needs voting codes.
    pub(super) codes: bool,
}

/// One question of the event.
#[derive(Serialize)]
pub(super) struct EventPollRow<'a> {
    id: PollId,
    /// From 1.
    number: usize,
    /// `None` if the log does not know the poll.
    question: Option<&'a str>,
    state: Option<&'static str>,
    hidden: bool,
    codes: bool,
    /// Whether its ballots may be published, or are; none if they may not.
    publication: Option<Publication>,
    /// Whether it is the one that is on.
    on: bool,
}

/// The forms of the page, as they are filled in, and what is at fault in one of them.
#[derive(Default, Serialize)]
pub(super) struct EventForms {
    /// For a new question.
    pub(super) form: PollForm,
    pub(super) copy: CopyForm,
    /// The title as it was typed, if it is at fault.
    pub(super) typed_title: Option<String>,
    pub(super) fault: Option<Fault>,
}

/// The form for an event made of this one.
#[derive(Serialize)]
pub(super) struct CopyForm {
    pub(super) title: Option<String>,
    pub(super) id: String,
    /// Identifies this form, so that two posts of it make one event.
    pub(super) once: String,
}

impl<'a> EventSummary<'a> {
    /// `polls` are those that the log knows.
    pub(super) fn of(event: &'a Event, polls: &'a [Poll]) -> Self {
        let on = event.progress().poll();
        Self {
            id: event.id(),
            title: event.title(),
            long: look::is_long(event.title()),
            archived: event.archived(),
            progress: progress_word(event.progress()),
            number: on.and_then(|on| number_of(event, on)),
            count: event.polls().len(),
            polls: EventPollRow::all(event, polls),
            codes: polls.iter().any(|poll| poll.access() == Access::Codes),
        }
    }
}

/// Where an event is, in a word.
pub(super) fn progress_word(progress: EventProgress) -> &'static str {
    match progress {
        EventProgress::Before => "before",
        EventProgress::At { .. } => "at",
        EventProgress::Over => "over",
    }
}

/// Which question of the event a poll is, from 1.
pub(super) fn number_of(event: &Event, poll: PollId) -> Option<usize> {
    event.polls().iter().position(|&listed| listed == poll).map(|place| place + 1)
}

impl<'a> EventPollRow<'a> {
    pub(super) fn all(event: &'a Event, polls: &'a [Poll]) -> Vec<Self> {
        let row = |(place, &id): (usize, &PollId)| {
            let poll = polls.iter().find(|poll| poll.id() == id);
            Self {
                id,
                number: place + 1,
                question: poll.map(Poll::question),
                state: poll.map(|poll| poll.state().as_str()),
                hidden: poll.is_some_and(Poll::is_hidden),
                codes: poll.is_some_and(|poll| poll.access() == Access::Codes),
                publication: poll.and_then(Publication::of),
                on: matches!(event.progress(), EventProgress::At { poll, .. } if poll == id),
            }
        };
        event.polls().iter().enumerate().map(row).collect()
    }
}

impl Default for CopyForm {
    fn default() -> Self {
        Self { title: None, id: String::new(), once: program::random_text::<16>() }
    }
}

impl CopyForm {
    /// As it was posted.
    pub(super) fn read(fields: &Fields) -> Self {
        Self {
            title: Some(fields.get("title").replace("\r\n", "\n")),
            id: typed_id(fields.get("id")),
            once: fields.get("once").to_owned(),
        }
    }
}
