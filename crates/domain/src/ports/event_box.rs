//! The port through which `vote` reads and changes events.

use async_trait::async_trait;

use super::unavailable::Unavailable;
use crate::{
    event::{Event, EventChange, EventRefused},
    event_id::EventId,
};

/// The log's answer to a change of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventOutcome {
    /// Done, and as durable as a recorded ballot; this is the event now.
    Done(Event),
    /// A new event was not created: there is one with this id.
    Exists,
    /// There is no such event.
    UnknownEvent,
    /// Nothing was done: the event is not of the version that the caller saw. This is the event now.
    OtherVersion(Event),
    /// The rules of events forbid it.
    Refused(EventRefused),
}

/// The events of the log. Each has a home partition, and no other partition knows it.
///
/// Each call answers within about two seconds, with [`Unavailable`] if need be.
#[async_trait]
pub trait EventBox: Send + Sync {
    /// The event as it is now.
    async fn event(&self, id: EventId) -> Result<Option<Event>, Unavailable>;

    /// All events, by id.
    async fn events(&self) -> Result<Vec<Event>, Unavailable>;

    /// Creates an event; [`EventOutcome::Exists`] if the id is taken.
    async fn create_event(&self, event: Event) -> Result<EventOutcome, Unavailable>;

    /// Changes an event; if the caller saw a version, only that one. Whether it is the same still is decided in the
    /// atomic step that appends.
    async fn change_event(
        &self,
        id: EventId,
        seen: Option<u64>,
        change: EventChange,
    ) -> Result<EventOutcome, Unavailable>;
}
