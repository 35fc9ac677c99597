//! A log and a ledger in memory, of one partition, that break on request.
//!
//! They keep exactly to what the ports promise and to nothing more: where a port leaves the outcome of a
//! failed call open, both outcomes occur.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use domain::{
    Ballot, Choices, Durability, Entry, Event, Gap, Installation, InstallationId, LedgerIdentity, Log, LogId, LogSeed,
    Partition, Partitions, PartitionsError, Poll, PollId, PollSeed, PollSpec, Position, Record, Unavailable, VoterId,
};
use scrutin_worker::{Health, Rules};
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{fake_copies::FakeCopies, fake_ledger::FakeLedgers, fake_log::FakeLog};

/// What goes wrong at one call of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    Calm,
    /// Voters cast so many ballots just before it.
    Cast(u8),
    /// It fails, and nothing was done.
    FailBefore,
    /// It fails, and was done.
    FailAfter,
    /// It fails, but only when the time is up that the port states, and was done or not.
    Late { done: bool },
    /// It never answers, and nothing was done. No port allows that.
    Hang,
    /// Just before it the log loses everything, and its clock may go back.
    LoseLog { clock_back: bool },
    /// Just before it the log loses everything, and one who led once begins it anew with what the ledger holds.
    ReplaceLog,
    /// Just before it the log's server comes back with an older file, which lacks the last entries, and perhaps a clock
    /// that is behind.
    SetLogBack { entries: u8, clock_back: bool },
    /// Just before it entries that are not counted are removed by hand.
    RemoveEntries(u8),
    /// Just before it all entries are deleted, with the stream.
    DeleteStream,
    /// Just before it another worker claims the log and attaches, which no longer leads.
    Claim,
    /// Just before it the log forgets all that is counted.
    Trim,
    /// Just before it the connection that holds the lead breaks.
    BreakLead,
    /// Just before it the ledger is restored as it was so many entries ago. Its connections break.
    RestoreLedger(u8),
}

/// One who leads no more, and does not know it.
const ANOTHER: &str = "another";

/// Which server a leader has claimed, and who it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) server: u32,
    pub(crate) leader: String,
}

/// The log as it stands on its disk.
#[derive(Default)]
pub(crate) struct LogDisk {
    /// Which start of the server this is.
    pub(crate) server: u32,
    /// That server was a replica of the one before.
    pub(crate) promoted: bool,
    pub(crate) attaching: Option<Token>,
    pub(crate) attached: Option<Token>,
    pub(crate) stream_lost: bool,
    pub(crate) clock: u64,
    pub(crate) id: Option<LogId>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) trimmed: Position,
    pub(crate) last: Position,
    pub(crate) accepted: u64,
    pub(crate) polls: Vec<Poll>,
    pub(crate) events: Vec<Event>,
    pub(crate) begun: u32,
    pub(crate) raised: u32,
}

/// The ledger as it stands on its disk.
#[derive(Clone, Default)]
pub(crate) struct LedgerDisk {
    pub(crate) log: Option<LogId>,
    pub(crate) position: Position,
    /// What is counted, and to which log the ledger was attached then.
    pub(crate) entries: Vec<(Entry, Option<LogId>)>,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) polls: Vec<Poll>,
    pub(crate) events: Vec<Event>,
    pub(crate) heartbeats: u32,
}

/// One ballot that was acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Acknowledged {
    pub(crate) serial: u128,
    pub(crate) log: LogId,
    pub(crate) position: Position,
    /// Which workers the log has shown it, or a figure that it is part of.
    shown_to: BTreeSet<u32>,
    pub(crate) lost: Loss,
}

/// Whether the log lost a ballot, and who can tell of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// It did not.
    None,
    /// It did, and nobody need know.
    Unknowable,
    /// It did, by an older file: the next leader that attaches can tell, if it knew of the ballot. If it was removed
    /// before, the file may hide that too.
    ByAnOlderFile { removed: bool },
    /// It did, and a gap must say where.
    Place,
    /// It did, and gaps must say of how many.
    Number,
}

