//! What moved: passed from the thread that counts to the only caller of `Scoreboard::moved`.

use domain::{EventId, Movement, PendingMovement, PollId};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Polls whose tallies moved, and events that changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) polls: Vec<PollId>,
    pub(crate) events: Vec<EventId>,
}

impl From<Vec<PollId>> for Moved {
    fn from(polls: Vec<PollId>) -> Self {
        Self { polls, events: Vec::new() }
    }
}

/// What moved since the last call.
#[derive(Debug, Default)]
pub(crate) struct Movements {
    pending: Mutex<PendingMovement>,
    added: Notify,
}

impl Movements {
    /// Adds what moved.
    pub(crate) fn add(&self, Moved { polls, events }: Moved) {
        if !polls.is_empty() || !events.is_empty() {
            self.pending.lock().add(Movement::These { polls, events });
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
        movements.add(vec![PollId::MAIN].into());
        movements.add(Moved::default());
        let moved = Movement::These { polls: vec![PollId::MAIN], events: Vec::new() };
        assert_eq!(movements.moved().await, moved);
        let second = tokio::time::timeout(std::time::Duration::from_millis(1), movements.moved()).await;
        assert!(second.is_err(), "{second:?}");
    }
}
