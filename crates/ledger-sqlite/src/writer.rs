//! The one thread that accepts, and the bounded queue before it.
//!
//! While ballots are on their way to the disk, requests gather in the queue; the next transaction takes all of them (up to
//! [`MAX_GROUP`]), so a commit's `fsync` is shared by as many as there are. Requests are answered after the commit. One
//! that could not be decided is told that nothing was done; one whose writing failed, that the outcome is not known, and so
//! is one that was taken up and not answered in time. Whoever gave up before theirs was taken up has withdrawn it.
//! The thread itself goes on after any failure, and even a panic.
//!
//! Ballots go to the file of those that wait (`waiting`), and are counted by another thread (`counting`). What changes a
//! poll goes to the ledger, once all is counted that came before it.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use domain::{Ballot, Cast, Change, Entry, Event, Poll, PollChange, PollId, Unavailable};
use rusqlite::Connection;
use tokio::{sync::oneshot, time::timeout};

use crate::{
    Clock,
    accepted::AcceptedCounts,
    casting::{Booth, PARTITION},
    counting::Counter,
    files::LedgerFiles,
    movements::Movements,
    opening,
    reply::{Reply, Undone},
    store::{self, StoreError},
    waiting::{self, WaitingFile},
};

/// How many requests may wait; with more, callers are told that the ledger is busy.
const MAX_QUEUE: usize = 8_192;
/// How many requests one transaction takes at most.
const MAX_GROUP: usize = 1_000;
/// How often it is looked whether the files are still there, while nobody asks for anything.
const CHECK_EVERY: Duration = Duration::from_millis(500);
/// Something asked of the log; its answer is sent once it is on the disk.
pub(crate) enum Request {
    Cast(CastRequest),
    Create(Box<Poll>, Reply<Change>),
    Change(PollId, PollChange, Reply<Change>),
}

/// A ballot, the revision of its poll that the voter was shown, and who waits for the answer.
pub(crate) struct CastRequest {
    pub(crate) ballot: Ballot,
    pub(crate) revision: u32,
    pub(crate) answer: Reply<Cast>,
}

/// Other work on the ledger, in transactions of its own, once all is counted that was asked before it.
type Work = Box<dyn FnOnce(&Counter) + Send>;

enum Job {
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