#[derive(Default)]
pub(crate) struct State {
    /// Of the worker that was started last.
    partitions: Option<Partitions>,
    pub(crate) log: LogDisk,
    pub(crate) ledger: LedgerDisk,
    /// Which connection holds the lead, and how many there were.
    pub(crate) holder: Option<u32>,
    pub(crate) connections: u32,
    pub(crate) faults: VecDeque<Fault>,
    pub(crate) acknowledged: Vec<Acknowledged>,
    /// Milliseconds since 1970, of the log's machine, when this world began.
    pub(crate) clock: u64,
    began: Option<Instant>,
    workers: u32,
    /// Every call, in order.
    pub(crate) calls: Vec<&'static str>,
    /// How long the ledger takes to count a batch.
    pub(crate) apply_takes: Duration,
    pub(crate) grow_takes: Duration,
    /// Every call fails of whichever is away.
    pub(crate) log_away: bool,
    pub(crate) ledger_away: bool,
}

/// One partition's log and ledger.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) partition: Partition,
    state: Arc<Mutex<State>>,
    /// A read of the log began.
    pub(crate) reading: Arc<Notify>,
}

pub(crate) fn main_poll() -> Poll {
    Poll::new(PollId::MAIN, PollSpec::simple("Cats or Dogs?", ["Cats", "Dogs"])).unwrap()
}

