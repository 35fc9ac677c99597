//! The acceptor: the one thread that appends to the log.
//!
//! Requests queue up during an fsync. The next append takes all of them (up to [`MAX_GROUP`]), so they share one fsync,
//! and are answered after it. A request fails with *nothing happened* if it could not be decided or was withdrawn in
//! time, and with *unknown* if the write failed or took too long. The thread survives any failure, including a panic.
//!
//! Ballots are appended to the ring file (`ring_file`); another thread counts them (`ledger_thread`). A change of a
//! poll or an event is written to the ledger after all ballots before it are counted. A change arrives here only when
//! no other program has the ledger locked (`turn`), and is not done if that has changed since. So ballots never wait
//! for another program.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use domain::{Ballot, CastOutcome, Entry, Position, Record};
use rusqlite::Connection;
use tokio::sync::Notify;

use crate::{
    accepted::AcceptedCounts,
    count_queue::CountQueue,
    decisions::{Deciding, Decision},
    files::LedgerFiles,
    log_clock::LogClock,
    log_tail::LogTail,
    open_mark,
    reply::{Reply, WriteFailure},
    requests::{CastRequest, Job, Request},
    ring_file::{self, Accepted, RingFile},
    store::{self, PARTITION, StoreError},
};

/// How many requests share one append.
const MAX_GROUP: usize = 1_000;
/// How often the files are checked while there are no requests.
const CHECK_EVERY: Duration = Duration::from_millis(500);

/// The state that the thread owns.
pub(crate) struct Acceptor {
    /// For reading.
    ledger: Connection,
    ring: RingFile,
    counts: CountQueue,
    clock: Arc<LogClock>,
    accepted: Arc<AcceptedCounts>,
    /// Told when a countdown begins or is changed.
    countdowns: Arc<Notify>,
    /// `None` if it must be rebuilt from the files.
    tail: Option<LogTail>,
    /// Dropped after the connection.
    files: Arc<LedgerFiles>,
}

impl Acceptor {
    /// All ballots in the ring file must already be counted.
    pub(crate) fn new(
        ledger: Connection,
        ring: RingFile,
        counts: CountQueue,
        clock: Arc<LogClock>,
        accepted: Arc<AcceptedCounts>,
        countdowns: Arc<Notify>,
        files: Arc<LedgerFiles>,
    ) -> Self {
        Self { ledger, ring, counts, clock, accepted, countdowns, tail: None, files }
    }

    /// Runs jobs until there can be no more, and closes the files.
    pub(crate) fn run(mut self, queue: &mpsc::Receiver<Job>) {
        let mut look_at = Instant::now();
        loop {
            if Instant::now() >= look_at {
                // The check logs what is wrong.
                _ = self.files.check();
                self.counts.progress().show();
                look_at = Instant::now() + CHECK_EVERY;
            }
            let first = match queue.recv_timeout(CHECK_EVERY) {
                Ok(first) => first,
                Err(mpsc::RecvTimeoutError::Timeout) => continue,
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            };
            let jobs = std::iter::once(first).chain(queue.try_iter()).take(MAX_GROUP).collect();
            // A panic leaves nothing half done: the tail is kept only after an append.
            if catch_unwind(AssertUnwindSafe(|| self.take(jobs))).is_err() {
                tracing::error!(
                    event = "acceptor.panicked",
                    "the thread that accepts ballots panicked, and goes on. Voters of that moment \
                     are told that the outcome is unknown"
                );
            }
        }
        self.close();
    }

