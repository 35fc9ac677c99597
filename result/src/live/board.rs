//! The board: what is known of the polls that are watched, and how many watch each.
//!
//! It reads the ledger so that the number of reads depends on the polls watched, never on the number of viewers:
//! those who ask for a poll that was just read get the same answer, and all who ask while it is being read wait for
//! that one read. It sends nothing; `pace` does.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use domain::{Partition, PollId, Scoreboard, Unavailable};
use parking_lot::{Mutex, MutexGuard};
use tokio::{sync::Notify, time::Instant};
use web::fresh::{Fresh, LastAnswer};

use crate::{
    live::{
        freshness::Heartbeats,
        ledger_reads::{LedgerReads, SealedTally},
        scores::PollScore,
    },
    trees::TreeBoard,
};

/// How long a failed read stands before the ledger is asked again.
const RETRY: Duration = Duration::from_secs(1);
/// The most polls in one read.
const MAX_POLLS_PER_READ: usize = 1_000;
/// The most polls kept in memory that nobody watches. Those beyond are read each time.
const MAX_IDLE_SLOTS: usize = 10_000;
/// How long a poll that nobody watches is kept.
const IDLE_KEPT: Duration = Duration::from_secs(30);

/// How long ago the count of each partition last showed that it works, by the oldest poll that is watched.
pub(crate) type ShareAges = BTreeMap<Partition, Duration>;

/// What a read said of a poll: its score, that there is no such poll, or that the ledger did not answer and no older
/// score is known.
pub(crate) type BoardReading = Result<Option<Arc<PollScore>>, Unavailable>;

/// See the head of this file.
pub(crate) struct Board {
    reads: LedgerReads,
    /// For how long an answer is as good as a new one.
    fresh_for: Duration,
    slots: Mutex<HashMap<PollId, Arc<Slot>>>,
    /// Notified when a watched poll may have changed.
    pub(crate) moved: Notify,
}

/// What is kept of one poll.
pub(crate) struct Slot {
    pub(crate) poll: PollId,
    viewers: AtomicUsize,
    last: Arc<Fresh<LastReading>>,
    memory: Mutex<Memory>,
}

/// Why a poll is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// It may have changed; it is sent if it did.
    Moved,
    /// The regular beat: it is sent in any case.
    Beat,
}

#[derive(Default)]
pub(crate) struct Memory {
    /// Why the viewers are to be sent something.
    pub(crate) due: Option<Due>,
    /// Not before this.
    pub(crate) not_before: Option<Instant>,
    /// What the viewers were sent last.
    pub(crate) sent: Option<Arc<PollScore>>,
}

/// What is known of a poll.
#[derive(Clone)]
struct LastReading {
    reading: BoardReading,
    /// The last heartbeats of its partitions.
    heartbeats: Arc<Heartbeats>,
}

/// A viewer watches a poll until this is dropped.
pub(crate) struct Subscription {
    slot: Arc<Slot>,
}

