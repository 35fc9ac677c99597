//! The one thread that accepts.
//!
//! While ballots are on their way to the disk, requests gather in the queue; the next write takes all of them (up to
//! [`MAX_GROUP`]), so an `fsync` is shared by as many as there are. Requests are answered after it. One that could not
//! be decided is told that nothing was done; one whose writing failed, that the outcome is not known, and so is one
//! that was taken up and not answered in time. Whoever gave up before theirs was taken up has withdrawn it. The thread
//! itself goes on after any failure, and even a panic.
//!
//! Ballots go to the ring file (`waiting`), and are counted by another thread (`counting`). What changes a poll goes to
//! the ledger, once all is counted that came before it. It comes when the ledger can be written (`LedgerTurn`), and
//! where that is over meanwhile it is not done: so ballots never wait for somebody else's lock.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use domain::{Ballot, CastOutcome, ChangeOutcome, Entry, Event, Poll, PollChange, PollId, Position};
use rusqlite::Connection;

use crate::{
    Clock,
    accepted::AcceptedCounts,
    casting::{Booth, PARTITION},
    counting::Counter,
    files::LedgerFiles,
    opening,
    reply::{Reply, Undone},
    requests::{CastRequest, Job, Request},
    store::{self, StoreError},
    waiting::{self, Accepted, WaitingFile},
};

/// How many requests one transaction takes at most.
const MAX_GROUP: usize = 1_000;
/// How often it is looked whether the files are still there, while nobody asks for anything.
const CHECK_EVERY: Duration = Duration::from_millis(500);

/// What is to be done about a poll.
enum Decided {
    /// This is the answer.
    Nothing(ChangeOutcome),
    /// The poll becomes so, at this place in the log.
    Enter(Poll, Position),
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

    pub(crate) fn run(mut self, queue: &mpsc::Receiver<Job>) {
        let mut look_at = Instant::now();
        loop {
            if Instant::now() >= look_at {
                // What is wrong is told where it is found.
                _ = self.files.check();
                self.counter.progress().show();
                look_at = Instant::now() + CHECK_EVERY;
            }
            let first = match queue.recv_timeout(CHECK_EVERY) {
                Ok(first) => first,
                Err(mpsc::RecvTimeoutError::Timeout) => continue,
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
                failed("accepting ballots", replies.len(), &undone);
                let told = undone.told("casting a ballot");
                for reply in replies {
                    reply.send(Err(told.clone()));
                }
            }
        }
    }

    /// The booth, once there is room for so many ballots more.
    fn ready_for(&mut self, ballots: usize) -> Result<Booth, Undone> {
        let room = self.files.accepting().and_then(|()| self.counter.make_room(ballots));
        room.and_then(|()| self.booth()).map_err(Undone::before_writing)
    }

    fn record(&mut self, mut booth: Booth, casts: Vec<(Ballot, u32)>) -> Result<Vec<CastOutcome>, Undone> {
        booth.counted(self.counter.counted());
        let now = (self.clock)();
        let mut accepted = Vec::with_capacity(casts.len());
        let mut answers = Vec::with_capacity(casts.len());
        for (ballot, revision) in casts {
            let cast = booth.cast(&self.ledger, now, ballot, revision, &mut accepted);
            answers.push(cast.map_err(Undone::before_writing)?);
        }
        self.append(booth, accepted).map_err(Undone::while_writing)?;
        Ok(answers)
    }

    /// Puts what was accepted on the disk, where the next start finds it.
    fn append(&mut self, booth: Booth, accepted: Vec<Accepted>) -> Result<(), StoreError> {
        if !accepted.is_empty() {
            self.waiting.append(&accepted)?;
            self.accepted.set(accepted.iter().map(|(_, ballot)| ballot.poll), |id| booth.accepted(id));
            self.counter.count(accepted);
            self.files.check()?;
        }
        self.booth = Some(booth);
        Ok(())
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
            self.counter.apply(left.iter().map(waiting::entry).collect()).map_err(|undone| undone.error)?;
        }
        self.accepted.clear();
        Ok(Booth::new(store::counted_through(&self.ledger, PARTITION)?))
    }

    fn change(
        &mut self,
        what: &'static str,
        reply: Reply<Option<ChangeOutcome>>,
        change: impl FnOnce(&Self, &mut Booth) -> Result<Decided, StoreError>,
    ) {
        let booth = self.files.check().and_then(|()| self.booth());
        // Only now, as above.
        if !reply.take_up() {
            self.booth = booth.ok();
            return;
        }
        let decided = booth.and_then(|mut booth| {
            let decided = change(self, &mut booth);
            self.booth = Some(booth);
            decided
        });
        let changed = match decided {
            Ok(Decided::Nothing(change)) => Ok(Some(change)),
            Ok(Decided::Enter(poll, position)) => self.enter(poll, position),
            Err(error) => Err(Undone::before_writing(error)),
        };
        reply.send(changed.map_err(|undone| {
            failed(what, 1, &undone);
            undone.told(what)
        }));
    }

    /// Creates a poll if its id is free.
    fn create(&self, booth: &mut Booth, poll: Poll) -> Result<Decided, StoreError> {
        if booth.standing(&self.ledger, poll.id())?.is_some() {
            return Ok(Decided::Nothing(ChangeOutcome::Exists));
        }
        Ok(Decided::Enter(poll, booth.next_position((self.clock)())?))
    }

    /// Changes a poll. What changes nothing is done without an entry.
    fn change_poll(&self, booth: &mut Booth, id: PollId, change: &PollChange) -> Result<Decided, StoreError> {
        let Some(standing) = booth.standing(&self.ledger, id)? else {
            return Ok(Decided::Nothing(ChangeOutcome::UnknownPoll));
        };
        Ok(match standing.poll.after(change, standing.accepted) {
            Ok(next) if next == standing.poll => Decided::Nothing(ChangeOutcome::Done(next)),
            Ok(next) => Decided::Enter(next, booth.next_position((self.clock)())?),
            Err(refused) => Decided::Nothing(ChangeOutcome::Refused(refused)),
        })
    }

    /// Puts the poll as it is now at the end of the log, and counts it. `None` if somebody else has the ledger.
    fn enter(&mut self, poll: Poll, position: Position) -> Result<Option<ChangeOutcome>, Undone> {
        let entry = Entry { position, event: Ok(Event::Poll(Box::new(poll.clone()))) };
        match self.counter.apply(vec![entry]) {
            Err(undone) if undone.is_certain() && undone.error.is_held() => return Ok(None),
            Err(undone) => {
                if !undone.is_certain() {
                    self.booth = None;
                }
                return Err(undone);
            }
            Ok(()) => {}
        }
        if let Some(booth) = &mut self.booth {
            booth.forget(poll.id());
        }
        self.accepted.forget(poll.id());
        Ok(Some(ChangeOutcome::Done(poll)))
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
            tracing::warn!(error = %error, "ring.kept: what waits to be counted stays in the ring file, for the next \
                 start");
        }
        drop(counter);
    }
}

fn failed(what: &'static str, requests: usize, undone: &Undone) {
    metrics::counter!("scrutin_ledger_failures_total").increment(1);
    match &undone.error {
        // What lasts is told once, by the files and by the count.
        StoreError::Stopped(_) | StoreError::NoRoom => {}
        error if undone.is_certain() => tracing::error!(%error, requests, what, "not done, and nothing was written"),
        error => tracing::error!(%error, requests, what, "not done, or perhaps it was: the outcome is unknown"),
    }
}

#[cfg(test)]
mod tests;
