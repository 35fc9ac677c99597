//! Events on SQLite, for the `vote` part of the all-in-one.

use async_trait::async_trait;
use domain::{Event, EventBox, EventChange, EventId, EventOutcome, Unavailable};

use crate::{ballot_box::ANSWER_WITHIN, ledger::SqliteLedger, requests::Request, store};

#[async_trait]
impl EventBox for SqliteLedger {
    async fn event(&self, id: EventId) -> Result<Option<Event>, Unavailable> {
        self.readers().read("reading an event", ANSWER_WITHIN, move |conn| store::event(conn, id)).await
    }

    async fn events(&self) -> Result<Vec<Event>, Unavailable> {
        self.readers().read("reading the events", ANSWER_WITHIN, |conn| store::events(conn, None, u32::MAX)).await
    }

    async fn create_event(&self, event: Event) -> Result<EventOutcome, Unavailable> {
        self.change_log("creating an event", |to| Request::CreateEvent(Box::new(event.clone()), to)).await
    }

    async fn change_event(
        &self,
        id: EventId,
        seen: Option<u64>,
        change: EventChange,
    ) -> Result<EventOutcome, Unavailable> {
        self.change_log("changing an event", |to| Request::ChangeEvent(id, seen, change.clone(), to)).await
    }
}
