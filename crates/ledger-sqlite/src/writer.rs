//! The one thread that writes, and the bounded queue before it.
//!
//! While a transaction is on its way to the disk, requests gather in the queue; the next transaction takes
//! all of them (up to [`MAX_GROUP`]), so a commit's `fsync` is shared by as many as there are. Requests are answered
//! after the commit. One whose transaction failed is not answered: its answer is dropped, and whoever waits
//! for it knows that the outcome is unknown. The thread itself goes on after any failure, and even a panic.

use std::{
    fs::File,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use domain::{Ballot, Cast, Change, Poll, PollChange, PollId, Unavailable};
use rusqlite::{Connection, TransactionBehavior};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{Clock, apply::Outcome, casting::Sitting, movements::Movements, store::StoreError};

/// How many requests may wait; with more, callers are told that the ledger is busy.
const MAX_QUEUE: usize = 8_192;
/// How many requests one transaction takes at most.
const MAX_GROUP: usize = 1_000;

/// Something asked of the log; its answer is sent after the commit.
pub(crate) enum Request {
    Cast(Ballot, u32, oneshot::Sender<Cast>),
    Create(Box<Poll>, oneshot::Sender<Change>),
    Change(PollId, PollChange, oneshot::Sender<Change>),
}

/// Other work on the file, in transactions of its own.
type Work = Box<dyn FnOnce(&mut Connection, &Movements) + Send>;

enum Job {
    Request(Request),
    Work(Work),
}

/// The handle of the thread. Dropping it lets the thread finish what is queued, and waits for that.
pub(crate) struct Writer {
    queue: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread on an open and migrated file. `lock` is held until the file is closed.
    pub(crate) fn start(
        conn: Connection,
        lock: File,
        clock: Clock,
        movements: Arc<Movements>,
    ) -> std::io::Result<Self> {
        let (queue, jobs) = mpsc::channel(MAX_QUEUE);
        let desk = Desk { conn, clock, movements };
        let thread = thread::Builder::new().name("ledger-writer".into()).spawn(move || {
            desk.run(jobs);
            drop(lock);
        })?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Queues a request and waits for its answer.
    pub(crate) async fn ask<T>(
        &self,
        what: &'static str,
        limit: Duration,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, Unavailable> {
        let (answer, answered) = oneshot::channel();
        self.submit(what, Job::Request(request(answer)))?;
        wait(what, limit, answered).await
    }

    /// Queues other work and waits for its result.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        what: &'static str,
        limit: Duration,
        work: impl FnOnce(&mut Connection, &Movements) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let (answer, answered) = oneshot::channel();
        let work = move |conn: &mut Connection, movements: &Movements| {
            // Whoever asked may have gone meanwhile.
            let _ = answer.send(work(conn, movements));
        };
        self.submit(what, Job::Work(Box::new(work)))?;
        wait(what, limit, answered).await?.map_err(|error| Unavailable::failed(what, error))
    }

    fn submit(&self, what: &'static str, job: Job) -> Result<(), Unavailable> {
        let queue = self.queue.as_ref().expect("the queue is there until the handle is dropped");
        queue.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Unavailable::Busy,
            mpsc::error::TrySendError::Closed(_) => Unavailable::failed(what, "the ledger is closed"),
        })
    }
}

async fn wait<T>(what: &'static str, limit: Duration, answered: oneshot::Receiver<T>) -> Result<T, Unavailable> {
    match timeout(limit, answered).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(Unavailable::failed(what, "the ledger could not be written")),
        Err(_) => Err(Unavailable::Timeout { what, after: limit }),
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // A panic was reported when it happened; there is nothing to add.
            let _ = thread.join();
        }
    }
}

/// An answer that is sent once the transaction is on the disk.
enum Answer {
    Cast(Cast, oneshot::Sender<Cast>),
    Change(Change, oneshot::Sender<Change>),
}

impl Answer {
    fn send(self) {
        // Whoever asked may have gone meanwhile.
        match self {
            Self::Cast(cast, to) => _ = to.send(cast),
            Self::Change(change, to) => _ = to.send(change),
        }
    }
}

/// What the thread owns.
struct Desk {
    conn: Connection,
    clock: Clock,
    movements: Arc<Movements>,
}

impl Desk {
    fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut jobs = Vec::with_capacity(MAX_GROUP);
        while queue.blocking_recv_many(&mut jobs, MAX_GROUP) > 0 {
            let jobs = mem::replace(&mut jobs, Vec::with_capacity(MAX_GROUP));
            // Nothing is kept between transactions but the connection, and a transaction that is left by a
            // panic is rolled back on the way; so there is nothing that a panic could leave half done.
            if catch_unwind(AssertUnwindSafe(|| self.take(jobs))).is_err() {
                tracing::error!("the ledger's writer panicked; what was in its hands is not answered");
            }
        }
        self.close();
    }

    /// Requests that follow one another share a transaction; other work has its own.
    fn take(&mut self, jobs: Vec<Job>) {
        let mut group = Vec::with_capacity(jobs.len());
        for job in jobs {
            match job {
                Job::Request(request) => group.push(request),
                Job::Work(work) => {
                    self.settle(mem::take(&mut group));
                    work(&mut self.conn, &self.movements);
                }
            }
        }
        self.settle(group);
    }

    fn settle(&mut self, requests: Vec<Request>) {
        if requests.is_empty() {
            return;
        }
        let (begun, count) = (Instant::now(), requests.len());
        match self.record(requests) {
            Ok((answers, outcome)) => {
                answers.into_iter().for_each(Answer::send);
                self.movements.tell(outcome.moved);
                metrics::histogram!("scrutin_ledger_transaction_seconds").record(begun.elapsed());
                metrics::counter!("scrutin_ledger_ballots_total").increment(outcome.applied.ballots);
            }
            Err(error) => {
                metrics::counter!("scrutin_ledger_failures_total").increment(1);
                tracing::error!(error = %error, requests = count, "a transaction was rolled back");
            }
        }
    }

    fn record(&mut self, requests: Vec<Request>) -> Result<(Vec<Answer>, Outcome), StoreError> {
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut sitting = Sitting::new(&tx, (self.clock)())?;
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            answers.push(match request {
                Request::Cast(ballot, revision, to) => Answer::Cast(sitting.cast(ballot, revision)?, to),
                Request::Create(poll, to) => Answer::Change(sitting.create(*poll)?, to),
                Request::Change(id, change, to) => Answer::Change(sitting.change(id, &change)?, to),
            });
        }
        let outcome = sitting.count()?;
        tx.commit()?;
        Ok((answers, outcome))
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

#[cfg(test)]
mod tests;
