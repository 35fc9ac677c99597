//! Which tallies moved, from the writer to whoever waits for it.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use domain::{Movement, PollId};
use tokio::sync::Notify;

/// With more polls than this waiting to be told, it is told that any may have moved.
const MAX_POLLS: usize = 1_000;

/// What moved and was not asked for yet.
#[derive(Debug, Default)]
pub(crate) struct Movements {
    waiting: Mutex<Waiting>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    polls: BTreeSet<PollId>,
    any: bool,
}

impl Movements {
    /// Notes that these moved, and wakes who waits.
    pub(crate) fn tell(&self, polls: Vec<PollId>) {
        if polls.is_empty() {
            return;
        }
        let mut waiting = self.waiting();
        waiting.polls.extend(polls);
        if waiting.polls.len() > MAX_POLLS {
            waiting.polls.clear();
            waiting.any = true;
        }
        drop(waiting);
        self.wake.notify_one();
    }

    /// Waits until something moved since the last call.
    pub(crate) async fn moved(&self) -> Movement {
        loop {
            if let Some(movement) = self.take() {
                return movement;
            }
            // A wake-up between the look and the wait is kept for the wait.
            self.wake.notified().await;
        }
    }

    fn take(&self) -> Option<Movement> {
        let Waiting { polls, any } = std::mem::take(&mut *self.waiting());
        match (any, polls.is_empty()) {
            (true, _) => Some(Movement::Any),
            (false, true) => None,
            (false, false) => Some(Movement::Polls(polls.into_iter().collect())),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn many_polls_become_any() {
        let movements = Movements::default();
        let polls = (0..=MAX_POLLS).map(|number| PollId::parse(&format!("poll-{number}")).unwrap());
        movements.tell(polls.collect());
        assert_eq!(movements.moved().await, Movement::Any);
        movements.tell(vec![PollId::MAIN]);
        assert_eq!(movements.moved().await, Movement::Polls(vec![PollId::MAIN]));
    }
}
