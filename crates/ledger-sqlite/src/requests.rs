//! What is asked of the thread that accepts, and the bounded queue on the way there.

use std::{
    sync::mpsc,
    thread::{self, JoinHandle},
    time::Duration,
};

use domain::{Ballot, CastOutcome, ChangeOutcome, Poll, PollChange, PollId, Unavailable};
use rusqlite::Connection;
use tokio::{sync::oneshot, time::timeout};

use crate::{counting::Counter, movements::Movements, reply::Reply, store::StoreError, writer::Desk};

/// How many requests may wait; with more, callers are told that the ledger is busy.
pub(crate) const MAX_QUEUE: usize = 8_192;
/// Something asked of the log; its answer is sent once it is on the disk. `None` to a change of a poll: somebody else
/// has the ledger, and nothing was done.
pub(crate) enum Request {
    Cast(CastRequest),
    Create(Box<Poll>, Reply<Option<ChangeOutcome>>),
    Change(PollId, PollChange, Reply<Option<ChangeOutcome>>),
}

/// A ballot, the revision of its poll that the voter was shown, and who waits for the answer.
pub(crate) struct CastRequest {
    pub(crate) ballot: Ballot,
    pub(crate) revision: u32,
    pub(crate) answer: Reply<CastOutcome>,
}

/// Other work on the ledger, in transactions of its own, once all is counted that was asked before it.
pub(crate) type Work = Box<dyn FnOnce(&Counter) + Send>;

pub(crate) enum Job {
    Request(Request),
    Work(Work),
}

/// The handle of the thread. Dropping it lets the thread finish what is queued, and waits for that.
pub(crate) struct Writer {
    queue: Option<mpsc::SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(desk: Desk) -> std::io::Result<Self> {
        let (queue, jobs) = mpsc::sync_channel(MAX_QUEUE);
        let thread = thread::Builder::new().name("log-writer".into()).spawn(move || desk.run(&jobs))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Queues a request and waits for its answer.
    pub(crate) async fn ask<T>(
        &self,
        what: &'static str,
        limit: Duration,
        request: impl FnOnce(Reply<T>) -> Request,
    ) -> Result<T, Unavailable> {
        let (to, answered) = oneshot::channel();
        let reply = Reply::new(to);
        let claim = reply.claim();
        self.submit(what, Job::Request(request(reply)))?;
        match wait(what, limit, answered).await {
            Err(Unavailable::Timeout { .. }) if claim.take() => {
                Err(Unavailable::not_done(what, format!("not begun within {} ms, and withdrawn", limit.as_millis())))
            }
            answer => answer?,
        }
    }

    /// Queues other work and waits for its result.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        what: &'static str,
        limit: Duration,
        work: impl FnOnce(&mut Connection, &Movements) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let (answer, answered) = oneshot::channel();
        let work = move |counter: &Counter| {
            // Whoever asked may have gone meanwhile.
            let _ = answer.send(counter.work(work));
        };
        self.submit(what, Job::Work(Box::new(work)))?;
        wait(what, limit, answered).await?.map_err(|error| Unavailable::failed(what, error))
    }

    pub(crate) fn submit(&self, what: &'static str, job: Job) -> Result<(), Unavailable> {
        let queue = self.queue.as_ref().expect("the queue is there until the handle is dropped");
        queue.try_send(job).map_err(|error| match error {
            mpsc::TrySendError::Full(_) => Unavailable::Busy,
            mpsc::TrySendError::Disconnected(_) => Unavailable::not_done(what, "the ledger is closed"),
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
