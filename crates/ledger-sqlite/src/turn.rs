//! Waiting for the ledger where that keeps nobody else waiting.

use std::{sync::mpsc, time::Instant};

use domain::Unavailable;
use tokio::{
    sync::{Semaphore, oneshot},
    time::timeout_at,
};

use crate::{counting::Task, reply::Undone, store::StoreError};

/// Waits for a moment at which the ledger can be written, for changes of polls. It keeps the counter's thread running,
/// so it is dropped before the `Counter`.
pub(crate) struct LedgerTurn {
    tasks: mpsc::Sender<Task>,
    /// One change at a time; the others wait in line.
    one: Semaphore,
}

impl LedgerTurn {
    pub(crate) fn new(tasks: mpsc::Sender<Task>) -> Self {
        Self { tasks, one: Semaphore::new(1) }
    }

    /// Waits until all that was accepted is counted and nobody else has the ledger; at most until `deadline`.
    pub(crate) async fn wait(&self, what: &'static str, deadline: Instant) -> Result<(), Unavailable> {
        let waiting = async {
            let _one = self.one.acquire().await.expect("the semaphore is never closed");
            let (answer, answered) = oneshot::channel();
            _ = self.tasks.send(Task::Turn(answer));
            answered.await.unwrap_or(Err(StoreError::Interrupted))
        };
        match timeout_at(deadline.into(), waiting).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Undone::before_writing(error).told(what)),
            Err(_) => Err(Unavailable::not_done(what, "the ledger can't be written at present")),
        }
    }
}
