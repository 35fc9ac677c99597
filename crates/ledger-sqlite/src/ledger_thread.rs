//! The thread that writes the ledger: it counts accepted ballots into the tables. Nothing else writes there.
//!
//! It waits 50 ms for more ballots, and 500 ms under load, so that one transaction writes each page of the tables once.
//! Ballots that cannot be counted now stay queued and are tried again. The ring file has them too.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use domain::{Entry, Position};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::{
    apply::{self, BatchOutcome},
    connection::LOCK_WAIT,
    files::LedgerFiles,
    ledger_tasks::{LedgerTask, LedgerWork},
    movements::Movements,
    progress::CountProgress,
    reply::WriteFailure,
    ring_file::{self, Accepted},
    store::{self, PARTITION, StoreError},
};

/// How long an accepted ballot waits to be counted.
const COUNT_AFTER: Duration = Duration::from_millis(50);
/// The same while more than [`FEW`] ballots are queued: the more ballots are counted together, the more share a page.
const COUNT_AFTER_UNDER_LOAD: Duration = Duration::from_millis(500);
/// Up to this many queued ballots do not wait longer.
const FEW: usize = 1_000;
/// This many queued ballots are counted at once, and no transaction has more: when the ring file is full, the next
/// ballot must wait for one transaction.
const MAX_BATCH: usize = 32_768;
/// How long after a failed count the next attempt starts.
const COUNT_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How long SQLite waits for another program's lock while the acceptor waits for this thread.
const SHORT_LOCK_WAIT: Duration = Duration::from_millis(20);

const NOT_COUNTED: &str = "accepted ballots can't be counted. They are kept, and it is tried again \
    every second; voting goes on until 65,536 ballots are queued";

/// The state that the thread owns.
pub(crate) struct LedgerThread {
    conn: Connection,
    /// Dropped after the connection.
    files: Arc<LedgerFiles>,
    /// The ledger's position after this process' last commit. Nobody else moves it.
    committed: Position,
    movements: Arc<Movements>,
    progress: Arc<CountProgress>,
    /// Ballots to be counted, in the order of their positions.
    pending: VecDeque<Accepted>,
    /// When the next count is due; `None` if no ballots are queued.
    count_at: Option<Instant>,
    /// When the first of them was queued; `None` if counting it failed.
    since: Option<Instant>,
    /// Whether the acceptor waits for the current task.
    is_awaited: bool,
}

impl LedgerThread {
    pub(crate) fn new(
        conn: Connection,
        files: Arc<LedgerFiles>,
        committed: Position,
        movements: Arc<Movements>,
        progress: Arc<CountProgress>,
    ) -> Self {
        let (pending, count_at, since) = (VecDeque::new(), None, None);
        Self { conn, files, committed, movements, progress, pending, count_at, since, is_awaited: false }
    }

    /// Runs tasks until there can be no more, and closes the ledger.
    pub(crate) fn run(mut self, queue: &mpsc::Receiver<LedgerTask>) {
        loop {
            let task = match self.count_at {
                None => queue.recv().map_err(|mpsc::RecvError| mpsc::RecvTimeoutError::Disconnected),
                Some(at) => queue.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            // A panic leaves nothing half done: the connection rolls back, and `pending` shrinks only after a commit.
            let done = catch_unwind(AssertUnwindSafe(|| self.take(task)));
            match done {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => tracing::error!(
                    event = "ledger.panicked",
                    "counting panicked. Nothing is lost, and it is tried again"
                ),
            }
        }
        self.close();
    }

    /// Runs a task. Returns whether there may be more.
    fn take(&mut self, task: Result<LedgerTask, mpsc::RecvTimeoutError>) -> bool {
        match task {
            Ok(LedgerTask::Count(ballots)) => {
                self.pending.extend(ballots);
                if self.count_at.is_none() {
                    let now = Instant::now();
                    (self.since, self.count_at) = (Some(now), Some(now + COUNT_AFTER));
                }
                // A failed count is not repeated for each new ballot.
                if self.pending.len() >= MAX_BATCH && self.since.is_some() {
                    _ = self.count_until(MAX_BATCH - 1);
                }
            }
            Ok(LedgerTask::Flush(answer)) => _ = answer.send(self.count_until(0)),
            Ok(LedgerTask::MakeRoom(more, answer)) => _ = answer.send(self.count_until(ring_file::CAPACITY - more)),
            Ok(LedgerTask::WaitForLock(answer)) => _ = answer.send(self.wait_for_lock()),
            Ok(LedgerTask::Apply(entries, answer)) => _ = answer.send(self.apply(entries)),
            Ok(LedgerTask::Work(work)) => self.work(work),
            Err(mpsc::RecvTimeoutError::Timeout) => match self.since {
                Some(since) if self.pending.len() > FEW && since.elapsed() < COUNT_AFTER_UNDER_LOAD => {
                    self.count_at = Some(since + COUNT_AFTER_UNDER_LOAD);
                }
                _ => _ = self.count_until(0),
            },
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                _ = self.count_until(0);
                return false;
            }
        }
        true
    }

    /// Counts batches until at most `left` ballots are queued.
    fn count_until(&mut self, left: usize) -> Result<(), StoreError> {
        self.forget_committed();
        while self.pending.len() > left {
            self.count_batch()?;
        }
        Ok(())
    }

