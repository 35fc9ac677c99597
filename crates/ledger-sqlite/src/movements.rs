//! Which tallies moved: passed from the thread that counts to the only caller of `Scoreboard::moved`.

use domain::{Movement, PendingMovement, PollId};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// The polls whose tallies moved since the last call.
#[derive(Debug, Default)]
pub(crate) struct Movements {
    pending: Mutex<PendingMovement>,
    added: Notify,
}

impl Movements {
    /// Adds polls that moved.
    pub(crate) fn add(&self, polls: Vec<PollId>) {
        if !polls.is_empty() {
            self.pending.lock().add(Movement::Polls(polls));
            self.added.notify_one();
        }
    }

    /// Waits until something has moved since the last call.
    pub(crate) async fn moved(&self) -> Movement {
        loop {
            if let Some(movement) = self.pending.lock().take() {
                return movement;
            }
            // A notification between the check and the wait is stored until the wait.
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
