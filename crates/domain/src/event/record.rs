//! An event, and the form of it that log and ledger store.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    limits::{EventError, EventSpec, checked, tidied},
    progress::{EventProgress, StepChange},
};
use crate::{event_id::EventId, poll_id::PollId};

/// The version of an event that was never changed.
const FIRST_VERSION: u64 = 1;

/// An event that keeps to all limits. Its JSON is what the log and the ledger store.
///
/// Fields that a later release adds are ignored by this one, so both can run side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredEvent", into = "StoredEvent")]
pub struct Event {
    pub(super) id: EventId,
    pub(super) version: u64,
    pub(super) archived: bool,
    pub(super) progress: EventProgress,
    pub(super) step: Option<StepChange>,
    pub(super) revealed: BTreeSet<PollId>,
    pub(super) spec: EventSpec,
}

impl Event {
    /// An event before its first question, if `spec` keeps to the limits. Its title is tidied.
    pub fn new(id: EventId, spec: EventSpec) -> Result<Self, EventError> {
        let (version, progress, revealed) = (FIRST_VERSION, EventProgress::Before, BTreeSet::new());
        Ok(Self { id, version, archived: false, progress, step: None, revealed, spec: tidied(spec)? })
    }

    /// Its id.
    pub fn id(&self) -> EventId {
        self.id
    }
    /// What it is called.
    pub fn title(&self) -> &str {
        &self.spec.title
    }
    /// Its polls, in the order in which they are asked; each once.
    pub fn polls(&self) -> &[PollId] {
        &self.spec.polls
    }
    /// Where it is.
    pub fn progress(&self) -> EventProgress {
        self.progress
    }
    /// The change of a poll that belongs to the last step; it may be done already.
    pub fn step(&self) -> Option<StepChange> {
        self.step
    }
    /// Whether a step showed the votes of this poll, which were hidden until then.
    pub fn has_revealed(&self, poll: PollId) -> bool {
        self.revealed.contains(&poll)
    }
    /// Whether it was put away from the lists.
    pub fn archived(&self) -> bool {
        self.archived
    }
    /// Which version this is, from 1; each change makes the next. A request that names the version which its sender saw
    /// is carried out once.
    pub fn version(&self) -> u64 {
        self.version
    }
}

/// One flat object. What an event has only sometimes is not written where it has it not.
#[derive(Clone, Serialize, Deserialize)]
struct StoredEvent {
    id: EventId,
    version: u64,
    title: String,
    polls: Vec<PollId>,
    progress: EventProgress,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step: Option<StepChange>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    revealed: BTreeSet<PollId>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    archived: bool,
}

impl From<Event> for StoredEvent {
    fn from(Event { id, version, archived, progress, step, revealed, spec }: Event) -> Self {
        Self { id, version, title: spec.title, polls: spec.polls, progress, step, revealed, archived }
    }
}

impl TryFrom<StoredEvent> for Event {
    type Error = EventError;
    fn try_from(stored: StoredEvent) -> Result<Self, EventError> {
        let StoredEvent { id, version, title, polls, progress, step, revealed, archived } = stored;
        Ok(Self { id, version, archived, progress, step, revealed, spec: checked(EventSpec { title, polls })? })
    }
}