pub(crate) fn rules(partitions: u16) -> Rules {
    let partitions: Result<_, PartitionsError> = Partitions::new(partitions);
    Rules {
        partitions: partitions.unwrap(),
        durability: Durability::Disk,
        first_poll: main_poll(),
        log_retention: Duration::from_hours(1),
        batch_entries: 5,
        jitter: |pause| pause,
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::of(Partition::new(0))
    }

    pub(crate) fn of(partition: Partition) -> Self {
        let began = Some(Instant::now());
        let state = State { clock: program::now_millis() - 60_000, began, ..State::default() };
        Self { partition, state: Arc::new(Mutex::new(state)), reading: Arc::default() }
    }

    /// Which installation log and ledger belong to, as soon as a worker is started.
    pub(crate) fn identity(&self) -> LedgerIdentity {
        let partitions = self.state().partitions.expect("a worker was started");
        let installation = Installation::new(InstallationId::new("one"), partitions);
        LedgerIdentity::new(installation, "here")
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Starts a worker with one teller for this partition.
    pub(crate) fn start_worker(&self, rules: Rules) -> Worker {
        start_worker(std::slice::from_ref(self), rules)
    }

    /// Casts a ballot; the position if it was acknowledged.
    pub(crate) fn cast(&self) -> Option<Position> {
        self.state().cast()
    }

    /// Casts so many ballots.
    pub(crate) fn cast_many(&self, ballots: usize) {
        for _ in 0..ballots {
            self.cast().expect("a log has begun");
        }
    }

    /// Waits until all that is in the log is counted. Time is virtual, so patience costs nothing.
    pub(crate) async fn caught_up(&self) {
        self.until("the log is counted", |state| {
            state.takes_ballots()
                && state.ledger.log == state.log.id
                && state.log.entries.last().is_none_or(|last| state.ledger.position >= last.position)
        })
        .await;
    }

    pub(crate) async fn until(&self, what: &str, condition: impl Fn(&State) -> bool) {
        let begun = Instant::now();
        while !condition(&self.state()) {
            let waited = begun.elapsed();
            assert!(waited < Duration::from_hours(24), "not within a day: {what}");
            tokio::time::sleep((waited / 10).clamp(Duration::from_millis(100), Duration::from_secs(10))).await;
        }
    }

    /// One call of a port that answers within `limit`: faults first, then `work`.
    pub(crate) async fn call<T>(
        &self,
        what: &'static str,
        limit: Duration,
        work: impl FnOnce(&mut State) -> Result<T, Unavailable>,
    ) -> Result<T, Unavailable> {
        tokio::task::yield_now().await;
        let fault = {
            let mut state = self.state();
            state.calls.push(what);
            let fault = state.faults.pop_front().unwrap_or(Fault::Calm);
            state.strike(fault);
            fault
        };
        match fault {
            Fault::Hang => std::future::pending().await,
            Fault::Late { done } => {
                if done {
                    let _ = work(&mut self.state());
                }
                tokio::time::sleep(limit).await;
                Err(Unavailable::Timeout { what, after: limit })
            }
            Fault::FailBefore => Err(Unavailable::failed(what, "it broke before")),
            Fault::FailAfter => {
                let _ = work(&mut self.state());
                Err(Unavailable::failed(what, "it broke after"))
            }
            _ => work(&mut self.state()),
        }
    }
}

impl LogDisk {
    /// Whether a leader is attached to this very server.
    pub(crate) fn is_attached(&self) -> bool {
        self.attached.as_ref().is_some_and(|token| token.server == self.server)
    }

    pub(crate) fn begin(&mut self, seed: LogSeed) {
        let begun = self.begun + 1;
        *self = Self {
            server: self.server,
            promoted: self.promoted,
            attaching: self.attaching.take(),
            attached: self.attached.take(),
            stream_lost: false,
            clock: self.clock,
            id: Some(LogId::new(format!("log {begun}"))),
            trimmed: seed.after,
            last: seed.after,
            accepted: seed.polls.iter().map(|poll| poll.ballots).sum(),
            polls: seed.polls.into_iter().map(|seed| seed.poll).collect(),
            events: seed.events,
            begun,
            raised: self.raised,
            entries: Vec::new(),
        };
    }

    pub(crate) fn trim(&mut self, through: Position) {
        let forgotten = self.entries.iter().map(|entry| entry.position).filter(|position| *position <= through).max();
        self.entries.retain(|entry| entry.position > through);
        self.trimmed = self.trimmed.max(forgotten.unwrap_or(Position::ZERO));
    }
}

impl LedgerDisk {
    pub(crate) fn seed(&self) -> LogSeed {
        let counted = u64::try_from(self.entries.len()).unwrap();
        // All ballots here are of the first poll.
        let counts = std::iter::once(counted).chain(std::iter::repeat(0));
        let polls = self.polls.iter().zip(counts);
        let polls = polls.map(|(poll, ballots)| PollSeed { poll: poll.clone(), ballots, voters: Vec::new() });
        LogSeed { after: self.position, polls: polls.collect(), events: self.events.clone() }
    }
}

impl State {
    fn next_worker(&mut self) -> u32 {
        self.workers += 1;
        self.workers
    }

    /// Whether ballots are taken.
    pub(crate) fn takes_ballots(&self) -> bool {
        self.log.is_attached() && self.log.id.is_some() && !self.log.stream_lost
    }

    /// Whether that is a worker that counts.
    pub(crate) fn is_counted(&self) -> bool {
        self.takes_ballots() && self.log.attached.as_ref().is_some_and(|token| token.leader != ANOTHER)
    }

    /// What the clock of the log's machine shows.
    pub(crate) fn now_millis(&self) -> u64 {
        let since = self.began.map_or(Duration::ZERO, |began| began.elapsed());
        self.clock + u64::try_from(since.as_millis()).unwrap()
    }

    pub(crate) fn cast(&mut self) -> Option<Position> {
        if !self.takes_ballots() {
            return None;
        }
        let log = self.log.id.clone()?;
        // From here on the log may say as much as before it lost something.
        self.losses_by_older_files(|_| Loss::Unknowable);
        let serial = u128::try_from(self.acknowledged.len()).unwrap();
        let voter = VoterId::from_bytes(serial.to_be_bytes());
        let ballot = Ballot { poll: PollId::MAIN, voter, choices: Choices::parse(["a"]).unwrap() };
        let position = self.log.last.following(self.now_millis());
        self.log.last = position;
        self.log.accepted += 1;
        self.log.entries.push(Entry { position, record: Ok(Record::Ballot(ballot)) });
        let (shown_to, lost) = (BTreeSet::new(), Loss::None);
        self.acknowledged.push(Acknowledged { serial, log, position, shown_to, lost });
        Some(position)
    }

    /// The log told this worker how much it has accepted.
    pub(crate) fn show(&mut self, worker: u32) {
        let log = self.log.id.as_ref();
        let there = self.acknowledged.iter_mut().filter(|ballot| ballot.lost == Loss::None && Some(&ballot.log) == log);
        for ballot in there {
            ballot.shown_to.insert(worker);
        }
    }

    /// A worker has attached to the log: what an older file lacks must be told by now, if this worker knew of it.
    pub(crate) fn attached_by(&mut self, worker: u32) {
        self.losses_by_older_files(|ballot| match ballot.lost {
            _ if !ballot.shown_to.contains(&worker) => Loss::Unknowable,
            Loss::ByAnOlderFile { removed: true } => Loss::Number,
            _ => Loss::Place,
        });
    }

    fn losses_by_older_files(&mut self, become_of: impl Fn(&Acknowledged) -> Loss) {
        for ballot in &mut self.acknowledged {
            if matches!(ballot.lost, Loss::ByAnOlderFile { .. }) {
                ballot.lost = become_of(ballot);
            }
        }
    }

    /// The ledger's content as it was before its last `entries`.
    pub(crate) fn restore_ledger(&mut self, entries: usize) {
        let keep = self.ledger.entries.len().saturating_sub(entries);
        self.ledger.entries.truncate(keep);
        self.ledger.position = self.ledger.entries.last().map_or(Position::ZERO, |(last, _)| last.position);
        let position = self.ledger.position;
        // An older dump knows nothing of gaps behind it.
        self.ledger.gaps.retain(|gap| gap.through <= position);
    }

    /// With its entries the log loses what it knew of those it had trimmed: a ledger restored after that can't tell.
    pub(crate) fn lose_log(&mut self) {
        let log = self.log.id.take();
        let there = self.acknowledged.iter_mut().filter(|ballot| Some(&ballot.log) == log.as_ref());
        there.for_each(|ballot| ballot.lost = Loss::Unknowable);
        let LogDisk { server, begun, raised, .. } = self.log;
        self.log = LogDisk { server, begun, raised, ..LogDisk::default() };
    }

    /// The server is started again on an older file, which holds what was attached then.
    pub(crate) fn set_log_back(&mut self, entries: usize) {
        let keep = self.log.entries.len().saturating_sub(entries);
        let lost = self.log.entries.split_off(keep);
        self.log.accepted -= u64::try_from(lost.len()).unwrap();
        if !lost.is_empty() {
            // Who was attaching came after the entries that the file lacks.
            self.log.attaching = None;
            let removed = self.acknowledged.iter_mut().filter(|ballot| ballot.lost == Loss::Number);
            removed.for_each(|ballot| ballot.lost = Loss::ByAnOlderFile { removed: true });
        }
        self.lose(lost, Loss::ByAnOlderFile { removed: false });
        self.log.last = self.log.entries.last().map_or(self.log.trimmed, |last| last.position);
        self.log.server += 1;
    }

    /// Entries that are not counted are removed, and the log knows nothing of it.
    pub(crate) fn remove_entries(&mut self, entries: usize) {
        let counted = self.ledger.position;
        let first = self.log.entries.iter().position(|entry| entry.position > counted);
        let first = first.unwrap_or(self.log.entries.len());
        let lost = self.log.entries.drain(first..(first + entries).min(self.log.entries.len())).collect();
        self.lose(lost, Loss::Number);
    }

    pub(crate) fn delete_stream(&mut self) {
        if self.log.id.is_some() {
            let lost = std::mem::take(&mut self.log.entries);
            self.lose(lost, Loss::Number);
            (self.log.stream_lost, self.log.last) = (true, Position::ZERO);
        }
    }

    fn lose(&mut self, entries: Vec<Entry>, lost: Loss) {
        for entry in entries {
            self.acknowledged[usize::try_from(serial_of(&entry)).unwrap()].lost = lost;
        }
    }

    /// Another worker, which stood still since it led, claims the log and attaches. Not where it would have to write to
    /// the ledger before.
    fn claim(&mut self) {
        let LedgerDisk { position, entries, gaps, .. } = &self.ledger;
        let accounted = u64::try_from(entries.len()).unwrap() + gaps.iter().filter_map(|gap| gap.ballots).sum::<u64>();
        let unread = self.log.entries.last().is_some_and(|last| last.position > *position);
        let fits = self.log.last >= *position && (unread || self.log.accepted == accounted);
        // Nor where a server that came back could give a position away again: it would raise the log.
        let came_back = self.log.attached.as_ref().is_none_or(|token| token.server != self.log.server);
        let newest = self.acknowledged.last().map_or(0, |ballot| ballot.position.millis());
        let fits = fits && (!came_back || self.now_millis() > newest);
        if self.log.id.is_some() && !self.log.stream_lost && fits {
            let token = Token { server: self.log.server, leader: ANOTHER.to_owned() };
            (self.log.attaching, self.log.attached) = (None, Some(token));
        }
    }

    pub(crate) fn strike(&mut self, fault: Fault) {
        match fault {
            Fault::Calm | Fault::FailBefore | Fault::FailAfter | Fault::Late { .. } | Fault::Hang => {}
            Fault::Cast(ballots) => (0..ballots).for_each(|_| {
                self.cast();
            }),
            Fault::LoseLog { clock_back } => {
                self.lose_log();
                if clock_back {
                    self.clock -= 1_000;
                }
            }
            Fault::ReplaceLog => {
                self.lose_log();
                self.log.begin(self.ledger.seed());
                self.log.accepted += self.ledger.gaps.iter().filter_map(|gap| gap.ballots).sum::<u64>();
                self.claim();
            }
            Fault::Trim => self.log.trim(self.ledger.position),
            Fault::SetLogBack { entries, clock_back } => {
                self.set_log_back(entries.into());
                if clock_back {
                    self.clock -= 1_000;
                }
            }
            Fault::RemoveEntries(entries) => self.remove_entries(entries.into()),
            Fault::DeleteStream => self.delete_stream(),
            Fault::Claim => self.claim(),
            Fault::BreakLead => self.holder = None,
            Fault::RestoreLedger(entries) => {
                self.holder = None;
                self.restore_ledger(entries.into());
            }
        }
    }
}

/// Which ballot an entry is.
pub(crate) fn serial_of(entry: &Entry) -> u128 {
    let Ok(Record::Ballot(ballot)) = &entry.record else { panic!("only ballots are cast here") };
    u128::from_be_bytes(*ballot.voter.as_bytes())
}

/// A running worker. It stops when this is dropped.
pub(crate) struct Worker {
    pub(crate) health: Health,
    pub(crate) shutdown: CancellationToken,
    pub(crate) running: tokio::task::JoinHandle<()>,
}

/// Starts a worker with a teller for each of these partitions.
pub(crate) fn start_worker(worlds: &[World], rules: Rules) -> Worker {
    for world in worlds {
        world.state().partitions = Some(rules.partitions);
    }
    let worker = worlds[0].state().next_worker();
    let (health, shutdown) = (Health::new(), CancellationToken::new());
    let ledgers = Arc::new(FakeLedgers(worlds.to_vec()));
    let logs = worlds.to_vec();
    let open_log = move |partition: Partition| -> Box<dyn Log> {
        Box::new(FakeLog::of(logs.iter().find(|world| world.partition == partition).unwrap().clone(), worker))
    };
    let copies = Arc::new(FakeCopies(worlds.to_vec()));
    let running = tokio::spawn(scrutin_worker::run(rules, ledgers, open_log, copies, health.clone(), shutdown.clone()));
    Worker { health, shutdown, running }
}

impl Worker {
    /// Stops it in an orderly way.
    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        (&mut self.running).await.unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.running.abort();
    }
}
