//! Which tallies moved: from the thread that counts to the one caller of `Scoreboard::moved`.

use domain::{Movement, PendingMovement, PollId};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// What moved since it was asked for last.
#[derive(Debug, Default)]
pub(crate) struct Movements {
    pending: Mutex<PendingMovement>,
    added: Notify,
}

impl Movements {
    /// Notes that these moved.
    pub(crate) fn add(&self, polls: Vec<PollId>) {
        if !polls.is_empty() {
            self.pending.lock().add(Movement::Polls(polls));
            self.added.notify_one();
        }
    }

    /// Waits until something moved since the last call.
    pub(crate) async fn moved(&self) -> Movement {
        loop {
            if let Some(movement) = self.pending.lock().take() {
                return movement;
            }
            // A notification between the look and the wait is kept for the wait.
            self.added.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_moved_is_told_once() {
        let movements = Movements::default();
        movements.add(vec![PollId::MAIN]);
        movements.add(Vec::new());
        assert_eq!(movements.moved().await, Movement::Polls(vec![PollId::MAIN]));
        let second = tokio::time::timeout(std::time::Duration::from_millis(1), movements.moved()).await;
        assert!(second.is_err(), "{second:?}");
    }
}
