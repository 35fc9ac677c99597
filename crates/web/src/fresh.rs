//! An answer from elsewhere that is good for a moment: a poll from the log, a tally from the ledger.
//!
//! [`Fresh`] keeps reads from growing with callers. While the last answer is fresh, callers get it at once. Otherwise
//! one read runs and all callers wait for it. It does not decide what a failed read leaves behind: each read ends with
//! an update that makes the next answer of the last one, so a user can keep the old answer and mark it as old.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::{sync::watch, time::Instant};
use tracing::Instrument;

/// The last answer about one thing. Starts empty.
#[derive(Debug)]
pub struct Fresh<T>(Mutex<State<T>>);

#[derive(Debug)]
struct State<T> {
    last: Option<LastAnswer<T>>,
    /// Open as long as a read runs.
    reading: Option<watch::Receiver<()>>,
    /// Counts reads and changes, in the order in which they began.
    begun: u64,
    /// Which of them made `last`, or removed it. Answers to older reads are discarded.
    newest: u64,
}

/// An answer, and how old it is.
#[derive(Clone, Debug)]
pub struct LastAnswer<T> {
    /// The answer.
    pub answer: T,
    /// When its read began.
    pub asked_at: Instant,
    /// When it came.
    pub at: Instant,
}

/// When a read began.
#[derive(Clone, Copy, Debug)]
pub struct ReadStart {
    order: u64,
    /// By the clock.
    pub at: Instant,
}

impl<T> Default for Fresh<T> {
    fn default() -> Self {
        Self(Mutex::new(State { last: None, reading: None, begun: 0, newest: 0 }))
    }
}

impl<T: Clone + Send + 'static> Fresh<T> {
    /// The last answer, however old.
    pub fn last(&self) -> Option<LastAnswer<T>> {
        self.lock().last.clone()
    }

    /// An answer that is fresh, or whose read began after this call. It waits for at most two reads: one that runs
    /// already, and one of its own. `None` if that read panicked, or if what it said was overtaken by
    /// [`forget`](Self::forget).
    pub async fn get<R, U>(
        self: &Arc<Self>,
        is_fresh: impl Fn(&LastAnswer<T>) -> bool,
        read: impl Fn() -> R,
    ) -> Option<T>
    where
        R: Future<Output = U> + Send + 'static,
        U: FnOnce(Option<T>) -> T + Send,
    {
        let arrived = Instant::now();
        for _ in 0..2 {
            if let Some(last) = self.last().filter(&is_fresh) {
                return Some(last.answer);
            }
            self.ask(&read).await;
        }
        self.last().filter(|last| last.at >= arrived).map(|last| last.answer)
    }

    /// Starts a read unless one runs, and returns a future that waits for its end. The answer is kept even if nobody
    /// waits. `read` ends with an update: a function of the last answer that returns the next one.
    pub fn ask<F, R, U>(self: &Arc<Self>, read: F) -> impl Future<Output = ()> + use<T, F, R, U>
    where
        F: FnOnce() -> R,
        R: Future<Output = U> + Send + 'static,
        U: FnOnce(Option<T>) -> T + Send,
    {
        let mut state = self.lock();
        // The channel is closed when the read has ended, also by a panic.
        let running = state.reading.clone().filter(|reading| reading.has_changed().is_ok());
        let mut reading = running.unwrap_or_else(|| {
            let (ends, reading) = watch::channel(());
            let (start, read, fresh) = (state.begin(), read(), Arc::clone(self));
            let reads = async move {
                let update = read.await;
                fresh.learn(start, update);
                drop(ends);
            };
            tokio::spawn(reads.in_current_span());
            reading
        });
        state.reading = Some(reading.clone());
        drop(state);
        // Nothing is ever sent: it waits until the channel is closed.
        async move { drop(reading.changed().await) }
    }

    /// Begins a read that [`ask`](Self::ask) knows nothing of, such as one for many things at once.
    pub fn begin(&self) -> ReadStart {
        self.lock().begin()
    }

    /// Keeps the answer of a read. Returns `false` and discards it if an answer is known whose read began later.
    pub fn learn(&self, start: ReadStart, update: impl FnOnce(Option<T>) -> T) -> bool {
        let mut state = self.lock();
        if state.newest > start.order {
            return false;
        }
        let answer = update(state.last.take().map(|last| last.answer));
        state.newest = start.order;
        state.last = Some(LastAnswer { answer, asked_at: start.at, at: Instant::now() });
        true
    }

    /// Keeps an answer that did not come by a read. Reads that run already are discarded.
    pub fn put(&self, answer: T) {
        let start = self.overtake();
        self.learn(start, |_| answer);
    }

    /// Forgets the answer. Reads that run already are discarded.
    pub fn forget(&self) {
        self.overtake();
    }

    fn overtake(&self) -> ReadStart {
        let mut state = self.lock();
        let start = state.begin();
        state.newest = start.order;
        (state.last, state.reading) = (None, None);
        start
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock()
    }
}

