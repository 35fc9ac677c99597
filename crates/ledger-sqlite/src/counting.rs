//! The thread that counts: it takes what was accepted into the ledger's tables, and is the only one that writes there.
//!
//! Ballots that are counted together share the pages they are put on, so it waits a moment for company, and in a rush a
//! little longer.
//! What can't be counted now is kept and tried again; the file of those that wait has it as well.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use domain::{Entry, Position};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use crate::{
    apply::{self, Outcome},
    casting::PARTITION,
    files::LedgerFiles,
    movements::Movements,
    opening::LOCK_WAIT,
    progress::Progress,
    reply::Undone,
    store::{self, StoreError},
    turn::LedgerTurn,
    waiting::{self, Accepted},
};

/// How long an accepted ballot waits to be counted.
const COUNT_AFTER: Duration = Duration::from_millis(50);
/// How long it waits in a rush: where more than [`FEW`] ballots wait. The more are counted together, the more of them share a
/// page of the ledger.
const COUNT_AFTER_IN_A_RUSH: Duration = Duration::from_millis(500);
/// Ballots that need not wait longer.
const FEW: usize = 1_000;
/// With as many waiting they are counted at once. No transaction has more: where the file of those that wait is full, the
/// next ballot has to wait for one.
const MAX_BATCH: usize = 32_768;
/// How long after a count that failed the next one is tried.
const COUNT_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How long it waits for a lock that somebody else has while the thread that accepts waits for it.
const LOCK_WAIT_IN_A_HURRY: Duration = Duration::from_millis(20);

const NOT_COUNTED: &str = "ledger.refused: what was accepted can't be counted. It is kept and tried again every \
    second; voting goes on until 65,536 ballots wait";

/// Other work on the ledger, in transactions of its own.
type Work = Box<dyn FnOnce(&mut Connection, &Movements) + Send>;

pub(crate) enum Task {
    Count(Vec<Accepted>),
    /// Counts all that came before, and says whether that went well.
    Flush(mpsc::SyncSender<Result<(), StoreError>>),
    /// Counts until so many more can wait, and says whether that went well.
    MakeRoom(usize, mpsc::SyncSender<Result<(), StoreError>>),
    /// Counts all that came before, waits until nobody else has the ledger, and says whether that went well.
    Turn(oneshot::Sender<Result<(), StoreError>>),
    /// Counts these entries, behind all that waits, and says whether that went well. Waits for nobody else's lock.
    Apply(Vec<Entry>, mpsc::SyncSender<Result<(), Undone>>),
    Work(Work),
}

/// The handle of the thread. Dropping it lets the thread count what waits, close the ledger, and waits for that.
pub(crate) struct Counter {
    tasks: Option<mpsc::Sender<Task>>,
    progress: Arc<Progress>,
    thread: Option<JoinHandle<()>>,
}

impl Counter {
    /// Starts the thread on a ledger that is counted up to `counted`.
    pub(crate) fn start(
        conn: Connection,
        movements: Arc<Movements>,
        counted: Position,
        files: Arc<LedgerFiles>,
    ) -> std::io::Result<Self> {
        let progress = Arc::new(Progress::new(counted));
        let (tasks, queue) = mpsc::channel();
        let table = Table {
            conn,
            files,
            committed: counted,
            movements,
            progress: Arc::clone(&progress),
            pending: VecDeque::new(),
            count_at: None,
            since: None,
            hurried: false,
        };
        let thread = thread::Builder::new().name("ledger-counter".into()).spawn(move || table.run(&queue))?;
        Ok(Self { tasks: Some(tasks), progress, thread: Some(thread) })
    }

    /// Hands over ballots that were accepted, in order.
    pub(crate) fn count(&self, ballots: Vec<Accepted>) {
        self.progress.wait(ballots.len());
        self.send(Task::Count(ballots));
    }

    /// Waits until `more` ballots can wait, at most [`waiting::CAPACITY`].
    pub(crate) fn make_room(&self, more: usize) -> Result<(), StoreError> {
        if self.progress.waiting() + more <= waiting::CAPACITY {
            return Ok(());
        }
        // The others would wait for nothing.
        if self.progress.failure().is_some() {
            return Err(StoreError::NoRoom);
        }
        let (answer, answered) = mpsc::sync_channel(1);
        self.send(Task::MakeRoom(more, answer));
        // Why not is told by the count.
        answered.recv().map_err(|_| StoreError::Interrupted)?.map_err(|_| StoreError::NoRoom)
    }

    /// How far it is, for whoever shows the scores.
    pub(crate) fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Everything up to here is counted, and on the disk.
    pub(crate) fn counted(&self) -> Position {
        self.progress.counted()
    }

