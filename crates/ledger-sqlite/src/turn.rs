//! Waits until the ledger can be written, without blocking the acceptor.

use std::{sync::mpsc, time::Instant};

use domain::Unavailable;
use tokio::{
    sync::{Semaphore, oneshot},
    time::timeout_at,
};

use crate::{ledger_tasks::LedgerTask, reply::WriteFailure, store::StoreError};

/// Changes of polls wait here for the ledger. It keeps the ledger's thread running, so it is dropped before the
/// `CountQueue`.
pub(crate) struct LedgerTurn {
    tasks: mpsc::Sender<LedgerTask>,
    /// One change at a time; the others wait here.
    one: Semaphore,
}

impl LedgerTurn {
    pub(crate) fn new(tasks: mpsc::Sender<LedgerTask>) -> Self {
        Self { tasks, one: Semaphore::new(1) }
    }

    /// Waits until all accepted ballots are counted and no other program has the ledger locked, at most until
    /// `deadline`.
    pub(crate) async fn wait(&self, what: &'static str, deadline: Instant) -> Result<(), Unavailable> {
        let waiting = async {
            let _one = self.one.acquire().await.expect("the semaphore is never closed");
            let (answer, answered) = oneshot::channel();
            _ = self.tasks.send(LedgerTask::WaitForLock(answer));
            answered.await.unwrap_or(Err(StoreError::Interrupted))
        };
        match timeout_at(deadline.into(), waiting).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(WriteFailure::nothing_written(error).to_unavailable(what)),
            Err(_) => Err(Unavailable::not_done(what, "the ledger can't be written now")),
        }
    }
}