impl<T> State<T> {
    fn begin(&mut self) -> ReadStart {
        self.begun += 1;
        ReadStart { order: self.begun, at: Instant::now() }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU32, Ordering},
        time::Duration,
    };

    use tokio::task::JoinHandle;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A number, and since when it could not be read again.
    type Answer = Result<(u32, Option<Instant>), &'static str>;
    type Answers = Arc<Fresh<Answer>>;

    /// Answers 1, 2, 3 …, each after a second.
    #[derive(Clone, Default)]
    struct Source(Arc<AtomicU32>);

    impl Source {
        async fn read(self) -> impl FnOnce(Option<Answer>) -> Answer {
            let number = self.0.fetch_add(1, Ordering::SeqCst) + 1;
            tokio::time::sleep(SECOND).await;
            move |_| Ok((number, None))
        }

        fn get(&self, fresh: &Answers) -> JoinHandle<Option<Answer>> {
            let (fresh, source) = (Arc::clone(fresh), self.clone());
            tokio::spawn(async move { fresh.get(is_young, || source.clone().read()).await })
        }
    }

    fn is_young(last: &LastAnswer<Answer>) -> bool {
        last.at.elapsed() < SECOND
    }

    /// What a failed read leaves behind: the old number, and since when it is old.
    fn failed(known: Option<Answer>) -> Answer {
        let (number, since) = known.ok_or("never read")??;
        Ok((number, since.or_else(|| Some(Instant::now()))))
    }

    #[expect(clippy::unnecessary_wraps, reason = "an answer as it is read")]
    fn number(number: u32) -> Answer {
        Ok((number, None))
    }

    #[tokio::test(start_paused = true)]
    async fn callers_at_once_share_one_read_and_its_answer_while_fresh() {
        let (fresh, source) = (Answers::default(), Source::default());
        let callers: Vec<_> = (0..50).map(|_| source.get(&fresh)).collect();
        for caller in callers {
            assert_eq!(caller.await.unwrap(), Some(number(1)));
        }
        tokio::time::advance(SECOND.checked_sub(Duration::from_millis(1)).unwrap()).await;
        assert_eq!(source.get(&fresh).await.unwrap(), Some(number(1)));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(source.get(&fresh).await.unwrap(), Some(number(2)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_read_can_keep_the_old_answer_and_say_since_when() {
        let fresh = Answers::default();
        let fail = || async { failed };
        assert_eq!(fresh.get(|_| false, fail).await, Some(Err("never read")));
        fresh.put(Ok((7, None)));
        let since = Instant::now();
        for _ in 0..2 {
            assert_eq!(fresh.get(|_| false, fail).await, Some(Ok((7, Some(since)))));
            tokio::time::advance(SECOND).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_kept_if_its_caller_goes_away() {
        let (fresh, source) = (Answers::default(), Source::default());
        drop(fresh.ask(|| source.read()));
        tokio::time::sleep(2 * SECOND).await;
        assert_eq!(fresh.last().map(|last| last.answer), Some(number(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_began_before_a_change_does_not_overwrite_it() {
        let (fresh, source) = (Answers::default(), Source::default());
        let early = source.get(&fresh);
        tokio::time::sleep(SECOND / 2).await;
        fresh.put(Ok((100, None)));
        assert_eq!(early.await.unwrap(), Some(number(100)));
        assert_eq!(fresh.last().map(|last| last.answer), Some(number(100)));
        // A caller whose read was discarded gets the answer of a later one.
        fresh.forget();
        let early = source.get(&fresh);
        tokio::time::sleep(SECOND / 2).await;
        fresh.forget();
        assert_eq!(early.await.unwrap(), Some(number(3)));
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_reads_the_one_that_began_later_wins() {
        let fresh = Answers::default();
        let (earlier, later) = (fresh.begin(), fresh.begin());
        assert!(fresh.learn(later, |_| Ok((2, None))));
        assert!(!fresh.learn(earlier, |_| Ok((1, None))));
        assert_eq!(fresh.last().map(|last| last.answer), Some(number(2)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_panics_does_not_block_later_ones() {
        static READS: AtomicU32 = AtomicU32::new(0);
        let (fresh, source) = (Answers::default(), Source::default());
        let panics = || async {
            assert!(READS.load(Ordering::SeqCst) > 0, "no read yet");
            failed
        };
        assert_eq!(fresh.get(is_young, panics).await, None);
        assert_eq!(source.get(&fresh).await.unwrap(), Some(number(1)));
    }
}
