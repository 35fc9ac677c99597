//! Events in the log on Redis, for `vote`. An event is in its home partition only, so a change is one script that
//! compares and writes.

use async_trait::async_trait;
use domain::{Event, EventBox, EventChange, EventId, EventOutcome, Partition, Unavailable};
use futures_util::future::try_join_all;
use redis::Value;

use crate::{
    answers::{unexpected, written},
    ballot_box::RedisBallotBox,
    calls::run_until,
    copies::{Holder, begun},
    deadline::Deadline,
    fence::Pass,
    scripts::{PUT_EVENT, READ_ALL, READ_EVENT},
    wire,
};

/// How often a change is retried because another process changed the event between read and write.
const CHANGE_ATTEMPTS: usize = 16;

/// An event as its home has it. A later release may have stored more than `event` shows.
struct EventRead {
    event: Event,
    stored: Vec<u8>,
}

impl RedisBallotBox {
    fn event_holder(&self, id: EventId) -> &Holder {
        self.copies().holder(self.copies().partitions().event_home(id))
    }

    async fn read_event(&self, deadline: Deadline, id: EventId) -> Result<Option<EventRead>, Unavailable> {
        const WHAT: &str = "reading an event";
        let Holder { keys, link, .. } = self.event_holder(id);
        let call = READ_EVENT.call(&[&keys.incarnation, &keys.events]).arg(id.as_str());
        let Value::Array(parts) = begun(run_until(&**link, WHAT, deadline, call).await?)? else {
            return Err(unexpected(WHAT));
        };
        match parts.into_iter().next() {
            None | Some(Value::Nil) => Ok(None),
            Some(Value::BulkString(stored)) => Ok(Some(EventRead { event: decode(WHAT, &stored)?, stored })),
            Some(_) => Err(unexpected(WHAT)),
        }
    }

    /// Replaces `before` (`None`: no such event) by `next`. Returns whether it did: false if the event has changed
    /// since. If both are equal, it only verifies that the event is unchanged.
    async fn put_event(
        &self,
        deadline: Deadline,
        before: Option<&EventRead>,
        next: &Event,
    ) -> Result<bool, Unavailable> {
        const WHAT: &str = "writing an event";
        let home = self.event_holder(next.id());
        let stored = match before.filter(|before| before.event == *next) {
            Some(same) => same.stored.clone(),
            None => wire::encode_event(next).into_bytes(),
        };
        let call = |pass: &Pass| {
            PUT_EVENT
                .call(&[&home.keys.attached, &home.keys.events, &home.keys.log])
                .arg(next.id().as_str())
                .arg(before.map_or(&[][..], |before| &before.stored))
                .arg(&stored)
                .arg(wire::EVENT_FIELD)
                .arg(&*pass.token)
        };
        home.write(WHAT, deadline, call, |answer| written(WHAT, answer)).await
    }

    async fn events_of(&self, deadline: Deadline, partition: Partition) -> Result<Vec<Event>, Unavailable> {
        const WHAT: &str = "reading the events";
        let Holder { keys, link, .. } = self.copies().holder(partition);
        let call = READ_ALL.call(&[&keys.incarnation, &keys.events]);
        read_events(WHAT, run_until(&**link, WHAT, deadline, call).await?)
    }
}

#[async_trait]
impl EventBox for RedisBallotBox {
    async fn event(&self, id: EventId) -> Result<Option<Event>, Unavailable> {
        Ok(self.read_event(Deadline::usual(), id).await?.map(|read| read.event))
    }

    async fn events(&self) -> Result<Vec<Event>, Unavailable> {
        let deadline = Deadline::usual();
        let ask = |partition| self.events_of(deadline, partition);
        let asked = try_join_all(self.copies().partitions().all().map(ask)).await?;
        let mut events: Vec<Event> = asked.into_iter().flatten().collect();
        events.sort_unstable_by_key(Event::id);
        Ok(events)
    }

    async fn create_event(&self, event: Event) -> Result<EventOutcome, Unavailable> {
        let is_new = self.put_event(Deadline::usual(), None, &event).await?;
        Ok(if is_new { EventOutcome::Done(event) } else { EventOutcome::Exists })
    }

    async fn change_event(
        &self,
        id: EventId,
        seen: Option<u64>,
        change: EventChange,
    ) -> Result<EventOutcome, Unavailable> {
        let deadline = Deadline::usual();
        for _ in 0..CHANGE_ATTEMPTS {
            // A read changes nothing, and neither did the earlier attempts.
            let found = self.read_event(deadline, id).await.map_err(Unavailable::before_anything)?;
            let Some(found) = found else { return Ok(EventOutcome::UnknownEvent) };
            if seen.is_some_and(|seen| seen != found.event.version()) {
                return Ok(EventOutcome::OtherVersion(found.event));
            }
            let next = match found.event.after(&change) {
                Ok(next) => next,
                Err(refused) => return Ok(EventOutcome::Refused(refused)),
            };
            if self.put_event(deadline, Some(&found), &next).await? {
                return Ok(EventOutcome::Done(next));
            }
        }
        // The last attempt certainly wrote nothing either.
        Err(Unavailable::Busy)
    }
}

/// Reads the values of the hash of events, and sorts them by id.
pub(crate) fn read_events(what: &'static str, answer: Value) -> Result<Vec<Event>, Unavailable> {
    let Value::Array(values) = begun(answer)? else { return Err(unexpected(what)) };
    let read = |value| match value {
        Value::BulkString(stored) => decode(what, &stored),
        _ => Err(unexpected(what)),
    };
    let mut events = values.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    events.sort_unstable_by_key(Event::id);
    Ok(events)
}

fn decode(what: &'static str, stored: &[u8]) -> Result<Event, Unavailable> {
    wire::decode_event(stored).map_err(|reason| Unavailable::failed(what, reason))
}
