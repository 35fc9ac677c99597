//! The JSON of events in the API and its schemas.

use domain::{Event, EventProgress, EventSpec, EventStep, Poll, PollId, PollState, PollStates, Visibility};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::model::{results_schema, state_schema};
use crate::refusal::Refusal;

/// An event: polls under one name, of which at most one is on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventBody {
    /// Its id, as in addresses.
    #[schema(example = "evening", pattern = "^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$")]
    id: String,
    /// What it is called.
    #[schema(example = "Members' evening")]
    title: String,
    /// The ids of its polls, in the order in which they are asked.
    #[schema(example = json!(["lunch", "budget"]))]
    polls: Vec<String>,
    /// Where it is: `before` the first question, at a `question`, or `over`.
    #[schema(value_type = String, example = "question")]
    progress: &'static str,
    /// The question that is on; absent where none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    on: Option<QuestionBody>,
    /// Which version this is, from 1; each change makes the next. A step names the version that its sender saw.
    #[schema(minimum = 1)]
    version: u64,
    /// Whether it was put away from the lists; absent if it was not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    archived: bool,
    /// For the organiser: what the next step does; absent where none follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<StepBody>,
    /// For the organiser: what the way back does; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    back: Option<StepBody>,
}

/// The question that is on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QuestionBody {
    /// Its poll.
    poll: String,
    /// Whether ballots are taken; absent if the log does not know the poll.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = state_schema)]
    state: Option<PollState>,
    /// Whether everybody sees the votes, or only the turnout is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = results_schema)]
    results: Option<Visibility>,
}

/// A step.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StepBody {
    /// `open`, `close`, `reveal`, `next` (opens the question that follows), `end`; on the way back also `hide` and
    /// `previous`.
    #[schema(value_type = String, example = "close")]
    does: &'static str,
    /// The poll that is on then; absent where none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    poll: Option<String>,
}

impl EventBody {
    /// As everybody sees it. `on` is the poll that is on.
    pub(crate) fn new(event: &Event, on: Option<&Poll>) -> Self {
        Self {
            id: event.id().to_string(),
            title: event.title().to_owned(),
            polls: event.polls().iter().map(PollId::to_string).collect(),
            progress: match event.progress() {
                EventProgress::Before => "before",
                EventProgress::At { .. } => "question",
                EventProgress::Over => "over",
            },
            on: event.progress().poll().map(|poll| QuestionBody {
                poll: poll.to_string(),
                state: on.map(Poll::state),
                results: on.map(Poll::results),
            }),
            version: event.version(),
            archived: event.archived(),
            next: None,
            back: None,
        }
    }

    /// As the organiser sees it.
    pub(crate) fn for_organiser(event: &Event, polls: &[Poll]) -> Self {
        let on = event.progress().poll().and_then(|on| polls.iter().find(|poll| poll.id() == on));
        let states = PollStates::of(polls);
        let step = |step: EventStep| StepBody {
            does: step.name.as_str(),
            poll: step.progress.poll().map(|poll| poll.to_string()),
        };
        let (next, back) = (event.next_step(&states).map(step), event.step_back(&states).map(step));
        Self { next, back, ..Self::new(event, on) }
    }
}

/// All events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventsBody {
    /// By id.
    pub(crate) events: Vec<EventBody>,
}

/// An event to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewEvent {
    /// 1 to 32 of `a-z`, `0-9` and `-`, neither beginning nor ending with `-`. Without it a random one is made.
    #[schema(example = "evening")]
    pub(crate) id: Option<String>,
    /// 1 to 500 characters.
    #[schema(min_length = 1, max_length = 500)]
    title: String,
    /// The ids of polls that exist, each once, in the order in which they are asked.
    #[serde(default)]
    #[schema(max_items = 100)]
    polls: Vec<String>,
}

/// All of an event that can be written.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventContent {
    /// 1 to 500 characters.
    #[schema(min_length = 1, max_length = 500)]
    title: String,
    /// The ids of polls that exist, each once, in the order in which they are asked.
    #[schema(max_items = 100)]
    polls: Vec<String>,
    /// The version that the sender saw; with it, nothing is done where the event is another by now.
    #[schema(minimum = 1)]
    pub(crate) version: Option<u64>,
}

/// What is wanted of an event made of another.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventCopy {
    /// As of a new event. Without it a random one is made.
    pub(crate) id: Option<String>,
    /// 1 to 500 characters; without it that of the other.
    #[schema(min_length = 1, max_length = 500)]
    pub(crate) title: Option<String>,
}

/// Which event the sender saw.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeenVersion {
    /// Its version. Without it the step is taken from whatever the event is now, and pressing twice takes two.
    #[schema(minimum = 1)]
    pub(crate) version: Option<u64>,
}

/// The press of a button.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NextStep {
    /// The event's version that the sender saw. Without it the step is taken from whatever the event is now, and
    /// pressing twice takes two.
    #[schema(minimum = 1)]
    pub(crate) version: Option<u64>,
    /// If the step opens a question: after how many seconds that closes by itself; without, it stays open.
    #[schema(minimum = 1, maximum = 86_400, example = 30)]
    pub(crate) seconds: Option<u32>,
}

impl NewEvent {
    pub(crate) fn spec(self) -> Result<EventSpec, Refusal> {
        spec(self.title, &self.polls)
    }
}

impl EventContent {
    pub(crate) fn spec(self) -> Result<EventSpec, Refusal> {
        spec(self.title, &self.polls)
    }
}

/// A text that is no id names no poll, and can't be shown as one.
fn spec(title: String, polls: &[String]) -> Result<EventSpec, Refusal> {
    let polls = polls.iter().map(|poll| PollId::parse(poll)).collect::<Result<_, _>>();
    Ok(EventSpec { title, polls: polls.map_err(|_| Refusal::InvalidId)? })
}
