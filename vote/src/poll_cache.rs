//! Polls as last heard from the log, kept for one second.
//!
//! Under load the log is asked once a second for each poll, however many ballots come in: whoever finds the
//! answer too old asks, and the others wait for that same answer. While the log is down the last answer
//! stands, so that pages can be shown. Nothing is decided by it: a cast asks the log itself.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};

use domain::{BallotBox, Poll, PollId, Unavailable};

/// How long an answer of the log stands.
const FRESH_FOR: Duration = Duration::from_secs(1);
/// How many polls are kept; beyond it those asked for longest ago go first.
const MAX_POLLS: usize = 1_024;

/// What is known of polls, asked for through the port when it is too old.
pub(crate) struct PollCache {
    ballots: Arc<dyn BallotBox>,
    polls: RwLock<HashMap<PollId, Arc<Slot>>>,
}

/// One poll's place in the cache.
#[derive(Default)]
struct Slot {
    known: Mutex<Known>,
    /// Held by whoever is asking the log.
    asking: tokio::sync::Mutex<()>,
}

/// What is known is too old, or nothing is.
struct Stale;

/// The last answers of the log about one poll.
#[derive(Clone, Default)]
struct Known {
    /// The last poll (or that there is none), and when to ask again.
    answer: Option<(Option<Arc<Poll>>, Instant)>,
    /// The last failure, and when it was.
    failure: Option<(Unavailable, Instant)>,
}

impl PollCache {
    /// An empty cache before `ballots`.
    pub(crate) fn new(ballots: Arc<dyn BallotBox>) -> Self {
        Self { ballots, polls: RwLock::default() }
    }

    /// The poll as it was at most a second ago; older only while the log does not answer.
    pub(crate) async fn get(&self, id: PollId) -> Result<Option<Arc<Poll>>, Unavailable> {
        let arrived = Instant::now();
        let slot = self.slot(id);
        if let Ok(answer) = slot.fresh(arrived) {
            return Ok(answer);
        }
        let _asking = slot.asking.lock().await;
        if let Ok(answer) = slot.fresh(arrived) {
            return Ok(answer);
        }
        if let Some(failure) = slot.failure_since(arrived) {
            return Err(failure);
        }
        let answer = self.ballots.poll(id).await;
        slot.note(answer)
    }

    /// Notes what the log has just said of a poll, so that this instance shows it at once.
    pub(crate) fn put(&self, poll: Poll) {
        let slot = self.slot(poll.id());
        slot.lock().answer = Some((Some(Arc::new(poll)), Instant::now() + FRESH_FOR));
    }

    /// Asks the log anew at the next occasion: it has shown that what is kept is too old.
    pub(crate) fn forget(&self, id: PollId) {
        self.slot(id).lock().answer = None;
    }

    fn slot(&self, id: PollId) -> Arc<Slot> {
        if let Some(slot) = self.polls.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return slot.clone();
        }
        let mut polls = self.polls.write().unwrap_or_else(PoisonError::into_inner);
        if polls.len() >= MAX_POLLS && !polls.contains_key(&id) {
            make_room(&mut polls);
        }
        polls.entry(id).or_default().clone()
    }
}

/// Forgets one poll: an unknown one if there is one (addresses that were guessed), else the oldest answer.
fn make_room(polls: &mut HashMap<PollId, Arc<Slot>>) {
    let worth = |slot: &Slot| {
        let known = slot.lock();
        (known.answer.as_ref().is_some_and(|(poll, _)| poll.is_some()), known.answer.as_ref().map(|(_, until)| *until))
    };
    if let Some(id) = polls.iter().min_by_key(|(_, slot)| worth(slot)).map(|(id, _)| *id) {
        polls.remove(&id);
    }
}

