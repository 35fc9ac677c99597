//! Decisions about polls and events: what a change comes to, and whether something is appended for it.
//!
//! Used by one thread, the acceptor, so each decision depends only on earlier ones.

use std::time::Duration;

use domain::{
    ChangeOutcome, CountdownEnd, Event, EventChange, EventId, EventOutcome, Poll, PollChange, PollId, Position, Record,
};
use rusqlite::Connection;

use crate::{
    log_tail::LogTail,
    requests::OtherVersion,
    store::{self, StoreError},
};

/// The decision about a change.
pub(crate) enum Decision<T> {
    /// Append nothing; this is the answer.
    Answer(T),
    /// Append this at this position, and then give the answer.
    Append(Record, Position, T),
}

/// What decisions are made from.
pub(crate) struct Deciding<'a> {
    /// For reading; it has every change that was appended.
    pub(crate) ledger: &'a Connection,
    pub(crate) tail: &'a mut LogTail,
    /// Milliseconds since 1970.
    pub(crate) now: u64,
}

impl Deciding<'_> {
    /// Creates a poll if its id is free.
    pub(crate) fn create(&mut self, poll: Poll) -> Result<Decision<ChangeOutcome>, StoreError> {
        if self.tail.poll(self.ledger, poll.id())?.is_some() {
            return Ok(Decision::Answer(ChangeOutcome::Exists));
        }
        self.append_poll(poll)
    }

    /// Changes a poll. A change that changes nothing appends nothing.
    pub(crate) fn change(&mut self, id: PollId, change: &PollChange) -> Result<Decision<ChangeOutcome>, StoreError> {
        let Some(known) = self.tail.poll(self.ledger, id)? else {
            return Ok(Decision::Answer(ChangeOutcome::UnknownPoll));
        };
        match known.poll.after_at(self.now, change, known.accepted) {
            Ok(next) if next == known.poll => Ok(Decision::Answer(ChangeOutcome::Done(next))),
            Ok(next) => self.append_poll(next),
            Err(refused) => Ok(Decision::Answer(ChangeOutcome::Refused(refused))),
        }
    }

    /// The same if the poll is of this version.
    pub(crate) fn change_seen(
        &mut self,
        id: PollId,
        version: u64,
        change: &PollChange,
    ) -> Result<Decision<Result<ChangeOutcome, OtherVersion>>, StoreError> {
        let (known, now) = (self.tail.poll(self.ledger, id)?, self.now);
        if known.is_some_and(|known| known.poll.as_of(now).version() != version) {
            return Ok(Decision::Answer(Err(OtherVersion)));
        }
        Ok(match self.change(id, change)? {
            Decision::Answer(outcome) => Decision::Answer(Ok(outcome)),
            Decision::Append(record, position, outcome) => Decision::Append(record, position, Ok(outcome)),
        })
    }

    /// Closes a poll whose countdown has ended.
    pub(crate) fn close_in_time(&mut self, id: PollId) -> Result<Decision<CountdownEnd>, StoreError> {
        let Some(known) = self.tail.poll(self.ledger, id)? else { return Ok(Decision::Answer(CountdownEnd::None)) };
        let Some(moment) = known.poll.closes_at() else { return Ok(Decision::Answer(CountdownEnd::None)) };
        if self.now < moment {
            return Ok(Decision::Answer(CountdownEnd::In(Duration::from_millis(moment - self.now))));
        }
        let closed = Box::new(known.poll.as_of(self.now));
        let position = self.tail.next_position(self.now)?;
        Ok(Decision::Append(Record::Poll(closed.clone()), position, CountdownEnd::Closed(closed)))
    }

    /// Creates an event if its id is free.
    pub(crate) fn create_event(&mut self, event: Event) -> Result<Decision<EventOutcome>, StoreError> {
        if store::event(self.ledger, event.id())?.is_some() {
            return Ok(Decision::Answer(EventOutcome::Exists));
        }
        self.append_event(event)
    }

    /// Changes an event; if the caller saw a version, only that one.
    pub(crate) fn change_event(
        &mut self,
        id: EventId,
        seen: Option<u64>,
        change: &EventChange,
    ) -> Result<Decision<EventOutcome>, StoreError> {
        let Some(known) = store::event(self.ledger, id)? else {
            return Ok(Decision::Answer(EventOutcome::UnknownEvent));
        };
        if seen.is_some_and(|seen| seen != known.version()) {
            return Ok(Decision::Answer(EventOutcome::OtherVersion(known)));
        }
        match known.after(change) {
            Ok(next) if next == known => Ok(Decision::Answer(EventOutcome::Done(next))),
            Ok(next) => self.append_event(next),
            Err(refused) => Ok(Decision::Answer(EventOutcome::Refused(refused))),
        }
    }

    fn append_poll(&mut self, poll: Poll) -> Result<Decision<ChangeOutcome>, StoreError> {
        let position = self.tail.next_position(self.now)?;
        Ok(Decision::Append(Record::Poll(Box::new(poll.clone())), position, ChangeOutcome::Done(poll)))
    }

    fn append_event(&mut self, event: Event) -> Result<Decision<EventOutcome>, StoreError> {
        let position = self.tail.next_position(self.now)?;
        Ok(Decision::Append(Record::Event(Box::new(event.clone())), position, EventOutcome::Done(event)))
    }
}
