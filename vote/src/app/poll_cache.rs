//! Polls as last heard from the log, kept for one second.
//!
//! Under load the log is asked once a second for each poll, however many ballots come in, and nobody waits for that
//! who can be answered with what was known a moment ago. While the log is down the last answer stands, so that pages
//! can be shown. Nothing is decided by it: a cast asks the log itself.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};

use domain::{BallotBox, Poll, PollId, Unavailable};
use tokio::{sync::watch, time::timeout};

/// How long an answer of the log stands.
const FRESH_FOR: Duration = Duration::from_secs(1);
/// How long after that it is still good enough for whoever comes while the log is asked anew.
const YOUNG_FOR: Duration = Duration::from_secs(1);
/// How long somebody waits for the log before an older answer is good enough, too: most of the two seconds that a log
/// has for an answer are for the ballot.
const WAIT_WITH_AN_ANSWER: Duration = Duration::from_millis(300);
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
}

/// The last answers of the log about one poll.
#[derive(Default)]
struct Known {
    /// The last poll (or that there is none), and until when it is fresh.
    answer: Option<(Option<Arc<Poll>>, Instant)>,
    /// The last failure, and when it was.
    failure: Option<(Unavailable, Instant)>,
    /// The log is being asked; this ends with its answer.
    asking: Option<watch::Receiver<()>>,
    /// How often it was overtaken by what somebody knew better. An answer that was asked for before is too old.
    overtaken: u64,
}

impl PollCache {
    /// An empty cache before `ballots`.
    pub(crate) fn new(ballots: Arc<dyn BallotBox>) -> Self {
        Self { ballots, polls: RwLock::default() }
    }

    /// The poll as it was at most two seconds ago; older only while the log does not answer.
    pub(crate) async fn get(&self, id: PollId) -> Result<Option<Arc<Poll>>, Unavailable> {
        let arrived = Instant::now();
        let slot = self.slot(id);
        let last = slot.lock().answer.clone();
        let Some((poll, until)) = last else {
            // Twice, for the first answer may have been overtaken.
            self.ask(id, &slot).await;
            if slot.lock().knows_nothing_since(arrived) {
                self.ask(id, &slot).await;
            }
            return slot.answer_since(arrived);
        };
        if arrived < until {
            return Ok(poll);
        }
        let asked = self.ask(id, &slot);
        if arrived < until + YOUNG_FOR {
            return Ok(poll);
        }
        match timeout(WAIT_WITH_AN_ANSWER, asked).await {
            Ok(()) => slot.answer_since(arrived),
            Err(_) => Ok(poll),
        }
    }

    /// Has the log asked, unless it is being asked already, and waits for its answer. It is noted even if nobody waits.
    fn ask(&self, id: PollId, slot: &Arc<Slot>) -> impl Future<Output = ()> + use<> {
        let mut known = slot.lock();
        // Whoever panicked while asking has left a channel behind that is closed.
        let under_way = known.asking.clone().filter(|asking| asking.has_changed().is_ok());
        let mut answered = under_way.unwrap_or_else(|| {
            let (asking, answered) = watch::channel(());
            let (ballots, slot, overtaken) = (self.ballots.clone(), slot.clone(), known.overtaken);
            tokio::spawn(async move {
                let answer = ballots.poll(id).await;
                slot.note(answer, overtaken);
                drop(asking);
            });
            answered
        });
        known.asking = Some(answered.clone());
        // An error: nobody asks any more.
        async move { while answered.changed().await.is_ok() {} }
    }

    /// Notes what the log has just said of a poll, so that this instance shows it at once.
    pub(crate) fn put(&self, poll: Poll) {
        let slot = self.slot(poll.id());
        slot.lock().overtake(Some((Some(Arc::new(poll)), Instant::now() + FRESH_FOR)));
    }

    /// Asks the log anew at the next occasion: it has shown that what is kept is too old.
    pub(crate) fn forget(&self, id: PollId) {
        self.slot(id).lock().overtake(None);
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

    /// What the log answered after `arrived`; while it does not, what it answered before.
    fn answer_since(&self, arrived: Instant) -> Result<Option<Arc<Poll>>, Unavailable> {
        let known = self.lock();
        match (&known.answer, &known.failure) {
            (Some((poll, _)), _) => Ok(poll.clone()),
            (None, Some((failure, when))) if *when >= arrived => Err(failure.clone()),
            // Whoever asked panicked.
            (None, _) => Err(Unavailable::failed("reading a poll", "no answer")),
        }
    }

    fn note(&self, answer: Result<Option<Poll>, Unavailable>, overtaken: u64) {
        let now = Instant::now();
        let mut known = self.lock();
        if known.overtaken != overtaken {
            return;
        }
        known.asking = None;
        match answer {
            Ok(poll) => {
                known.answer = Some((poll.map(Arc::new), now + FRESH_FOR));
                known.failure = None;
            }
            Err(failure) => {
                if let Some((Some(_), until)) = &mut known.answer {
                    *until = now + FRESH_FOR;
                } else {
                    // That there is no such poll is not worth repeating.
                    known.answer = None;
                    known.failure = Some((failure, now));
                }
            }
        }
    }
}

impl Known {
    fn overtake(&mut self, answer: Option<(Option<Arc<Poll>>, Instant)>) {
        *self = Self { answer, overtaken: self.overtaken + 1, ..Self::default() };
    }

