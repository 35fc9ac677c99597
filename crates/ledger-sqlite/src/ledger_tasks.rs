//! The tasks of the thread that writes the ledger.

use std::sync::mpsc;

use domain::Entry;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::{movements::Movements, reply::WriteFailure, ring_file::Accepted, store::StoreError};

/// Other work on the ledger, in its own transactions.
pub(crate) type LedgerWork = Box<dyn FnOnce(&mut Connection, &Movements) + Send>;

/// One task. Those with a sender report their result.
pub(crate) enum LedgerTask {
    /// Queues ballots to be counted.
    Count(Vec<Accepted>),
    /// Counts all that is queued.
    Flush(mpsc::SyncSender<Result<(), StoreError>>),
    /// Counts until this many more ballots can be queued.
    MakeRoom(usize, mpsc::SyncSender<Result<(), StoreError>>),
    /// Counts everything queued, and waits until no other program has the ledger locked.
    WaitForLock(oneshot::Sender<Result<(), StoreError>>),
    /// Counts everything queued, and then these entries. Waits only briefly for another program's lock.
    Apply(Vec<Entry>, mpsc::SyncSender<Result<(), WriteFailure>>),
    /// Runs other work.
    Work(LedgerWork),
}
