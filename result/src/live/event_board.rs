//! The events that are watched: where each is, how many watch it, and what its viewers were sent last.
//!
//! As for polls ([`super::board`]), the number of reads depends on the events watched, never on the viewers. The poll
//! that is on is watched too, so a change of it is seen like one of the event. It sends nothing; `event_pace` does.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use domain::{Event, EventId, Unavailable};
use parking_lot::{Mutex, MutexGuard};
use tokio::{sync::Notify, time::Instant};
use web::fresh::{Fresh, LastAnswer};

use crate::live::{
    board::{Board, Subscription},
    event_now::{self, EventNow},
    scores::PollScore,
};

/// The most events kept in memory that nobody watches. Those beyond are read each time.
const MAX_IDLE_SLOTS: usize = 1_000;
/// How long an event that nobody watches is kept.
const IDLE_KEPT: Duration = Duration::from_secs(30);
/// How long a step is kept back whose change of the poll was not counted yet: both are counted within some
/// milliseconds, and make one push.
const HALF_WAY: Duration = Duration::from_millis(250);
/// So many viewers may fetch something because of one push, within a millisecond.
const FETCHES_PER_MS: u64 = 25;
/// The longest time over which viewers spread what they fetch, in milliseconds.
const MAX_SPREAD_MS: u64 = 2_000;

/// What a read said: the event, that there is none, or that the ledger did not answer and nothing older is known.
pub(crate) type EventReading = Result<Option<Arc<Event>>, Unavailable>;

/// See the head of this file.
pub(crate) struct EventBoard {
    board: Arc<Board>,
    /// For how long an answer is as good as a new one.
    fresh_for: Duration,
    slots: Mutex<HashMap<EventId, Arc<EventSlot>>>,
    /// Notified when a watched event may have changed, or the poll that is on.
    pub(crate) moved: Notify,
}

/// What is kept of one event.
pub(crate) struct EventSlot {
    pub(crate) event: EventId,
    viewers: AtomicU64,
    last: Arc<Fresh<EventReading>>,
    memory: Mutex<EventMemory>,
}

#[derive(Default)]
struct EventMemory {
    /// Whether it may have changed since it was read.
    due: bool,
    /// It is not read before this.
    not_before: Option<Instant>,
    /// Watches the poll that is on, while somebody watches the event.
    on: Option<Subscription>,
    /// What the viewers were sent last, all of them.
    sent: Option<EventNow>,
    /// Whether somebody came when nothing could be shown, and waits.
    is_awaited: bool,
    /// Until when a step is kept back that is half way.
    held_until: Option<Instant>,
    /// When the countdown of the poll that is on ends: then it is closed, whether or not that is counted yet.
    closes_at: Option<Instant>,
}

/// A viewer watches an event until this is dropped.
pub(crate) struct EventSubscription {
    slot: Arc<EventSlot>,
}

impl EventSubscription {
    pub(crate) fn event(&self) -> EventId {
        self.slot.event
    }

    /// How many watch it, as `spread_ms`.
    pub(crate) fn spread_ms(&self) -> u64 {
        self.slot.spread_ms()
    }

    /// A viewer was shown this. If it is the first, that is what has been sent.
    pub(crate) fn shown(&self, now: &EventNow) {
        self.slot.memory().shown(now);
    }

    /// A viewer came when nothing could be shown: it is told as soon as something can.
    pub(crate) fn shown_nothing(&self) {
        self.slot.memory().shown_nothing();
    }
}

impl Drop for EventSubscription {
    fn drop(&mut self) {
        self.slot.viewers.fetch_sub(1, Ordering::AcqRel);
    }
}

impl EventBoard {
    /// Events as the ledger of `board` has them. Answers are good for `fresh_for`.
    pub(crate) fn new(board: Arc<Board>, fresh_for: Duration) -> Self {
        Self { board, fresh_for, slots: Mutex::default(), moved: Notify::new() }
    }

    /// Watches an event, whether or not the ledger knows it (yet).
    pub(crate) fn subscribe(&self, event: EventId) -> EventSubscription {
        let mut slots = self.slots.lock();
        let slot = Arc::clone(slots.entry(event).or_insert_with(|| Arc::new(EventSlot::new(event))));
        // Under the lock of the map, so that `forget_idle` never drops a slot that is just watched.
        if slot.viewers.fetch_add(1, Ordering::AcqRel) == 0 {
            // What others were sent, who are gone.
            let mut memory = slot.memory();
            (memory.sent, memory.is_awaited) = (None, false);
        }
        EventSubscription { slot }
    }

