//! What the thread that writes the ledger is asked to do.

use std::sync::mpsc;

use domain::Entry;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::{movements::Movements, reply::WriteFailure, ring_file::Accepted, store::StoreError};

/// Other work on the ledger, in transactions of its own.
pub(crate) type LedgerWork = Box<dyn FnOnce(&mut Connection, &Movements) + Send>;

/// One task. Those with a sender report how it went.
pub(crate) enum LedgerTask {
    /// Queues ballots to be counted.
    Count(Vec<Accepted>),
    /// Counts all that is queued.
    Flush(mpsc::SyncSender<Result<(), StoreError>>),
    /// Counts until so many more ballots can be queued.
    MakeRoom(usize, mpsc::SyncSender<Result<(), StoreError>>),
    /// Counts all that is queued, and waits until no other program has the ledger locked.
    WaitForLock(oneshot::Sender<Result<(), StoreError>>),
    /// Counts all that is queued, and then these entries. Waits only a moment for another program's lock.
    Apply(Vec<Entry>, mpsc::SyncSender<Result<(), WriteFailure>>),
    /// Does other work.
    Work(LedgerWork),
}
