//! Where an event is, as pages of it need to know: which poll is on, and which page of that poll is the present one.

use domain::{Event, EventId, EventProgress, EventStage, Poll, PollStates};
use serde::Serialize;
use utoipa::ToSchema;
use web::edition::page_key;

/// Where an event is at present.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct EventNow {
    /// The event's id.
    #[schema(value_type = String, example = "evening")]
    event: EventId,
    /// Which version of the event this is; each change makes the next.
    #[schema(example = 4)]
    version: u64,
    /// `before` the first question, `at` one of them, or `over`.
    #[schema(example = "at")]
    progress: &'static str,
    /// The poll that is on; `null` where none is.
    #[schema(example = "main")]
    on: Option<String>,
    /// How far its question is, as the organiser wants it: `open`, `closed` or `revealed`; `null` where none is on.
    #[schema(example = "open")]
    stage: Option<&'static str>,
    /// Whether the event was put away from the lists.
    archived: bool,
    /// Which version of the poll that is on was counted; `null` where none is on, or nothing of it was counted yet.
    #[schema(example = 2)]
    poll_version: Option<u64>,
    /// What a page of that poll depends on: its state, round, revision and edition. A page with another key is out of
    /// date.
    #[schema(example = "open 1 1 9f3c5a1e07b2d846")]
    page_key: Option<String>,
}

/// What the event `event` carries: JSON, as a string.
#[derive(Serialize)]
struct EventPush<'a> {
    #[serde(flatten)]
    now: &'a EventNow,
    spread_ms: u64,
}

impl EventNow {
    /// The event, where `poll` is what is known of the poll that is on.
    pub(crate) fn of(event: &Event, poll: Option<&Poll>) -> Self {
        let (progress, stage) = match event.progress() {
            EventProgress::Before => ("before", None),
            EventProgress::At { stage, .. } => ("at", Some(stage)),
            EventProgress::Over => ("over", None),
        };
        let stage = stage.map(|stage| match stage {
            EventStage::Open => "open",
            EventStage::Closed => "closed",
            EventStage::Revealed => "revealed",
        });
        Self {
            event: event.id(),
            version: event.version(),
            progress,
            on: event.progress().poll().map(|poll| poll.to_string()),
            stage,
            archived: event.archived(),
            poll_version: poll.map(Poll::version),
            page_key: poll.map(|poll| page_key(poll, poll.state())),
        }
    }

    /// What a page of the event depends on; scripts make the same of what they are sent.
    pub(crate) fn key(&self) -> String {
        format!("{} {}", self.version, self.page_key.as_deref().unwrap_or_default())
    }

    /// What is sent to viewers, who spread over `spread_ms` milliseconds what they fetch because of it.
    pub(crate) fn push(&self, spread_ms: u64) -> String {
        serde_json::to_string(&EventPush { now: self, spread_ms }).expect("an event is plain text and numbers")
    }
}

/// Whether the change of the poll that belongs to the event's last step was not counted yet.
pub(crate) fn is_half_way(event: &Event, poll: Option<&Poll>) -> bool {
    event.unfinished(&PollStates::of(poll)).is_some()
}
