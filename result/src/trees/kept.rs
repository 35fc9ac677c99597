//! Answers that are kept for a moment, by what was asked: all who ask at once wait for one read.

use std::{collections::HashMap, hash::Hash, sync::Arc, time::Duration};

use domain::Unavailable;
use parking_lot::Mutex;
use web::fresh::{Fresh, LastAnswer};

/// How long a failed read stands before the ledger is asked again.
const RETRY: Duration = Duration::from_secs(1);
/// Once there are as many answers as may be kept, those that are older make room.
const KEPT_WHEN_FULL: Duration = Duration::from_secs(10);

type Slot<V> = Arc<Fresh<Result<V, Unavailable>>>;

/// At most so many answers.
pub(crate) struct Kept<K, V> {
    slots: Mutex<HashMap<K, Slot<V>>>,
    max: usize,
}

impl<K: Eq + Hash, V: Clone + Send + 'static> Kept<K, V> {
    pub(crate) fn new(max: usize) -> Self {
        Self { slots: Mutex::default(), max }
    }

    /// The answer that is kept, if it `is_good` at its age; else that of a read.
    pub(crate) async fn get<R>(
        &self,
        key: K,
        is_good: impl Fn(&V, Duration) -> bool,
        read: impl Fn() -> R,
    ) -> Result<V, Unavailable>
    where
        R: Future<Output = Result<V, Unavailable>> + Send + 'static,
    {
        let slot = self.slot(key);
        let is_fresh = |last: &LastAnswer<Result<V, Unavailable>>| match &last.answer {
            Ok(value) => is_good(value, last.at.elapsed()),
            Err(_) => last.at.elapsed() < RETRY,
        };
        let reads = || {
            let read = read();
            async move {
                let answer = read.await;
                move |_| answer
            }
        };
        let panicked = || Err(Unavailable::failed("reading trees", "the read panicked"));
        slot.get(is_fresh, reads).await.unwrap_or_else(panicked)
    }

    /// The slot of a key; one that is not kept if there are too many already.
    fn slot(&self, key: K) -> Slot<V> {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.get(&key) {
            return Arc::clone(slot);
        }
        if slots.len() >= self.max {
            // A slot without an answer is being read.
            slots.retain(|_, slot| slot.last().is_none_or(|last| last.at.elapsed() < KEPT_WHEN_FULL));
        }
        let slot = Slot::default();
        if slots.len() < self.max {
            slots.insert(key, Arc::clone(&slot));
        }
        slot
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn all_who_ask_within_a_second_share_one_read() {
        let (kept, reads) = (Kept::<u8, u32>::new(2), Arc::new(AtomicU32::new(0)));
        let get = async |key: u8| {
            let reads = Arc::clone(&reads);
            let read = move || {
                let reads = Arc::clone(&reads);
                async move { Ok(reads.fetch_add(1, Ordering::SeqCst) + 1) }
            };
            kept.get(key, |_, age| age < Duration::from_secs(1), read).await.unwrap()
        };
        assert_eq!((get(1).await, get(1).await, get(2).await), (1, 1, 2));
        tokio::time::advance(Duration::from_millis(1_001)).await;
        assert_eq!((get(1).await, get(1).await), (3, 3));
        // A third is not kept while the two are young, and takes their place afterwards.
        assert_eq!((get(3).await, get(3).await), (4, 5));
        tokio::time::advance(KEPT_WHEN_FULL).await;
        assert_eq!((get(3).await, get(3).await, kept.slots.lock().len()), (6, 6, 1));
    }
}