impl Slot {
    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        // What a panicking thread left is whole: it is only ever replaced.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fresh(&self, now: Instant) -> Result<Option<Arc<Poll>>, Stale> {
        match &self.lock().answer {
            Some((poll, until)) if now < *until => Ok(poll.clone()),
            _ => Err(Stale),
        }
    }

    /// The failure that someone else met after `arrived`: those who waited meanwhile need not try in turn.
    fn failure_since(&self, arrived: Instant) -> Option<Unavailable> {
        let known = self.lock();
        known.failure.as_ref().filter(|(_, when)| *when >= arrived).map(|(failure, _)| failure.clone())
    }

    fn note(&self, answer: Result<Option<Poll>, Unavailable>) -> Result<Option<Arc<Poll>>, Unavailable> {
        let now = Instant::now();
        let mut known = self.lock();
        match answer {
            Ok(poll) => {
                let poll = poll.map(Arc::new);
                *known = Known { answer: Some((poll.clone(), now + FRESH_FOR)), failure: None };
                Ok(poll)
            }
            Err(failure) => {
                if let Some((Some(poll), until)) = &mut known.answer {
                    *until = now + FRESH_FOR;
                    return Ok(Some(poll.clone()));
                }
                known.failure = Some((failure.clone(), now));
                Err(failure)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use async_trait::async_trait;
    use domain::{Access, Ballot, Cast, Change, PollChange, PollSpec};

    use super::*;

    /// Counts how often it is asked.
    #[derive(Default)]
    struct Asked {
        times: AtomicUsize,
        down: AtomicBool,
    }

    #[async_trait]
    impl BallotBox for Asked {
        async fn poll(&self, id: PollId) -> Result<Option<Poll>, Unavailable> {
            self.times.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            if self.down.load(Ordering::SeqCst) {
                return Err(Unavailable::Busy);
            }
            let spec = PollSpec::simple("Tea?", ["Yes", "No"]);
            Ok((!id.as_str().starts_with("no-")).then(|| Poll::new(id, spec).unwrap()))
        }
        async fn cast(&self, _: Ballot, _: Access) -> Result<Cast, Unavailable> {
            unreachable!("the cache never casts")
        }
        async fn polls(&self) -> Result<Vec<Poll>, Unavailable> {
            unreachable!("the cache asks for one poll")
        }
        async fn create(&self, _: Poll) -> Result<Change, Unavailable> {
            unreachable!("the cache creates nothing")
        }
        async fn change(&self, _: PollId, _: PollChange) -> Result<Change, Unavailable> {
            unreachable!("the cache changes nothing")
        }
        async fn accepted(&self, _: PollId) -> Result<u64, Unavailable> {
            unreachable!("the cache counts nothing")
        }
        async fn ready(&self) -> Result<(), Unavailable> {
            Ok(())
        }
    }

    fn cache() -> (Arc<Asked>, Arc<PollCache>) {
        let asked = Arc::new(Asked::default());
        (asked.clone(), Arc::new(PollCache::new(asked)))
    }

    /// Makes what is known of `id` older than a second.
    fn age(cache: &PollCache, id: PollId) {
        cache.slot(id).lock().answer.as_mut().unwrap().1 = Instant::now();
    }

    #[tokio::test]
    async fn many_ask_at_once_and_the_log_is_asked_once() {
        let (asked, cache) = cache();
        let all = (0..50).map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move { cache.get(PollId::MAIN).await.unwrap().unwrap() })
        });
        for one in all.collect::<Vec<_>>() {
            assert_eq!(one.await.unwrap().question(), "Tea?");
        }
        assert_eq!(asked.times.load(Ordering::SeqCst), 1);
        age(&cache, PollId::MAIN);
        cache.get(PollId::MAIN).await.unwrap().unwrap();
        assert_eq!(asked.times.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn while_the_log_is_down_the_last_answer_stands_and_those_who_wait_share_the_failure() {
        let (asked, cache) = cache();
        cache.get(PollId::MAIN).await.unwrap();
        asked.down.store(true, Ordering::SeqCst);
        age(&cache, PollId::MAIN);
        assert!(cache.get(PollId::MAIN).await.unwrap().is_some());

        let other = PollId::parse("other").unwrap();
        let all = (0..50).map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move { cache.get(other).await })
        });
        for one in all.collect::<Vec<_>>() {
            assert_eq!(one.await.unwrap(), Err(Unavailable::Busy));
        }
        assert_eq!(asked.times.load(Ordering::SeqCst), 3);
        asked.down.store(false, Ordering::SeqCst);
        assert!(cache.get(other).await.unwrap().is_some(), "a failure is not kept");
    }

    #[tokio::test]
    async fn guessed_addresses_do_not_push_out_polls_that_exist() {
        let (asked, cache) = cache();
        cache.get(PollId::MAIN).await.unwrap();
        for guess in 0..2 * MAX_POLLS {
            cache.get(PollId::parse(&format!("no-{guess}")).unwrap()).await.unwrap();
        }
        assert_eq!(cache.polls.read().unwrap().len(), MAX_POLLS);
        let before = asked.times.load(Ordering::SeqCst);
        cache.slot(PollId::MAIN).lock().answer.as_mut().unwrap().1 = Instant::now() + FRESH_FOR;
        cache.get(PollId::MAIN).await.unwrap().unwrap();
        assert_eq!(asked.times.load(Ordering::SeqCst), before);
    }
}