    /// The event as it is now. While the ledger does not answer, as it was last known.
    pub(crate) async fn event(self: &Arc<Self>, event: EventId) -> EventReading {
        let slot = self.slot(event);
        let is_fresh = |last: &LastAnswer<EventReading>| slot.is_fresh(last, self.fresh_for);
        let read = || Arc::clone(self).read_one(Arc::clone(&slot));
        let read = slot.last.get(is_fresh, read).await;
        read.unwrap_or_else(|| Err(Unavailable::failed("reading an event", "the read panicked")))
    }

    /// Where the event is now; `None` if there is none.
    pub(crate) async fn now(self: &Arc<Self>, event: EventId) -> Result<Option<EventNow>, Unavailable> {
        let Some(event) = self.event(event).await? else { return Ok(None) };
        let score = self.score(&event).await;
        Ok(Some(EventNow::of(&event, score.as_deref())))
    }

    /// The score of the poll that is on; `None` where none is, or where it is not known.
    pub(crate) async fn score(&self, event: &Event) -> Option<Arc<PollScore>> {
        self.board.score(event.progress().poll()?).await.ok().flatten()
    }

    /// Where a watched event is by what is in memory, without a read.
    pub(crate) fn remembered(&self, event: EventId) -> Option<EventNow> {
        let slot = self.slots.lock().get(&event).map(Arc::clone)?;
        let event = slot.last_known()?;
        let score = event.progress().poll().and_then(|poll| self.board.remembered(poll));
        Some(EventNow::of(&event, score.as_deref()))
    }

    async fn read_one(self: Arc<Self>, slot: Arc<EventSlot>) -> impl FnOnce(Option<EventReading>) -> EventReading {
        if !slot.is_watched() {
            // What has changed so far is in what is read now. What changes from now on marks it again.
            slot.memory().due = false;
        }
        let read = self.board.reads().event(slot.event).await;
        |known| after(known, read)
    }

    /// Reads events, mostly in one read, and keeps the answers.
    pub(crate) async fn refresh(&self, slots: &[Arc<EventSlot>]) {
        let starts: Vec<_> = slots.iter().map(|slot| (slot, slot.last.begin())).collect();
        let ids: Vec<EventId> = slots.iter().map(|slot| slot.event).collect();
        let mut read = self.board.reads().events(&ids).await;
        for (slot, start) in starts {
            let event = read.as_mut().map(|read| read.remove(&slot.event)).map_err(|error| error.clone());
            slot.last.learn(start, |known| after(known, event));
        }
    }

    /// Where the event is now, if its viewers were sent something else; then they are taken to be sent this. `None`
    /// also while the event is to be read again: what is known now may be half of a step.
    pub(crate) async fn changed(&self, slot: &EventSlot) -> Option<EventNow> {
        if slot.memory().due {
            return None;
        }
        let event = slot.last_known()?;
        let score = self.watched_score(slot, &event).await;
        let score = score.as_deref();
        let (now, is_half_way) = (EventNow::of(&event, score), event_now::is_half_way(&event, score));
        slot.memory().take_if_new(now, is_half_way)
    }

    /// The score of the poll that is on, which is watched from now on.
    async fn watched_score(&self, slot: &EventSlot, event: &Event) -> Option<Arc<PollScore>> {
        let on = event.progress().poll();
        let is_new = {
            let mut memory = slot.memory();
            let is_new = memory.on.as_ref().map(Subscription::poll) != on;
            if is_new {
                memory.on = on.map(|poll| self.board.subscribe(poll));
            }
            is_new
        };
        if is_new { self.score(event).await } else { self.board.remembered(on?) }
    }

    /// The events that somebody watches.
    pub(crate) fn watched(&self) -> Vec<Arc<EventSlot>> {
        self.slots.lock().values().filter(|slot| slot.is_watched()).cloned().collect()
    }

    /// Takes the marks of the events that are to be read now.
    pub(crate) fn take_due(&self, pace: Duration) -> Vec<Arc<EventSlot>> {
        let now = Instant::now();
        self.watched().into_iter().filter(|slot| slot.memory().take_due(now, pace)).collect()
    }

