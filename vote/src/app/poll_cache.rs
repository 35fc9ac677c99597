//! Polls and events as the log had them a moment ago.
//!
//! Under load the log is asked once a second for each poll, however many ballots arrive, and a caller that can be
//! answered with a recent poll does not wait. While the log is down the last answer stays, so that pages can be shown.
//! Nothing is decided by it: a cast asks the log itself.

use std::{collections::HashMap, hash::Hash, sync::Arc, time::Duration};

use domain::{BallotBox, Event, EventId, Poll, PollId, Unavailable};
use futures_util::future::BoxFuture;
use parking_lot::RwLock;
use tokio::time::{Instant, timeout};
use web::fresh::{Fresh, LastAnswer};

/// How long an answer of the log is fresh.
const FRESH_FOR: Duration = Duration::from_secs(1);
/// How long after that callers still get it while the log is asked again.
const YOUNG_FOR: Duration = Duration::from_secs(1);
/// How long a caller waits for the log before it gets an older answer, too: most of the two seconds that the log has
/// for an answer are for the ballot.
const WAIT_WITH_AN_ANSWER: Duration = Duration::from_millis(300);
/// How many polls are kept, and how many events. Beyond it the oldest answers are removed first.
const MAX_POLLS: usize = 1_024;

/// What is read from the log and kept for a moment.
pub(crate) trait FromLog: Send + Sync + Sized + 'static {
    /// Its id.
    type Id: Copy + Eq + Hash + Send + Sync + 'static;

    fn id(&self) -> Self::Id;

    /// Which version this is.
    fn version(&self) -> u64;

    fn read(ballots: Arc<dyn BallotBox>, id: Self::Id) -> BoxFuture<'static, Result<Option<Self>, Unavailable>>;

    /// The same as it is by now, where that follows from the time.
    fn as_of_now(self: Arc<Self>, _: &dyn BallotBox) -> Arc<Self> {
        self
    }
}

impl FromLog for Poll {
    type Id = PollId;

    fn id(&self) -> PollId {
        Self::id(self)
    }

    fn version(&self) -> u64 {
        Self::version(self)
    }

    fn read(ballots: Arc<dyn BallotBox>, id: PollId) -> BoxFuture<'static, Result<Option<Self>, Unavailable>> {
        Box::pin(async move { ballots.poll(id).await })
    }

    /// Its countdown may have ended since.
    fn as_of_now(self: Arc<Self>, ballots: &dyn BallotBox) -> Arc<Self> {
        if self.closes_at().is_none() {
            return self;
        }
        Arc::new(self.as_of(ballots.log_millis(Self::id(&self))))
    }
}

impl FromLog for Event {
    type Id = EventId;

    fn id(&self) -> EventId {
        Self::id(self)
    }

    fn version(&self) -> u64 {
        Self::version(self)
    }

    fn read(ballots: Arc<dyn BallotBox>, id: EventId) -> BoxFuture<'static, Result<Option<Self>, Unavailable>> {
        Box::pin(async move { ballots.event(id).await })
    }
}

/// What the log said last: a poll or an event, that there is none, or why it did not answer.
type Reading<T> = Result<Option<Arc<T>>, Unavailable>;
/// An answer for each id.
type Slots<T> = HashMap<<T as FromLog>::Id, Arc<Fresh<Reading<T>>>>;

/// The last answers of the log. It is asked through the port when one is too old.
pub(crate) struct LogCache<T: FromLog> {
    ballots: Arc<dyn BallotBox>,
    slots: RwLock<Slots<T>>,
}

/// Polls of the log.
pub(crate) type PollCache = LogCache<Poll>;
/// Events of the log.
pub(crate) type EventCache = LogCache<Event>;

impl<T: FromLog> LogCache<T> {
    /// An empty cache before `ballots`.
    pub(crate) fn new(ballots: Arc<dyn BallotBox>) -> Self {
        Self { ballots, slots: RwLock::default() }
    }

    /// The poll or event as it was at most two seconds ago; older only while the log does not answer.
    pub(crate) async fn get(&self, id: T::Id) -> Reading<T> {
        let known = self.known(id).await?;
        Ok(known.map(|known| known.as_of_now(&*self.ballots)))
    }