    /// Waits until nothing waits.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        let (answer, answered) = mpsc::sync_channel(1);
        self.send(Task::Flush(answer));
        answered.recv().map_err(|_| StoreError::Interrupted)?
    }

    /// Counts entries at once, behind all that waits.
    pub(crate) fn apply(&self, entries: Vec<Entry>) -> Result<(), Undone> {
        let (answer, answered) = mpsc::sync_channel(1);
        self.send(Task::Apply(entries, answer));
        answered.recv().map_err(|_| Undone::while_writing(StoreError::Interrupted))?
    }

    /// For changes of polls.
    pub(crate) fn turn(&self) -> LedgerTurn {
        let tasks = self.tasks.as_ref().expect("the queue is there until the handle is dropped");
        LedgerTurn::new(tasks.clone())
    }

    /// Does other work on the ledger, and waits for it.
    pub(crate) fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection, &Movements) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = mpsc::sync_channel(1);
        self.send(Task::Work(Box::new(move |conn, movements| _ = answer.send(work(conn, movements)))));
        answered.recv().map_err(|_| StoreError::Interrupted)?
    }

    fn send(&self, task: Task) {
        let tasks = self.tasks.as_ref().expect("the queue is there until the handle is dropped");
        tasks.send(task).expect("the thread goes on after any panic, as long as there is a handle");
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        drop(self.tasks.take());
        if let Some(thread) = self.thread.take() {
            // A panic was reported when it happened; there is nothing to add.
            let _ = thread.join();
        }
    }
}

/// What the thread owns.
struct Table {
    conn: Connection,
    /// Dropped behind the connection.
    files: Arc<LedgerFiles>,
    /// The ledger's position, as this process committed it last. Nobody else moves it.
    committed: Position,
    movements: Arc<Movements>,
    progress: Arc<Progress>,
    /// What waits, in order.
    pending: VecDeque<Accepted>,
    /// When it is counted; absent where nothing waits.
    count_at: Option<Instant>,
    /// Since when the first of it waits; absent where it could not be counted.
    since: Option<Instant>,
    /// Whether the thread that accepts waits for what is done.
    hurried: bool,
}