    /// Consecutive ballots share an append. Any other job runs after all jobs before it.
    fn take(&mut self, jobs: Vec<Job>) {
        let mut ballots = Vec::with_capacity(jobs.len());
        for job in jobs {
            match job {
                Job::Request(Request::Cast(ballot)) => ballots.push(ballot),
                Job::Request(Request::Create(poll, to)) => {
                    self.accept(mem::take(&mut ballots));
                    self.change("creating a poll", to, |deciding| deciding.create(*poll));
                }
                Job::Request(Request::Change(id, change, to)) => {
                    self.accept(mem::take(&mut ballots));
                    self.change("changing a poll", to, |deciding| deciding.change(id, &change));
                }
                Job::Request(Request::ChangeSeen(id, version, change, to)) => {
                    self.accept(mem::take(&mut ballots));
                    self.change("changing a poll", to, |deciding| deciding.change_seen(id, version, &change));
                }
                Job::Request(Request::CloseInTime(id, to)) => {
                    self.accept(mem::take(&mut ballots));
                    self.change("closing a poll in time", to, |deciding| deciding.close_in_time(id));
                }
                Job::Request(Request::CreateEvent(event, to)) => {
                    self.accept(mem::take(&mut ballots));
                    self.change("creating an event", to, |deciding| deciding.create_event(*event));
                }
                Job::Request(Request::ChangeEvent(id, seen, change, to)) => {
                    self.accept(mem::take(&mut ballots));
                    self.change("changing an event", to, |deciding| deciding.change_event(id, seen, &change));
                }
                Job::Work(work) => {
                    self.accept(mem::take(&mut ballots));
                    // The work may change anything, so the tail must be rebuilt.
                    self.tail = None;
                    // If counting fails, the work fails too.
                    if self.counts.flush().is_ok() {
                        self.accepted.clear();
                    }
                    work(&self.counts);
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
        let tail = self.ready_for(requests.len());
        // Only now: making room may have taken long, and callers may have withdrawn their requests since.
        let begun_requests = requests.into_iter().filter(|request| request.answer.begin());
        let (casts, replies): (Vec<_>, Vec<_>) =
            begun_requests.map(|request| ((request.ballot, request.revision), request.answer)).unzip();
        match tail.and_then(|tail| self.record(tail, casts)) {
            Ok(casts) => {
                replies.into_iter().zip(casts).for_each(|(reply, cast)| reply.send(Ok(cast)));
                metrics::histogram!("scrutin_ledger_transaction_seconds").record(begun.elapsed());
            }
            Err(failure) => {
                log_failure("accepting ballots", replies.len(), &failure);
                let error = failure.to_unavailable("casting a ballot");
                for reply in replies {
                    reply.send(Err(error.clone()));
                }
            }
        }
    }

    /// The tail, once the ring file has room for this many more ballots.
    fn ready_for(&mut self, ballots: usize) -> Result<LogTail, WriteFailure> {
        let room = self.files.accepting().and_then(|()| self.counts.make_room(ballots));
        room.and_then(|()| self.take_tail()).map_err(WriteFailure::nothing_written)
    }

    fn record(&mut self, mut tail: LogTail, casts: Vec<(Ballot, u32)>) -> Result<Vec<CastOutcome>, WriteFailure> {
        tail.forget_counted(self.counts.counted_through());
        let now = self.clock.now_millis();
        let mut accepted = Vec::with_capacity(casts.len());
        let mut answers = Vec::with_capacity(casts.len());
        for (ballot, revision) in casts {
            let cast = tail.cast(&self.ledger, now, ballot, revision, &mut accepted);
            answers.push(cast.map_err(WriteFailure::nothing_written)?);
        }
        self.append(tail, accepted).map_err(WriteFailure::unknown)?;
        Ok(answers)
    }

    /// Appends accepted ballots to the ring file, and queues them to be counted.
    fn append(&mut self, tail: LogTail, accepted: Vec<Accepted>) -> Result<(), StoreError> {
        if !accepted.is_empty() {
            self.ring.append(&accepted)?;
            self.accepted.set(accepted.iter().map(|(_, ballot)| ballot.poll), |id| tail.accepted(id));
            self.counts.add(accepted);
            self.files.check()?;
        }
        self.tail = Some(tail);
        Ok(())
    }

    /// Takes the tail; the caller puts it back after success. After a failed append, the ring file may hold ballots
    /// that were not queued, and lack others that the tail has accepted. Then all ballots are counted, and a new tail
    /// begins after them.
    fn take_tail(&mut self) -> Result<LogTail, StoreError> {
        if let Some(tail) = self.tail.take() {
            return Ok(tail);
        }
        self.counts.flush()?;
        let left = self.ring.after(self.counts.counted_through())?;
        if !left.is_empty() {
            self.counts.apply(left.iter().map(ring_file::entry).collect()).map_err(|failure| failure.error)?;
        }
        self.accepted.clear();
        Ok(LogTail::new(store::counted_through(&self.ledger, PARTITION)?))
    }

    /// Decides about a change, appends it, and answers.
    fn change<T>(
        &mut self,
        what: &'static str,
        reply: Reply<Option<T>>,
        decide: impl FnOnce(&mut Deciding<'_>) -> Result<Decision<T>, StoreError>,
    ) {
        let tail = self.files.check().and_then(|()| self.take_tail());
        // Only now, as in `accept`.
        if !reply.begin() {
            self.tail = tail.ok();
            return;
        }
        let decision = tail.and_then(|mut tail| {
            let now = self.clock.now_millis();
            let decision = decide(&mut Deciding { ledger: &self.ledger, tail: &mut tail, now });
            self.tail = Some(tail);
            decision
        });
        let changed = match decision {
            Ok(Decision::Answer(outcome)) => Ok(Some(outcome)),
            Ok(Decision::Append(record, position, outcome)) => {
                self.append_change(record, position).map(|done| done.then_some(outcome))
            }
            Err(error) => Err(WriteFailure::nothing_written(error)),
        };
        reply.send(changed.map_err(|failure| {
            log_failure(what, 1, &failure);
            failure.to_unavailable(what)
        }));
    }

    /// Appends a changed poll or event and counts it. False if another program has the ledger locked.
    fn append_change(&mut self, record: Record, position: Position) -> Result<bool, WriteFailure> {
        let (poll, counts_down) = match &record {
            Record::Poll(poll) => (Some(poll.id()), poll.closes_at().is_some()),
            Record::Event(_) | Record::Ballot(_) => (None, false),
        };
        match self.counts.apply(vec![Entry { position, record: Ok(record) }]) {
            Err(failure) if failure.is_certain() && failure.error.is_held() => return Ok(false),
            Err(failure) => {
                if !failure.is_certain() {
                    self.tail = None;
                }
                return Err(failure);
            }
            Ok(()) => {}
        }
        if let Some(poll) = poll {
            if let Some(tail) = &mut self.tail {
                tail.forget_poll(poll);
            }
            self.accepted.forget(poll);
        }
        if counts_down {
            self.countdowns.notify_one();
        }
        Ok(true)
    }

    /// Counts all ballots and empties the ring file. If that fails, the next start counts them.
    fn close(self) {
        let Self { ledger, ring, counts, files, .. } = self;
        drop(ledger);
        let closed = counts
            .flush()
            .and_then(|()| files.check_ledger())
            .and_then(|()| counts.work(|conn, _| open_mark::clear(conn)))
            .and_then(|()| Ok(ring.close()?));
        if let Err(error) = closed {
            tracing::warn!(event = "ring.kept", %error, "uncounted ballots stay in the ring file, for the next start");
        }
        drop(counts);
    }
}

fn log_failure(what: &'static str, requests: usize, failure: &WriteFailure) {
    metrics::counter!("scrutin_ledger_failures_total").increment(1);
    match &failure.error {
        // Logged once, by `files` or by the ledger's thread.
        StoreError::Stopped(_) | StoreError::NoRoom => {}
        error if failure.is_certain() => {
            tracing::error!(event = "log.not_written", %error, requests, what, "nothing was written");
        }
        error => {
            tracing::error!(event = "log.unknown", %error, requests, what, "perhaps written anyway");
        }
    }
}

#[cfg(test)]
mod tests;