    fn count_batch(&mut self) -> Result<(), StoreError> {
        let begun = Instant::now();
        (self.count_at, self.since) = (Some(begun + COUNT_AGAIN_AFTER), None);
        let ballots = self.pending.len().min(MAX_BATCH);
        let entries = self.pending.range(..ballots).map(ring_file::entry).collect();
        let outcome = match self.commit(entries) {
            Ok(outcome) => outcome,
            Err(failure) => return Err(self.not_counted(failure.error)),
        };
        metrics::histogram!("scrutin_ledger_count_seconds").record(begun.elapsed());
        metrics::counter!("scrutin_ledger_ballots_total").increment(outcome.applied.ballots);
        if self.progress.recovered() {
            tracing::info!(event = "ledger.counting", "accepted ballots are counted again");
        }
        self.pending.drain(..ballots);
        self.progress.counted(ballots);
        self.progress.count_to(outcome.applied.position);
        // Newer ballots wait for others again.
        let next = (!self.pending.is_empty()).then(Instant::now);
        (self.count_at, self.since) = (next.map(|now| now + COUNT_AFTER), next);
        self.movements.add(outcome.moved);
        Ok(())
    }

    /// Logs a failure, once until counting succeeds again.
    fn not_counted(&self, error: StoreError) -> StoreError {
        metrics::counter!("scrutin_ledger_failures_total").increment(1);
        // With the short wait, it is normal that another program sometimes has the ledger locked.
        let is_expected = self.is_awaited && error.is_held();
        if !is_expected && self.progress.failed(&error.to_string()) && !matches!(error, StoreError::Stopped(_)) {
            tracing::error!(event = "ledger.refused", error = %error, queued = self.pending.len(), "{NOT_COUNTED}");
        }
        if error.is_full() {
            // The write-ahead log may occupy all the space that is missing. If not, the next attempt fails again.
            _ = self.conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        }
        error
    }

    /// Counts everything queued, and checks that no other program has the ledger locked.
    fn wait_for_lock(&mut self) -> Result<(), StoreError> {
        self.count_until(0)?;
        self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        Ok(())
    }

    /// Counts everything queued, and then these entries, while the acceptor waits.
    fn apply(&mut self, entries: Vec<Entry>) -> Result<(), WriteFailure> {
        self.conn.busy_timeout(SHORT_LOCK_WAIT).map_err(WriteFailure::nothing_written)?;
        self.is_awaited = true;
        let outcome = self.count_until(0).map_err(WriteFailure::nothing_written).and_then(|()| self.commit(entries));
        self.is_awaited = false;
        self.conn.busy_timeout(LOCK_WAIT).map_err(WriteFailure::unknown)?;
        let outcome = outcome?;
        self.progress.count_to(outcome.applied.position);
        self.movements.add(outcome.moved);
        Ok(())
    }

    /// Counts entries of this process, if the files and the ledger's position are unchanged since its last commit.
    fn commit(&mut self, entries: Vec<Entry>) -> Result<BatchOutcome, WriteFailure> {
        self.files.check_ledger().map_err(WriteFailure::nothing_written)?;
        let (tx, outcome) = self.write(entries).map_err(WriteFailure::nothing_written)?;
        if let Err(error) = tx.commit() {
            // A commit that returned an error may still have succeeded.
            let found = store::counted_through(&self.conn, PARTITION).map_err(WriteFailure::unknown)?;
            if found == self.committed {
                return Err(WriteFailure::nothing_written(error));
            }
        }
        apply::report_rejected(&outcome);
        self.committed = outcome.applied.position;
        // The files may have been moved in between, together with what was just written.
        self.files.check_ledger().map_err(WriteFailure::unknown)?;
        Ok(outcome)
    }

    /// Writes the changes of the entries, in a transaction that the caller commits.
    fn write(&mut self, entries: Vec<Entry>) -> Result<(Transaction<'_>, BatchOutcome), StoreError> {
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (found, committed) = (store::counted_through(&tx, PARTITION)?, self.committed);
        let next = entries.first().map_or(found, |entry| entry.position);
        if found != committed || next < committed || next == committed && !entries.is_empty() {
            self.files.stop_for_another_writer(&format!(
                "its position is {found}, this program wrote {committed} last, and {next} is next"
            ));
            self.files.counting()?;
        }
        let outcome = apply::apply(&tx, PARTITION, entries)?;
        Ok((tx, outcome))
    }

    /// Drops queued ballots that are committed, for an error that came after the commit.
    fn forget_committed(&mut self) {
        let committed = self.pending.iter().take_while(|(position, _)| *position <= self.committed).count();
        if committed > 0 {
            self.pending.drain(..committed);
            self.progress.counted(committed);
            self.progress.count_to(self.committed);
        }
    }

    /// Runs other work, which may also move the position.
    fn work(&mut self, work: LedgerWork) {
        work(&mut self.conn, &self.movements);
        match store::counted_through(&self.conn, PARTITION) {
            Ok(position) => self.committed = position,
            Err(error) => tracing::error!(event = "ledger.unreadable", %error, "the ledger's position can't be read"),
        }
    }

    /// Closes the ledger. Without readers, this leaves one file and no write-ahead log.
    fn close(self) {
        if let Err(error) = self.conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            tracing::warn!(event = "ledger.not_closed", %error, "the write-ahead log stays; the next start copies it");
        }
        if let Err((_, error)) = self.conn.close() {
            tracing::warn!(event = "ledger.not_closed", %error, "not closed by SQLite; the next start repairs it");
        }
    }
}

#[cfg(test)]
mod tests;