    fn knows_nothing_since(&self, arrived: Instant) -> bool {
        self.answer.is_none() && self.failure.as_ref().is_none_or(|(_, when)| *when < arrived)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use async_trait::async_trait;
    use domain::{Ballot, CastOutcome, ChangeOutcome, PollChange, PollSpec};

    use super::*;

    /// Counts how often it is asked.
    #[derive(Default)]
    struct Asked {
        times: AtomicUsize,
        down: AtomicBool,
        hangs: AtomicBool,
        rewritten: AtomicBool,
    }

    #[async_trait]
    impl BallotBox for Asked {
        async fn poll(&self, id: PollId) -> Result<Option<Poll>, Unavailable> {
            self.times.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            if self.hangs.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            if self.down.load(Ordering::SeqCst) {
                return Err(Unavailable::Busy);
            }
            let question = if self.rewritten.load(Ordering::SeqCst) { "Coffee?" } else { "Tea?" };
            let spec = PollSpec::simple(question, ["Yes", "No"]);
            Ok((!id.as_str().starts_with("no-")).then(|| Poll::new(id, spec).unwrap()))
        }
        async fn cast(&self, _: Ballot, _: u32) -> Result<CastOutcome, Unavailable> {
            unreachable!("the cache never casts")
        }
        async fn polls(&self) -> Result<Vec<Poll>, Unavailable> {
            unreachable!("the cache asks for one poll")
        }
        async fn create(&self, _: Poll) -> Result<ChangeOutcome, Unavailable> {
            unreachable!("the cache creates nothing")
        }
        async fn change(&self, _: PollId, _: PollChange) -> Result<ChangeOutcome, Unavailable> {
            unreachable!("the cache changes nothing")
        }
        async fn end_session(&self, _: domain::SessionId, _: Duration) -> Result<(), Unavailable> {
            unreachable!("only polls are asked for")
        }
        async fn has_ended(&self, _: domain::SessionId) -> Result<bool, Unavailable> {
            unreachable!("only polls are asked for")
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

    /// Makes what is known of `id` fresh no more, since as long as this.
    fn age(cache: &PollCache, id: PollId, since: Duration) {
        cache.slot(id).lock().answer.as_mut().unwrap().1 = Instant::now().checked_sub(since).unwrap();
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
        age(&cache, PollId::MAIN, YOUNG_FOR);
        cache.get(PollId::MAIN).await.unwrap().unwrap();
        assert_eq!(asked.times.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn while_the_log_is_down_the_last_answer_stands_and_those_who_wait_share_the_failure() {
        let (asked, cache) = cache();
        cache.get(PollId::MAIN).await.unwrap();
        asked.down.store(true, Ordering::SeqCst);
        age(&cache, PollId::MAIN, YOUNG_FOR);
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
    async fn nobody_waits_long_for_a_log_that_hangs_where_something_is_known() {
        let (asked, cache) = cache();
        cache.get(PollId::MAIN).await.unwrap();
        asked.hangs.store(true, Ordering::SeqCst);
        for older in [Duration::ZERO, YOUNG_FOR] {
            age(&cache, PollId::MAIN, older);
            let waited = timeout(Duration::from_mins(1), cache.get(PollId::MAIN)).await;
            assert!(waited.expect("this log would keep us for ever").unwrap().is_some());
        }
        assert_eq!(asked.times.load(Ordering::SeqCst), 2, "and the log is asked once at a time");
    }

    #[tokio::test]
    async fn what_was_asked_before_a_change_does_not_overtake_it() {
        let (_, cache) = cache();
        let slot = cache.slot(PollId::MAIN);
        let asked = cache.ask(PollId::MAIN, &slot);
        let changed = Poll::new(PollId::MAIN, PollSpec::simple("Coffee?", ["Yes", "No"])).unwrap();
        cache.put(changed);
        asked.await;
        assert_eq!(cache.get(PollId::MAIN).await.unwrap().unwrap().question(), "Coffee?");
        // And where the log has shown that it knows better, whoever waits gets an answer that was asked for since.
        let early = {
            let cache = cache.clone();
            tokio::spawn(async move { cache.get(PollId::parse("other").unwrap()).await })
        };
        tokio::task::yield_now().await;
        cache.forget(PollId::parse("other").unwrap());
        assert!(early.await.unwrap().unwrap().is_some());
    }

    #[tokio::test]
    async fn an_old_answer_is_not_shown_where_the_log_has_a_new_one() {
        let (asked, cache) = cache();
        cache.get(PollId::MAIN).await.unwrap();
        asked.rewritten.store(true, Ordering::SeqCst);
        age(&cache, PollId::MAIN, YOUNG_FOR);
        assert_eq!(cache.get(PollId::MAIN).await.unwrap().unwrap().question(), "Coffee?");
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