impl Subscription {
    pub(crate) fn poll(&self) -> PollId {
        self.slot.poll
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.slot.viewers.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Board {
    /// A board on `scoreboard`, whose answers are good for `fresh_for`.
    pub(crate) fn new(scoreboard: Arc<dyn Scoreboard>, trees: Arc<TreeBoard>, fresh_for: Duration) -> Self {
        Self { reads: LedgerReads::new(scoreboard, trees), fresh_for, slots: Mutex::default(), moved: Notify::new() }
    }

    /// How the board reads.
    pub(crate) fn reads(&self) -> &LedgerReads {
        &self.reads
    }

    /// Watches a poll, whether or not the ledger knows it (yet).
    pub(crate) fn subscribe(&self, poll: PollId) -> Subscription {
        let mut slots = self.slots.lock();
        let slot = Arc::clone(slots.entry(poll).or_insert_with(|| Arc::new(Slot::new(poll))));
        // Under the lock of the map, so that `forget_idle` never drops a slot that is just watched.
        slot.viewers.fetch_add(1, Ordering::AcqRel);
        if slot.memory().due.is_some() {
            // It changed while nobody watched it.
            self.moved.notify_one();
        }
        Subscription { slot }
    }

    /// The present score of a poll. While the ledger does not answer, the last known score, marked as stale.
    pub(crate) async fn score(self: &Arc<Self>, poll: PollId) -> BoardReading {
        let slot = self.slot(poll);
        let is_fresh = |last: &LastAnswer<LastReading>| slot.is_fresh(last, self.fresh_for);
        let read = || Arc::clone(self).read_one(Arc::clone(&slot));
        let last = slot.last.get(is_fresh, read).await;
        last.map_or_else(|| Err(Unavailable::failed("reading tallies", "the read panicked")), |last| last.reading)
    }

    async fn read_one(self: Arc<Self>, slot: Arc<Slot>) -> impl FnOnce(Option<LastReading>) -> LastReading {
        if !slot.is_watched() {
            // What has changed so far is in what is read now. What changes from now on marks it again.
            slot.memory().due = None;
        }
        let asked_at = Instant::now();
        let read = self.reads.tallies(&[slot.poll]).await.map(|mut tallies| tallies.pop());
        self.update(slot, asked_at, read)
    }

    /// Remembers what a read said. After a failure the poll is due to be read again a little later.
    fn update(
        self: &Arc<Self>,
        slot: Arc<Slot>,
        asked_at: Instant,
        read: Result<Option<SealedTally>, Unavailable>,
    ) -> impl FnOnce(Option<LastReading>) -> LastReading + use<> {
        let board = Arc::clone(self);
        move |known| {
            if read.is_err() {
                let mut memory = slot.memory();
                memory.due = memory.due.max(Some(Due::Moved));
                memory.not_before = Some(Instant::now() + RETRY);
                board.moved.notify_one();
            }
            LastReading::after(known, asked_at, read)
        }
    }

    /// What is in memory of a watched poll, without a read.
    pub(crate) fn remembered(&self, poll: PollId) -> Option<Arc<PollScore>> {
        let slot = self.slots.lock().get(&poll).map(Arc::clone)?;
        slot.last_reading()?.ok()?
    }

    /// Reads polls in as few reads as possible and keeps the answers. It waits for no other read, so that a slow read
    /// for one new viewer never delays all screens. Of two reads the one that began later is kept.
    pub(crate) async fn refresh(self: &Arc<Self>, slots: &[Arc<Slot>]) {
        for slots in slots.chunks(MAX_POLLS_PER_READ) {
            let starts: Vec<_> = slots.iter().map(|slot| (slot, slot.last.begin())).collect();
            let polls: Vec<PollId> = slots.iter().map(|slot| slot.poll).collect();
            let read = self.reads.tallies(&polls).await;
            let mut tallies = read.map(|tallies| {
                tallies.into_iter().map(|read| (read.tally.poll.id(), read)).collect::<HashMap<PollId, SealedTally>>()
            });
            for (slot, start) in starts {
                let tally = tallies.as_mut().map(|tallies| tallies.remove(&slot.poll)).map_err(|error| error.clone());
                slot.last.learn(start, self.update(Arc::clone(slot), start.at, tally));
            }
        }
    }

    /// The polls that somebody watches.
    pub(crate) fn watched(&self) -> Vec<Arc<Slot>> {
        self.slots.lock().values().filter(|slot| slot.is_watched()).cloned().collect()
    }

    /// Marks polls to be sent: these, or all. One that nobody watches keeps its mark until it is read.
    pub(crate) fn mark(&self, polls: Option<&[PollId]>, due: Due) {
        let slots = self.slots.lock();
        let mut watched = false;
        let mut mark = |slot: &Arc<Slot>| {
            let mut memory = slot.memory();
            memory.due = memory.due.max(Some(due));
            watched |= slot.is_watched();
        };
        match polls {
            Some(polls) => polls.iter().filter_map(|poll| slots.get(poll)).for_each(&mut mark),
            None => slots.values().for_each(&mut mark),
        }
        if watched {
            self.moved.notify_one();
        }
    }

    /// Marks watched polls to be read, unless they were read within `lately`: no notification says that nothing is
    /// counted any more. Returns the age of the oldest last heartbeat of each partition.
    pub(crate) fn mark_unread(&self, lately: Duration) -> ShareAges {
        let mut oldest = ShareAges::new();
        for slot in self.watched() {
            let last = slot.last.last();
            for (partition, age) in last.iter().flat_map(|last| last.answer.heartbeats.ages()) {
                let known = oldest.entry(partition).or_default();
                *known = age.max(*known);
            }
            if last.is_none_or(|last| last.asked_at.elapsed() >= lately) {
                let mut memory = slot.memory();
                memory.due = memory.due.max(Some(Due::Moved));
            }
        }
        oldest
    }

    /// Drops polls that nobody watches and nobody asked for in the last [`IDLE_KEPT`].
    pub(crate) fn forget_idle(&self) {
        self.slots.lock().retain(|_, slot| slot.is_watched() || slot.is_known_since(IDLE_KEPT));
    }

    /// The slot of a poll; one that is not kept if there are too many already.
    fn slot(&self, poll: PollId) -> Arc<Slot> {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.get(&poll) {
            return Arc::clone(slot);
        }
        let slot = Arc::new(Slot::new(poll));
        if slots.len() < MAX_IDLE_SLOTS {
            slots.insert(poll, Arc::clone(&slot));
        }
        slot
    }
}

impl Slot {
    fn new(poll: PollId) -> Self {
        Self { poll, viewers: AtomicUsize::new(0), last: Arc::default(), memory: Mutex::default() }
    }

    fn is_watched(&self) -> bool {
        self.viewers.load(Ordering::Acquire) > 0
    }

    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock()
    }

    /// The last reading, however old.
    pub(crate) fn last_reading(&self) -> Option<BoardReading> {
        self.last.last().map(|last| last.answer.reading)
    }

    fn is_known_since(&self, lately: Duration) -> bool {
        self.last.last().is_some_and(|last| self.is_fresh(&last, lately))
    }

    /// Whether a reading is younger than `fresh_for` and the poll has not changed since. (If it is watched, its viewers
    /// are sent each change.) What is not from the ledger is good for [`RETRY`].
    fn is_fresh(&self, last: &LastAnswer<LastReading>, fresh_for: Duration) -> bool {
        let from_the_ledger = match &last.answer.reading {
            Ok(score) => score.as_ref().is_none_or(|score| score.stale_since_ms().is_none()),
            Err(_) => false,
        };
        let good_for = if from_the_ledger { fresh_for } else { fresh_for.max(RETRY) };
        let moved = from_the_ledger && !self.is_watched() && self.memory().due.is_some();
        !moved && last.at.elapsed() < good_for
    }
}

impl LastReading {
    /// What is known after a read that began at `asked_at`. After a failure the last known figures stay, marked as
    /// stale.
    fn after(known: Option<Self>, asked_at: Instant, read: Result<Option<SealedTally>, Unavailable>) -> Self {
        let (known, heartbeats) =
            known.map_or_else(Default::default, |known| (known.reading.ok().flatten(), known.heartbeats));
        match read {
            Ok(None) => Self { reading: Ok(None), heartbeats },
            Ok(Some(read)) => {
                let now = Heartbeats::after(Some(&heartbeats), &read.tally, asked_at);
                let score = PollScore::after(known.as_deref().map(|known| (known, &*heartbeats)), read, &now);
                Self { reading: Ok(Some(Arc::new(score))), heartbeats: Arc::new(now) }
            }
            Err(error) => Self { reading: known.map(|known| Some(stale(known))).ok_or(error), heartbeats },
        }
    }
}

fn stale(known: Arc<PollScore>) -> Arc<PollScore> {
    if known.stale_since_ms().is_some() { known } else { Arc::new(known.stale()) }
}