    /// When something is to be done next for a watched event.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.watched().iter().filter_map(|slot| slot.memory().next_at()).min()
    }

    /// Marks events to be read: these, or all. One that nobody watches keeps its mark until it is read.
    pub(crate) fn mark(&self, events: Option<&[EventId]>) {
        let slots = self.slots.lock();
        match events {
            Some(events) => events.iter().filter_map(|id| slots.get(id)).for_each(|slot| slot.memory().due = true),
            None => slots.values().for_each(|slot| slot.memory().due = true),
        }
        self.moved.notify_one();
    }

    /// Marks watched events to be read, unless they were read within `lately`: a notification may have been missed.
    pub(crate) fn mark_unread(&self, lately: Duration) {
        for slot in self.watched() {
            if slot.last.last().is_none_or(|last| last.asked_at.elapsed() >= lately) {
                slot.memory().due = true;
            }
        }
    }

    /// Watches no polls for events that nobody watches, and drops those that nobody asked for lately.
    pub(crate) fn forget_idle(&self) {
        self.slots.lock().retain(|_, slot| {
            if slot.is_watched() {
                return true;
            }
            slot.memory().on = None;
            slot.last.last().is_some_and(|last| last.at.elapsed() < IDLE_KEPT)
        });
    }

    /// The slot of an event; one that is not kept if there are too many already.
    fn slot(&self, event: EventId) -> Arc<EventSlot> {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.get(&event) {
            return Arc::clone(slot);
        }
        let slot = Arc::new(EventSlot::new(event));
        if slots.len() < MAX_IDLE_SLOTS {
            slots.insert(event, Arc::clone(&slot));
        }
        slot
    }
}

impl EventSlot {
    fn new(event: EventId) -> Self {
        Self { event, viewers: AtomicU64::new(0), last: Arc::default(), memory: Mutex::default() }
    }

    fn is_watched(&self) -> bool {
        self.viewers.load(Ordering::Acquire) > 0
    }

    /// Over how many milliseconds its viewers spread what they fetch because of a push.
    pub(crate) fn spread_ms(&self) -> u64 {
        (self.viewers.load(Ordering::Acquire) / FETCHES_PER_MS).min(MAX_SPREAD_MS)
    }

    fn memory(&self) -> MutexGuard<'_, EventMemory> {
        self.memory.lock()
    }

    fn last_known(&self) -> Option<Arc<Event>> {
        self.last.last()?.answer.ok()?
    }

    /// Whether a reading is younger than `fresh_for` and the event has not changed since.
    fn is_fresh(&self, last: &LastAnswer<EventReading>, fresh_for: Duration) -> bool {
        !self.memory().due && last.at.elapsed() < fresh_for
    }
}

impl EventMemory {
    fn take_due(&mut self, now: Instant, pace: Duration) -> bool {
        if !self.due || self.not_before.is_some_and(|time| time > now) {
            return false;
        }
        (self.due, self.not_before) = (false, Some(now + pace));
        true
    }

    fn next_at(&self) -> Option<Instant> {
        let read_at = self.due.then(|| self.not_before.unwrap_or_else(Instant::now));
        read_at.into_iter().chain(self.held_until).chain(self.closes_at).min()
    }

    fn shown(&mut self, now: &EventNow) {
        if !self.is_awaited {
            self.sent.get_or_insert_with(|| now.clone());
        }
    }

    fn shown_nothing(&mut self) {
        (self.sent, self.is_awaited) = (None, true);
    }

    fn take_if_new(&mut self, now: EventNow, is_half_way: bool) -> Option<EventNow> {
        self.closes_at = now.closes_in_ms().map(|left| Instant::now() + Duration::from_millis(left));
        let is_new = self.sent.as_ref().is_none_or(|sent| !sent.shows_the_same_as(&now));
        if is_new && is_half_way {
            let until = *self.held_until.get_or_insert_with(|| Instant::now() + HALF_WAY);
            if Instant::now() < until {
                return None;
            }
        }
        (self.held_until, self.is_awaited) = (None, false);
        is_new.then(|| self.sent.insert(now).clone())
    }
}

/// What is known after a read. No event ever goes away, so one that is missing, or can't be read, stays as it was: with
/// several ledgers its own may be the one that did not answer.
fn after(known: Option<EventReading>, read: Result<Option<Event>, Unavailable>) -> EventReading {
    match (read, known) {
        (Ok(Some(event)), _) => Ok(Some(Arc::new(event))),
        (Ok(None) | Err(_), Some(Ok(Some(known)))) => Ok(Some(known)),
        (Ok(None), _) => Ok(None),
        (Err(error), _) => Err(error),
    }
}

#[cfg(test)]
mod tests;
