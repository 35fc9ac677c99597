//! A scoreboard in memory, that can be voted on, counts how it is read, and can fail.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use domain::{
    Audit, CurrentBallot, Figures, Inclusion, Movement, Poll, PollChange, PollId, PollSpec, Position, Receipt,
    Scoreboard, Tally, Unavailable, VoterId,
};
use tokio::sync::{Mutex as AsyncMutex, mpsc};

pub(crate) struct MemoryLedger {
    tallies: Mutex<BTreeMap<PollId, Tally>>,
    movements: (mpsc::UnboundedSender<Movement>, AsyncMutex<mpsc::UnboundedReceiver<Movement>>),
    down: AtomicBool,
    read_millis: AtomicUsize,
    pub(crate) reads: AtomicUsize,
    pub(crate) inclusion: Mutex<Inclusion>,
}

impl MemoryLedger {
    pub(crate) fn with_default_poll() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let ledger = Self {
            tallies: Mutex::default(),
            movements: (sender, AsyncMutex::new(receiver)),
            down: AtomicBool::new(false),
            read_millis: AtomicUsize::new(0),
            reads: AtomicUsize::new(0),
            inclusion: Mutex::new(Inclusion::Counted),
        };
        ledger.create("main", PollSpec::simple("Cats or Dogs?", ["Cats", "Dogs"]));
        ledger
    }

    /// Makes a poll without saying so: whoever comes afterwards reads it.
    pub(crate) fn create(&self, id: &str, spec: PollSpec) {
        let id = PollId::parse(id).unwrap();
        let poll = Poll::new(id, spec).unwrap();
        let figures = Figures { votes: vec![0; poll.options().len()], ..Figures::default() };
        let position = Position::new(1_795_423_500_123, 0).unwrap();
        self.tallies.lock().unwrap().insert(id, Tally { poll, figures, position });
    }

    pub(crate) fn remove(&self, poll: &str) {
        self.tallies.lock().unwrap().remove(&PollId::parse(poll).unwrap());
    }

    /// Counts one ballot of a new voter for the option at `option`.
    pub(crate) fn vote(&self, poll: &str, option: usize) {
        self.vote_many(poll, option, 1);
    }

    pub(crate) fn vote_many(&self, poll: &str, option: usize, voters: u64) {
        self.edit(poll, |tally| {
            tally.figures.votes[option] += voters;
            tally.figures.voters += voters;
            tally.figures.counted += voters;
        });
    }

    pub(crate) fn change(&self, poll: &str, change: &PollChange) {
        self.edit(poll, |tally| tally.poll = tally.poll.after(change, true).unwrap());
    }

    /// Changes a tally without saying so.
    pub(crate) fn edit_silently(&self, poll: &str, edit: impl FnOnce(&mut Tally)) {
        let id = PollId::parse(poll).unwrap();
        let mut tallies = self.tallies.lock().unwrap();
        let tally = tallies.get_mut(&id).unwrap();
        edit(tally);
        tally.position = tally.position.following(0);
    }

    fn edit(&self, poll: &str, edit: impl FnOnce(&mut Tally)) {
        self.edit_silently(poll, edit);
        self.notify(&[PollId::parse(poll).unwrap()]);
    }

    pub(crate) fn notify(&self, polls: &[PollId]) {
        self.movements.0.send(Movement::Polls(polls.to_vec())).unwrap();
    }

    pub(crate) fn notify_any(&self) {
        self.movements.0.send(Movement::Any).unwrap();
    }

    /// From now on nothing can be read; or it can again.
    pub(crate) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// From now on each read takes this long.
    pub(crate) fn set_slow(&self, read_millis: usize) {
        self.read_millis.store(read_millis, Ordering::SeqCst);
    }

    pub(crate) fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    fn check(&self) -> Result<(), Unavailable> {
        let down = self.down.load(Ordering::SeqCst);
        if down { Err(Unavailable::failed("reading", "the test took the ledger down")) } else { Ok(()) }
    }
}

#[async_trait]
impl Scoreboard for MemoryLedger {
    async fn tallies(&self, polls: &[PollId]) -> Result<Vec<Tally>, Unavailable> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let slow = self.read_millis.load(Ordering::SeqCst);
        if slow > 0 {
            tokio::time::sleep(Duration::from_millis(slow as u64)).await;
        }
        self.check()?;
        let tallies = self.tallies.lock().unwrap();
        Ok(polls.iter().filter_map(|poll| tallies.get(poll).cloned()).collect())
    }

    async fn listed(&self) -> Result<Vec<PollId>, Unavailable> {
        unimplemented!("not asked for")
    }

    async fn inclusion(&self, _: PollId, _: &Receipt) -> Result<Inclusion, Unavailable> {
        self.check()?;
        Ok(*self.inclusion.lock().unwrap())
    }

    async fn ballots(&self, _: PollId, _: Option<VoterId>, _: u32) -> Result<Vec<CurrentBallot>, Unavailable> {
        unimplemented!("not asked for")
    }

    async fn audit(&self) -> Result<Audit, Unavailable> {
        unimplemented!("not asked for")
    }

    async fn moved(&self) -> Movement {
        self.movements.1.lock().await.recv().await.expect("the sender is in the same struct")
    }

    async fn ready(&self) -> Result<(), Unavailable> {
        self.check()
    }
}
