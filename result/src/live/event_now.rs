//! Where an event is, as pages of it need to know: which poll is on, and which page of that poll is the present one.

use domain::{Event, EventId, EventProgress, EventStage, PollStates};
use serde::Serialize;
use utoipa::ToSchema;
use web::edition::page_key;

use crate::live::scores::PollScore;

/// Where an event is at present.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct EventNow {
    #[serde(flatten)]
    place: EventPlace,
    /// In how many milliseconds the poll that is on closes by itself, counted from this answer; absent without a
    /// countdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, example = json!(null))]
    closes_in_ms: Option<u64>,
}

/// All of it but what changes by itself as time passes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
struct EventPlace {
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
    /// The event, where `score` is what is known of the poll that is on.
    pub(crate) fn of(event: &Event, score: Option<&PollScore>) -> Self {
        Self { place: EventPlace::of(event, score), closes_in_ms: score.and_then(PollScore::closes_in_ms) }
    }

    /// Whether viewers need not be told the one after the other: time passes without.
    pub(crate) fn shows_the_same_as(&self, other: &Self) -> bool {
        self.place == other.place
    }

    /// In how many milliseconds the poll that is on closes by itself.
    pub(crate) fn closes_in_ms(&self) -> Option<u64> {
        self.closes_in_ms
    }

    /// What a page of the event depends on; scripts make the same of what they are sent.
    pub(crate) fn key(&self) -> String {
        format!("{} {}", self.place.version, self.place.page_key.as_deref().unwrap_or_default())
    }

    /// What is sent to viewers, who spread over `spread_ms` milliseconds what they fetch because of it.
    pub(crate) fn push(&self, spread_ms: u64) -> String {
        serde_json::to_string(&EventPush { now: self, spread_ms }).expect("an event is plain text and numbers")
    }
}

impl EventPlace {
    fn of(event: &Event, score: Option<&PollScore>) -> Self {
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
            poll_version: score.map(|score| score.poll().version()),
            page_key: score.map(|score| page_key(score.poll(), score.state())),
        }
    }
}

/// Whether the change of the poll that belongs to the event's last step was not counted yet.
pub(crate) fn is_half_way(event: &Event, score: Option<&PollScore>) -> bool {
    event.unfinished(&PollStates::of(score.map(PollScore::poll))).is_some()
}