    async fn known(&self, id: T::Id) -> Reading<T> {
        let arrived = Instant::now();
        let slot = self.slot(id);
        let Some(LastAnswer { answer: Ok(poll), at, .. }) = slot.last() else {
            // A failure is for those who waited for it.
            let is_fresh = |last: &LastAnswer<Reading<T>>| last.answer.is_ok() || last.at >= arrived;
            return slot.get(is_fresh, || read::<T>(Arc::clone(&self.ballots), id)).await.unwrap_or_else(no_answer);
        };
        let age = arrived.saturating_duration_since(at);
        if age < FRESH_FOR {
            return Ok(poll);
        }
        let reading = slot.ask(|| read::<T>(Arc::clone(&self.ballots), id));
        if age < FRESH_FOR + YOUNG_FOR {
            return Ok(poll);
        }
        match timeout(WAIT_WITH_AN_ANSWER, reading).await {
            Ok(()) => slot.last().map_or_else(no_answer, |last| last.answer),
            Err(_) => Ok(poll),
        }
    }

    /// The same in this version or a later one, for a browser that heard of a change before this instance did. If the
    /// log has none either, what it has now.
    pub(crate) async fn get_since(&self, id: T::Id, version: u64) -> Reading<T> {
        let is_enough = |reading: &Reading<T>| matches!(reading, Ok(Some(known)) if known.version() >= version);
        let known = self.get(id).await;
        if version == 0 || known.is_err() || is_enough(&known) {
            return known;
        }
        let arrived = Instant::now();
        let is_fresh = |last: &LastAnswer<Reading<T>>| is_enough(&last.answer) || last.asked_at >= arrived;
        let read = || read::<T>(Arc::clone(&self.ballots), id);
        self.slot(id).get(is_fresh, read).await.unwrap_or_else(no_answer)
    }

    /// Keeps what the log has just said, so that this instance shows it at once.
    pub(crate) fn put(&self, poll: T) {
        self.slot(poll.id()).put(Ok(Some(Arc::new(poll))));
    }

    /// Forgets a poll that has turned out to be too old. The log is asked at the next occasion.
    pub(crate) fn forget(&self, id: T::Id) {
        self.slot(id).forget();
    }

    fn slot(&self, id: T::Id) -> Arc<Fresh<Reading<T>>> {
        if let Some(slot) = self.slots.read().get(&id) {
            return slot.clone();
        }
        let mut slots = self.slots.write();
        if slots.len() >= MAX_POLLS && !slots.contains_key(&id) {
            make_room::<T>(&mut slots);
        }
        slots.entry(id).or_default().clone()
    }
}

/// Asks the log. A poll that is known stays while it does not answer; that there is none is not worth repeating.
async fn read<T: FromLog>(ballots: Arc<dyn BallotBox>, id: T::Id) -> impl FnOnce(Option<Reading<T>>) -> Reading<T> {
    let answer = T::read(ballots, id).await;
    move |known| match (answer, known) {
        (Ok(poll), _) => Ok(poll.map(Arc::new)),
        (Err(_), Some(Ok(Some(poll)))) => Ok(Some(poll)),
        (Err(failure), _) => Err(failure),
    }
}

/// The read panicked, or the poll was forgotten again and again.
fn no_answer<T>() -> Reading<T> {
    Err(Unavailable::failed("reading a poll or an event", "no answer"))
}

