//! The queue of ballots to be counted, and the handle of the thread that counts them ([`LedgerThread`]).

use std::{
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
};

use domain::{Entry, Position};
use rusqlite::Connection;

use crate::{
    files::LedgerFiles,
    ledger_tasks::LedgerTask,
    ledger_thread::LedgerThread,
    movements::Movements,
    progress::CountProgress,
    reply::WriteFailure,
    ring_file::{self, Accepted},
    store::StoreError,
    turn::LedgerTurn,
};

/// The handle. When it is dropped, the thread counts what is queued and closes the ledger; dropping waits for that.
pub(crate) struct CountQueue {
    tasks: Option<mpsc::Sender<LedgerTask>>,
    progress: Arc<CountProgress>,
    thread: Option<JoinHandle<()>>,
}

impl CountQueue {
    /// Starts the thread on a ledger that has counted everything up to `counted_through`.
    pub(crate) fn start(
        conn: Connection,
        movements: Arc<Movements>,
        counted_through: Position,
        files: Arc<LedgerFiles>,
    ) -> std::io::Result<Self> {
        let progress = Arc::new(CountProgress::new(counted_through));
        let (tasks, queue) = mpsc::channel();
        let ledger = LedgerThread::new(conn, files, counted_through, movements, Arc::clone(&progress));
        let thread = thread::Builder::new().name("ledger".into()).spawn(move || ledger.run(&queue))?;
        Ok(Self { tasks: Some(tasks), progress, thread: Some(thread) })
    }

    /// Queues accepted ballots, in the order of their positions.
    pub(crate) fn add(&self, ballots: Vec<Accepted>) {
        self.progress.queue(ballots.len());
        self.send(LedgerTask::Count(ballots));
    }

    /// Waits until `more` ballots can be queued; `more` is at most [`ring_file::CAPACITY`].
    pub(crate) fn make_room(&self, more: usize) -> Result<(), StoreError> {
        if self.progress.queued() + more <= ring_file::CAPACITY {
            return Ok(());
        }
        // While counting fails, waiting would not help.
        if self.progress.failure().is_some() {
            return Err(StoreError::NoRoom);
        }
        let (answer, answered) = mpsc::sync_channel(1);
        self.send(LedgerTask::MakeRoom(more, answer));
        // The thread has logged the reason.
        answered.recv().map_err(|_| StoreError::Interrupted)?.map_err(|_| StoreError::NoRoom)
    }

    /// How far the count is, for the scoreboard.
    pub(crate) fn progress(&self) -> Arc<CountProgress> {
        Arc::clone(&self.progress)
    }

    /// Everything up to this position is counted and on disk.
    pub(crate) fn counted_through(&self) -> Position {
        self.progress.counted_through()
    }

    /// Counts all that is queued.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        let (answer, answered) = mpsc::sync_channel(1);
        self.send(LedgerTask::Flush(answer));
        answered.recv().map_err(|_| StoreError::Interrupted)?
    }

    /// Counts everything queued, and then these entries.
    pub(crate) fn apply(&self, entries: Vec<Entry>) -> Result<(), WriteFailure> {
        let (answer, answered) = mpsc::sync_channel(1);
        self.send(LedgerTask::Apply(entries, answer));
        answered.recv().map_err(|_| WriteFailure::unknown(StoreError::Interrupted))?
    }

    /// The turn, in which changes of polls wait for the ledger.
    pub(crate) fn turn(&self) -> LedgerTurn {
        let tasks = self.tasks.as_ref().expect("the queue is there until the handle is dropped");
        LedgerTurn::new(tasks.clone())
    }

    /// Runs other work on the ledger, and waits for it.
    pub(crate) fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection, &Movements) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = mpsc::sync_channel(1);
        self.send(LedgerTask::Work(Box::new(move |conn, movements| _ = answer.send(work(conn, movements)))));
        answered.recv().map_err(|_| StoreError::Interrupted)?
    }

    fn send(&self, task: LedgerTask) {
        let tasks = self.tasks.as_ref().expect("the queue is there until the handle is dropped");
        tasks.send(task).expect("the thread survives any panic, as long as there is a handle");
    }
}

impl Drop for CountQueue {
    fn drop(&mut self) {
        drop(self.tasks.take());
        if let Some(thread) = self.thread.take() {
            // A panic was logged when it happened.
            _ = thread.join();
        }
    }
}
