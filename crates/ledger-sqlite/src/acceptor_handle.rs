//! The handle of the acceptor's thread, and the bounded queue in front of it.

use std::{
    sync::mpsc,
    thread::{self, JoinHandle},
    time::Duration,
};

use domain::Unavailable;
use rusqlite::Connection;
use tokio::{sync::oneshot, time::timeout};

use crate::{
    acceptor::Acceptor,
    count_queue::CountQueue,
    movements::Movements,
    reply::Reply,
    requests::{Job, Request},
    store::StoreError,
};

/// How many jobs the queue holds; with more, callers get [`Unavailable::Busy`].
pub(crate) const MAX_QUEUE: usize = 8_192;

/// The handle. When it is dropped, the thread finishes what is queued; dropping waits for that.
pub(crate) struct AcceptorHandle {
    queue: Option<mpsc::SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl AcceptorHandle {
    /// Starts the thread.
    pub(crate) fn start(acceptor: Acceptor) -> std::io::Result<Self> {
        let (queue, jobs) = mpsc::sync_channel(MAX_QUEUE);
        let thread = thread::Builder::new().name("acceptor".into()).spawn(move || acceptor.run(&jobs))?;
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
        // The caller may have given up.
        let work = move |queue: &CountQueue| _ = answer.send(queue.work(work));
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

impl Drop for AcceptorHandle {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // A panic was logged when it happened.
            _ = thread.join();
        }
    }
}