    fn submit(&self, what: &'static str, job: Job) -> Result<(), Unavailable> {
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

/// What the thread owns.
pub(crate) struct Desk {
    /// For looking things up.
    ledger: Connection,
    waiting: WaitingFile,
    counter: Counter,
    clock: Clock,
    accepted: Arc<AcceptedCounts>,
    /// Absent where it has to be begun anew.
    booth: Option<Booth>,
    /// Dropped behind the connection.
    files: Arc<LedgerFiles>,
}

impl Desk {
    /// A desk at which nothing waits: what is in the file is counted.
    pub(crate) fn new(
        ledger: Connection,
        waiting: WaitingFile,
        counter: Counter,
        clock: Clock,
        accepted: Arc<AcceptedCounts>,
        files: Arc<LedgerFiles>,
    ) -> Self {
        Self { ledger, waiting, counter, clock, accepted, booth: None, files }
    }

    fn run(mut self, queue: &mpsc::Receiver<Job>) {
        loop {
            let first = match queue.recv_timeout(CHECK_EVERY) {
                Ok(first) => first,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    // What is wrong is told where it is found.
                    _ = self.files.check();
                    continue;
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            };
            let jobs = std::iter::once(first).chain(queue.try_iter()).take(MAX_GROUP).collect();
            // The booth is only kept after a commit, and a transaction that is left by a panic is rolled back on the way;
            // so there is nothing that a panic could leave half done.
            if catch_unwind(AssertUnwindSafe(|| self.take(jobs))).is_err() {
                tracing::error!("the log's writer panicked; what was in its hands is not answered");
            }
        }
        self.close();
    }

    /// Ballots that follow one another share a transaction; whatever else there is comes after all that came before it.
    fn take(&mut self, jobs: Vec<Job>) {
        let mut ballots = Vec::with_capacity(jobs.len());
        for job in jobs {
            match job {
                Job::Request(Request::Cast(ballot)) => ballots.push(ballot),
                Job::Request(Request::Create(poll, to)) => {
                    self.accept(mem::take(&mut ballots));
                    self.change("creating a poll", to, |desk, booth| desk.create(booth, *poll));
                }
                Job::Request(Request::Change(id, change, to)) => {
                    self.accept(mem::take(&mut ballots));
                    self.change("changing a poll", to, |desk, booth| desk.change_poll(booth, id, &change));
                }
                Job::Work(work) => {
                    self.accept(mem::take(&mut ballots));
                    // It may change anything.
                    self.booth = None;
                    // Where nothing can be counted, it is for the work to find out.
                    if self.counter.flush().is_ok() {
                        self.accepted.clear();
                    }
                    work(&self.counter);
                }
            }
        }
        self.accept(ballots);
    }

    fn accept(&mut self, requests: Vec<CastRequest>) {
        if requests.is_empty() {
            return;
        }
        let begun = Instant::now();
        let booth = self.ready_for(requests.len());
        // Only now, since it may have taken long until there was room: whoever gave up meanwhile is out of it.
        let taken_up = requests.into_iter().filter(|request| request.answer.take_up());
        let (casts, replies): (Vec<_>, Vec<_>) =
            taken_up.map(|request| ((request.ballot, request.revision), request.answer)).unzip();
        match booth.and_then(|booth| self.record(booth, casts)) {
            Ok(casts) => {
                replies.into_iter().zip(casts).for_each(|(reply, cast)| reply.send(Ok(cast)));
                metrics::histogram!("scrutin_ledger_transaction_seconds").record(begun.elapsed());
            }
            Err(undone) => {
                failed("accepting ballots", replies.len(), &undone.error);
                let told = undone.told("casting a ballot");
                replies.into_iter().for_each(|reply| reply.send(Err(told.clone())));
            }
        }
    }

    /// The booth, once there is room for so many ballots more.
    fn ready_for(&mut self, ballots: usize) -> Result<Booth, Undone> {
        let room = self.files.accepting().and_then(|()| self.counter.make_room(ballots));
        room.and_then(|()| self.booth()).map_err(Undone::before_writing)
    }

    fn record(&mut self, mut booth: Booth, casts: Vec<(Ballot, u32)>) -> Result<Vec<Cast>, Undone> {
        booth.counted(self.counter.counted());
        let now = (self.clock)();
        let mut accepted = Vec::with_capacity(casts.len());
        let mut answers = Vec::with_capacity(casts.len());
        for (ballot, revision) in casts {
            let cast = booth.cast(&self.ledger, now, ballot, revision, &mut accepted);
            answers.push(cast.map_err(Undone::before_writing)?);
        }
        if !accepted.is_empty() {
            self.waiting.append(&accepted).map_err(|error| Undone::while_writing(error.into()))?;
            self.accepted.set(accepted.iter().map(|(_, ballot)| ballot.poll), |id| booth.accepted(id));
            self.counter.count(accepted);
            self.files.check().map_err(Undone::while_writing)?;
        }
        self.booth = Some(booth);
        Ok(answers)
    }

    /// The booth, which the caller puts back when all went well. After a failure, what the file has may be more than what
    /// was counted, or less than what the booth had given out: so all is counted before it is begun anew.
    fn booth(&mut self) -> Result<Booth, StoreError> {
        if let Some(booth) = self.booth.take() {
            return Ok(booth);
        }
        self.counter.flush()?;
        let left = self.waiting.after(self.counter.counted())?;
        if !left.is_empty() {
            self.counter.apply(left.iter().map(waiting::entry).collect())?;
        }
        self.accepted.clear();
        Ok(Booth::new(store::counted_through(&self.ledger, PARTITION)?))
    }

    fn change(
        &mut self,
        what: &'static str,
        reply: Reply<Change>,
        change: impl FnOnce(&Self, &mut Booth) -> Result<Change, Undone>,
    ) {
        let booth = self.files.check().and_then(|()| self.booth()).map_err(Undone::before_writing);
        // Only now, as above.
        if !reply.take_up() {
            self.booth = booth.ok();
            return;
        }
        let changed = booth.and_then(|mut booth| {
            let changed = change(self, &mut booth)?;
            self.booth = Some(booth);
            Ok(changed)
        });
        reply.send(changed.map_err(|undone| {
            failed(what, 1, &undone.error);
            undone.told(what)
        }));
    }

    /// Creates a poll if its id is free.
    fn create(&self, booth: &mut Booth, poll: Poll) -> Result<Change, Undone> {
        if booth.standing(&self.ledger, poll.id()).map_err(Undone::before_writing)?.is_some() {
            return Ok(Change::Exists);
        }
        self.enter(booth, poll)
    }

    /// Changes a poll. What changes nothing is done without an entry.
    fn change_poll(&self, booth: &mut Booth, id: PollId, change: &PollChange) -> Result<Change, Undone> {
        let standing = booth.standing(&self.ledger, id).map_err(Undone::before_writing)?;
        let Some(standing) = standing else { return Ok(Change::UnknownPoll) };
        match standing.poll.after(change, standing.accepted > 0) {
            Ok(next) if next == standing.poll => Ok(Change::Done(next)),
            Ok(next) => self.enter(booth, next),
            Err(refused) => Ok(Change::Refused(refused)),
        }
    }

    /// Puts the poll as it is now at the end of the log, and counts it.
    fn enter(&self, booth: &mut Booth, poll: Poll) -> Result<Change, Undone> {
        let position = booth.next_position((self.clock)()).map_err(Undone::before_writing)?;
        // What waits comes first; where it can't be counted, nothing of the change was written.
        self.counter.flush().map_err(Undone::before_writing)?;
        let entry = Entry { position, event: Ok(Event::Poll(Box::new(poll.clone()))) };
        self.counter.apply(vec![entry]).map_err(Undone::while_writing)?;
        booth.forget(poll.id());
        self.accepted.forget(poll.id());
        Ok(Change::Done(poll))
    }

    /// Everything is in the ledger's file in the end, if it can be counted; else it is counted at the next start.
    fn close(self) {
        let Self { ledger, waiting, counter, files, .. } = self;
        drop(ledger);
        let closed = counter
            .flush()
            .and_then(|()| files.check_ledger())
            .and_then(|()| counter.work(|conn, _| opening::mark_closed(conn)))
            .and_then(|()| Ok(waiting.close()?));
        if let Err(error) = closed {
            tracing::warn!(error = %error, "ring.kept: what waits to be counted stays in the ring file, for the next start");
        }
        drop(counter);
    }
}

fn failed(what: &'static str, requests: usize, error: &StoreError) {
    metrics::counter!("scrutin_ledger_failures_total").increment(1);
    tracing::error!(error = %error, requests, what, "not done, and not answered");
}

#[cfg(test)]
mod tests;