/// Removes one poll: an unknown one if there is one (a guessed address), else the oldest answer.
fn make_room<T: FromLog>(slots: &mut Slots<T>) {
    let worth = |slot: &Fresh<Reading<T>>| {
        let last = slot.last().filter(|last| last.answer.is_ok());
        (last.as_ref().is_some_and(|last| matches!(last.answer, Ok(Some(_)))), last.map(|last| last.at))
    };
    if let Some(id) = slots.iter().min_by_key(|(_, slot)| worth(slot)).map(|(id, _)| *id) {
        slots.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use domain::PollSpec;

    use super::*;
    use crate::testing::{MemoryBallotBox, Mishap};

    fn poll(id: PollId, question: &str) -> Poll {
        Poll::new(id, PollSpec::simple(question, ["Yes", "No"])).unwrap()
    }

    fn other() -> PollId {
        PollId::parse("other").unwrap()
    }

    /// A cache before a log with two polls.
    fn cache() -> (Arc<MemoryBallotBox>, Arc<PollCache>) {
        let asked = Arc::new(MemoryBallotBox::default());
        for id in [PollId::MAIN, other()] {
            asked.put(poll(id, "Tea?"));
        }
        (asked.clone(), Arc::new(PollCache::new(asked)))
    }

    #[tokio::test(start_paused = true)]
    async fn many_ask_at_once_and_the_log_is_asked_once() {
        let (asked, cache) = cache();
        let all = (0..50).map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move { cache.get(PollId::MAIN).await.unwrap().unwrap() })
        });
        for one in all.collect::<Vec<_>>() {
            assert_eq!(one.await.unwrap().question(), "Tea?");
        }
        assert_eq!(asked.poll_reads(), 1);
        tokio::time::advance(FRESH_FOR + YOUNG_FOR).await;
        cache.get(PollId::MAIN).await.unwrap().unwrap();
        assert_eq!(asked.poll_reads(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn without_the_log_the_last_poll_stays_and_callers_share_the_failure() {
        let (asked, cache) = cache();
        cache.get(PollId::MAIN).await.unwrap();
        asked.break_down(Mishap::NotBegun);
        tokio::time::advance(FRESH_FOR + YOUNG_FOR).await;
        assert!(cache.get(PollId::MAIN).await.unwrap().is_some());

        let all = (0..50).map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move { cache.get(other()).await })
        });
        for one in all.collect::<Vec<_>>() {
            assert_eq!(one.await.unwrap(), Err(Unavailable::NotBegun));
        }
        assert_eq!(asked.poll_reads(), 3);
        asked.recover();
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(cache.get(other()).await.unwrap().is_some(), "a failure is not kept");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_long_for_a_log_that_hangs_where_something_is_known() {
        let (asked, cache) = cache();
        cache.get(PollId::MAIN).await.unwrap();
        asked.break_down(Mishap::Hangs);
        for older in [FRESH_FOR, YOUNG_FOR] {
            tokio::time::advance(older).await;
            let waited = timeout(Duration::from_mins(1), cache.get(PollId::MAIN)).await;
            assert!(waited.expect("this log would keep us for ever").unwrap().is_some());
        }
        assert_eq!(asked.poll_reads(), 2, "and the log is asked once at a time");
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_began_before_a_change_does_not_replace_it() {
        let (_, cache) = cache();
        let slot = cache.slot(PollId::MAIN);
        let asked = slot.ask(|| read::<Poll>(Arc::clone(&cache.ballots), PollId::MAIN));
        cache.put(poll(PollId::MAIN, "Coffee?"));
        asked.await;
        assert_eq!(cache.get(PollId::MAIN).await.unwrap().unwrap().question(), "Coffee?");
        // And where the log has shown that it knows better, whoever waits gets an answer that was asked for since.
        let early = {
            let cache = cache.clone();
            tokio::spawn(async move { cache.get(other()).await })
        };
        tokio::task::yield_now().await;
        cache.forget(other());
        assert!(early.await.unwrap().unwrap().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_answer_is_not_shown_where_the_log_has_a_new_one() {
        let (asked, cache) = cache();
        cache.get(PollId::MAIN).await.unwrap();
        asked.put(poll(PollId::MAIN, "Coffee?"));
        tokio::time::advance(FRESH_FOR + YOUNG_FOR).await;
        assert_eq!(cache.get(PollId::MAIN).await.unwrap().unwrap().question(), "Coffee?");
    }

    #[tokio::test(start_paused = true)]
    async fn guessed_addresses_do_not_push_out_polls_that_exist() {
        let (asked, cache) = cache();
        cache.get(PollId::MAIN).await.unwrap();
        for guess in 0..2 * MAX_POLLS {
            cache.get(PollId::parse(&format!("no-{guess}")).unwrap()).await.unwrap();
        }
        assert_eq!(cache.slots.read().len(), MAX_POLLS);
        let before = asked.poll_reads();
        cache.get(PollId::MAIN).await.unwrap().unwrap();
        assert_eq!(asked.poll_reads(), before);
    }
}