impl Table {
    fn run(mut self, queue: &mpsc::Receiver<Task>) {
        loop {
            let task = match self.count_at {
                None => queue.recv().map_err(|mpsc::RecvError| mpsc::RecvTimeoutError::Disconnected),
                Some(at) => queue.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            // The connection rolls back what a panic leaves, and `pending` is only let go after a commit.
            let done = catch_unwind(AssertUnwindSafe(|| self.take(task)));
            match done {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => tracing::error!("counting panicked; nothing is lost, and it is tried again"),
            }
        }
        self.close();
    }

    /// Does a task; says whether there may be more.
    fn take(&mut self, task: Result<Task, mpsc::RecvTimeoutError>) -> bool {
        match task {
            Ok(Task::Count(ballots)) => {
                self.pending.extend(ballots);
                if self.count_at.is_none() {
                    let now = Instant::now();
                    (self.since, self.count_at) = (Some(now), Some(now + COUNT_AFTER));
                }
                // A count that failed is not tried again for each ballot that comes.
                if self.pending.len() >= MAX_BATCH && self.since.is_some() {
                    _ = self.count_until(MAX_BATCH - 1);
                }
            }
            Ok(Task::Flush(answer)) => _ = answer.send(self.count_until(0)),
            Ok(Task::MakeRoom(more, answer)) => _ = answer.send(self.count_until(waiting::CAPACITY - more)),
            Ok(Task::Turn(answer)) => _ = answer.send(self.wait_for_turn()),
            Ok(Task::Apply(entries, answer)) => _ = answer.send(self.apply(entries)),
            Ok(Task::Work(work)) => self.work(work),
            Err(mpsc::RecvTimeoutError::Timeout) => match self.since {
                Some(since) if self.pending.len() > FEW && since.elapsed() < COUNT_AFTER_IN_A_RUSH => {
                    self.count_at = Some(since + COUNT_AFTER_IN_A_RUSH);
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

    /// Counts batch after batch until `waiting` wait at most.
    fn count_until(&mut self, waiting: usize) -> Result<(), StoreError> {
        self.forget_committed();
        while self.pending.len() > waiting {
            self.count_batch()?;
        }
        Ok(())
    }

    fn count_batch(&mut self) -> Result<(), StoreError> {
        let begun = Instant::now();
        (self.count_at, self.since) = (Some(begun + COUNT_AGAIN_AFTER), None);
        let ballots = self.pending.len().min(MAX_BATCH);
        let entries = self.pending.range(..ballots).map(waiting::entry).collect();
        let outcome = match self.commit(entries) {
            Ok(outcome) => outcome,
            Err(undone) => return Err(self.not_counted(undone.error)),
        };
        metrics::histogram!("scrutin_ledger_count_seconds").record(begun.elapsed());
        metrics::counter!("scrutin_ledger_ballots_total").increment(outcome.applied.ballots);
        if self.progress.recovered() {
            tracing::info!("ledger.counting: what was accepted is counted again");
        }
        self.pending.drain(..ballots);
        self.progress.done(ballots);
        self.progress.count_to(outcome.applied.position);
        // Those who came since wait for company of their own.
        let next = (!self.pending.is_empty()).then(Instant::now);
        (self.count_at, self.since) = (next.map(|now| now + COUNT_AFTER), next);
        self.movements.add(outcome.moved);
        Ok(())
    }

    /// Told once, until the count goes on.
    fn not_counted(&self, error: StoreError) -> StoreError {
        metrics::counter!("scrutin_ledger_failures_total").increment(1);
        // Whoever does not wait finds the ledger in other hands now and then.
        let of_no_matter = self.hurried && error.is_held();
        if !of_no_matter && self.progress.failed(&error.to_string()) && !matches!(error, StoreError::Stopped(_)) {
            tracing::error!(error = %error, waiting = self.pending.len(), "{NOT_COUNTED}");
        }
        if error.is_full() {
            // What the write-ahead log takes of the disk may be all that is missing. If not, the next try tells.
            _ = self.conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        }
        error
    }

    /// Counts what waits, and makes sure that nobody else has the ledger.
    fn wait_for_turn(&mut self) -> Result<(), StoreError> {
        self.count_until(0)?;
        self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        Ok(())
    }

    /// Counts what waits, and then these entries. The thread that accepts waits for it.
    fn apply(&mut self, entries: Vec<Entry>) -> Result<(), Undone> {
        self.conn.busy_timeout(LOCK_WAIT_IN_A_HURRY).map_err(Undone::before_writing)?;
        self.hurried = true;
        let outcome = self.count_until(0).map_err(Undone::before_writing).and_then(|()| self.commit(entries));
        self.hurried = false;
        self.conn.busy_timeout(LOCK_WAIT).map_err(Undone::while_writing)?;
        let outcome = outcome?;
        self.progress.count_to(outcome.applied.position);
        self.movements.add(outcome.moved);
        Ok(())
    }

    /// Counts entries of this process into the ledger, if both are what they were when it wrote last.
    fn commit(&mut self, entries: Vec<Entry>) -> Result<Outcome, Undone> {
        self.files.check_ledger().map_err(Undone::before_writing)?;
        let (tx, outcome) = self.write(entries).map_err(Undone::before_writing)?;
        if let Err(error) = tx.commit() {
            // What failed may have been done all the same.
            let found = store::counted_through(&self.conn, PARTITION).map_err(Undone::while_writing)?;
            if found == self.committed {
                return Err(Undone::before_writing(error));
            }
        }
        report_rejected(&outcome);
        self.committed = outcome.applied.position;
        // The files may have gone meanwhile, and with them what was just written.
        self.files.check_ledger().map_err(Undone::while_writing)?;
        Ok(outcome)
    }

    /// Writes what the entries change, in a transaction that is to be committed.
    fn write(&mut self, entries: Vec<Entry>) -> Result<(Transaction<'_>, Outcome), StoreError> {
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

    /// Lets go of what waits and is committed: where an error came after the commit.
    fn forget_committed(&mut self) {
        let committed = self.pending.iter().take_while(|(position, _)| *position <= self.committed).count();
        if committed > 0 {
            self.pending.drain(..committed);
            self.progress.done(committed);
            self.progress.count_to(self.committed);
        }
    }

    /// Other work of this process may move the position too.
    fn work(&mut self, work: Work) {
        work(&mut self.conn, &self.movements);
        match store::counted_through(&self.conn, PARTITION) {
            Ok(position) => self.committed = position,
            Err(error) => tracing::error!(%error, "the ledger's position can't be read"),
        }
    }

    /// Leaves one file behind, without a write-ahead log beside it where no reader holds it.
    fn close(self) {
        if let Err(error) = self.conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            tracing::warn!(error = %error, "the write-ahead log was not taken in; the next start does it");
        }
        if let Err((_, error)) = self.conn.close() {
            tracing::warn!(error = %error, "closing the ledger");
        }
    }
}

/// Counts entries; on the disk when this returns.
pub(crate) fn apply_in_a_transaction(conn: &mut Connection, entries: Vec<Entry>) -> Result<Outcome, StoreError> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let outcome = apply::apply(&tx, PARTITION, entries)?;
    tx.commit()?;
    Ok(outcome)
}

/// Nothing is accepted that does not fit its poll, so only a fault in this program, or another ledger's file of those that
/// wait, comes here.
pub(crate) fn report_rejected(outcome: &Outcome) {
    if outcome.applied.rejected > 0 {
        tracing::error!(
            ballots = outcome.applied.rejected,
            "set aside, since they do not fit the ledger's polls: see its table `rejected`"
        );
    }
}

#[cfg(test)]
mod tests;
