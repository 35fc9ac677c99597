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
    Audit, Choices, CurrentBallot, Digest, Event, EventChange, EventId, EventSpec, EventStep, Heartbeat, HeldLeaf,
    HeldTree, Inclusion, InstallationId, Movement, Partition, Partitions, Poll, PollChange, PollId, PollSpec,
    PollStates, Position, PublishedBallots, Receipt, Scoreboard, TallyShare, TermsInForce, TileNumber, TreeEdge,
    TreeKey, TreeReader, Unavailable, VoteCounts, VoterId,
};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot, watch};

/// When ballots were counted, if a test says nothing else: 23 November 2026, 08:45:01 UTC.
const COUNTED_AT: u64 = 1_795_423_501_000;

pub(crate) struct MemoryLedger {
    /// The first partition's share of each poll.
    tallies: Mutex<BTreeMap<PollId, TallyShare>>,
    /// The other partitions' shares of the default poll, in their order.
    others: Mutex<Vec<TallyShare>>,
    events: Mutex<BTreeMap<EventId, Event>>,
    pub(crate) event_reads: AtomicUsize,
    movements: (mpsc::UnboundedSender<Movement>, AsyncMutex<mpsc::UnboundedReceiver<Movement>>),
    down: AtomicBool,
    read_millis: AtomicUsize,
    pub(crate) reads: AtomicUsize,
    pub(crate) inclusion: Mutex<Inclusion>,
    /// When each place in the log was counted.
    pub(crate) counted_at: Mutex<Result<Option<u64>, Unavailable>>,
    ballots: Mutex<BTreeMap<PollId, BTreeMap<VoterId, CurrentBallot>>>,
    ballot_pages: AtomicUsize,
    /// A poll is reset once so many pages of ballots were read.
    reset: Mutex<Option<(PollId, usize)>>,
    ballots_held: watch::Sender<bool>,
    broken: AtomicBool,
    /// What the next read of tallies waits for, once it has its figures.
    held_read: Mutex<Option<oneshot::Receiver<()>>>,
}

impl MemoryLedger {
    pub(crate) fn with_default_poll() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let ledger = Self {
            tallies: Mutex::default(),
            others: Mutex::default(),
            events: Mutex::default(),
            event_reads: AtomicUsize::new(0),
            movements: (sender, AsyncMutex::new(receiver)),
            down: AtomicBool::new(false),
            read_millis: AtomicUsize::new(0),
            reads: AtomicUsize::new(0),
            inclusion: Mutex::new(Inclusion::Counted),
            counted_at: Mutex::new(Ok(Some(COUNTED_AT))),
            ballots: Mutex::default(),
            ballot_pages: AtomicUsize::new(0),
            reset: Mutex::default(),
            ballots_held: watch::Sender::new(false),
            broken: AtomicBool::new(false),
            held_read: Mutex::default(),
        };
        ledger.create("main", PollSpec::simple("Cats or Dogs?", ["Cats", "Dogs"]));
        ledger
    }

    /// Makes a poll without saying so: whoever comes afterwards reads it.
    pub(crate) fn create(&self, id: &str, spec: PollSpec) {
        let id = PollId::parse(id).unwrap();
        let poll = Poll::new(id, spec).unwrap();
        let figures = VoteCounts { votes: vec![0; poll.options().len()], ..VoteCounts::default() };
        let position = Position::new(1_795_423_500_123, 0).unwrap();
        let share = TallyShare {
            partition: Partition::new(0),
            partitions: Partitions::ONE,
            poll,
            round: 1,
            figures,
            position,
            heartbeat: Heartbeat::default(),
        };
        self.tallies.lock().unwrap().insert(id, share);
    }

    /// From now on there are so many partitions. Each knows the default poll as it is now, and has counted no ballot.
    pub(crate) fn spread(&self, partitions: u16) {
        let first = self.tallies.lock().unwrap()[&PollId::MAIN].clone();
        let empty = VoteCounts { votes: vec![0; first.poll.options().len()], ..VoteCounts::default() };
        let other = |number| TallyShare { partition: Partition::new(number), figures: empty.clone(), ..first.clone() };
        *self.others.lock().unwrap() = (1..partitions).map(other).collect();
    }

    /// Changes the default poll's share of a partition other than the first, and says so.
    pub(crate) fn edit_share(&self, partition: u16, edit: impl FnOnce(&mut TallyShare)) {
        let mut others = self.others.lock().unwrap();
        let share = others.iter_mut().find(|share| share.partition.number() == partition).unwrap();
        edit(share);
        share.position = share.position.following(0);
        drop(others);
        self.notify(&[PollId::MAIN]);
    }

    /// A partition other than the first counts a change of the default poll.
    pub(crate) fn change_share(&self, partition: u16, change: &PollChange) {
        self.edit_share(partition, |share| {
            share.poll = share.poll.after(change, 1).unwrap();
            share.round = share.poll.round();
        });
    }

    /// Makes an event before its first question, and says so. Its polls need not be there.
    pub(crate) fn create_event(&self, id: &str, title: &str, polls: &[&str]) {
        let polls = polls.iter().map(|poll| PollId::parse(poll).unwrap()).collect();
        let spec = EventSpec { title: title.to_owned(), polls };
        let event = Event::new(EventId::parse(id).unwrap(), spec).unwrap();
        self.events.lock().unwrap().insert(event.id(), event);
        self.notify_event(id);
    }

    /// Changes an event without saying so.
    pub(crate) fn change_event_silently(&self, id: &str, change: &EventChange) {
        let mut events = self.events.lock().unwrap();
        let event = events.get_mut(&EventId::parse(id).unwrap()).unwrap();
        *event = event.after(change).unwrap();
    }

    /// Changes an event, and says so.
    pub(crate) fn change_event(&self, id: &str, change: &EventChange) {
        self.change_event_silently(id, change);
        self.notify_event(id);
    }

    /// An event as it is.
    pub(crate) fn event(&self, id: &str) -> Event {
        self.events.lock().unwrap()[&EventId::parse(id).unwrap()].clone()
    }

    /// A poll as the first partition has it.
    pub(crate) fn poll(&self, id: PollId) -> Poll {
        self.tallies.lock().unwrap()[&id].poll.clone()
    }

    /// What the large button of an event would do now.
    pub(crate) fn next_step(&self, id: &str) -> EventStep {
        let tallies = self.tallies.lock().unwrap();
        let polls = PollStates::of(tallies.values().map(|share| &share.poll));
        self.events.lock().unwrap()[&EventId::parse(id).unwrap()].next_step(&polls).unwrap()
    }

    /// Presses the large button of an event: writes the event, then the change of a poll, and says so of each.
    pub(crate) fn press_next(&self, id: &str) {
        let step = self.next_step(id);
        self.change_event(id, &EventChange::Step(step));
        if let Some(change) = step.change {
            self.change(change.poll.as_str(), &change.change());
        }
    }

    pub(crate) fn notify_event(&self, event: &str) {
        let events = vec![EventId::parse(event).unwrap()];
        self.movements.0.send(Movement::These { polls: Vec::new(), events }).unwrap();
    }

    fn partitions_now(&self) -> Partitions {
        Partitions::new(u16::try_from(self.others.lock().unwrap().len() + 1).unwrap()).unwrap()
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
            tally.figures.ballots += voters;
        });
    }

    /// Counts one ballot of a new voter, and keeps it.
    pub(crate) fn cast(&self, poll: &str, voter: VoterId, choices: Choices) {
        let id = PollId::parse(poll).unwrap();
        self.edit_silently(poll, |tally| {
            choices.indices().for_each(|option| tally.figures.votes[option] += 1);
            tally.figures.voters += 1;
            tally.figures.ballots += 1;
            let ballot = CurrentBallot { voter, position: tally.position, choices };
            let known = self.ballots.lock().unwrap().entry(id).or_default().insert(voter, ballot);
            assert!(known.is_none(), "a new voter");
        });
    }

    /// How many pages of ballots were read.
    pub(crate) fn ballot_pages(&self) -> usize {
        self.ballot_pages.load(Ordering::SeqCst)
    }

    /// Resets a poll as soon as `pages` pages of ballots were read.
    pub(crate) fn reset_after_ballot_page(&self, poll: &str, pages: usize) {
        *self.reset.lock().unwrap() = Some((PollId::parse(poll).unwrap(), pages));
    }

    /// From now on no page of ballots comes, until they are let go.
    pub(crate) fn hold_ballots(&self, held: bool) {
        self.ballots_held.send_replace(held);
    }

    pub(crate) fn change(&self, poll: &str, change: &PollChange) {
        self.edit(poll, |tally| {
            tally.poll = tally.poll.after(change, 1).unwrap();
            tally.round = tally.poll.round();
        });
    }

    /// Changes a tally without saying so.
    pub(crate) fn edit_silently(&self, poll: &str, edit: impl FnOnce(&mut TallyShare)) {
        let id = PollId::parse(poll).unwrap();
        let mut tallies = self.tallies.lock().unwrap();
        let tally = tallies.get_mut(&id).unwrap();
        edit(tally);
        tally.position = tally.position.following(0);
    }

    fn edit(&self, poll: &str, edit: impl FnOnce(&mut TallyShare)) {
        self.edit_silently(poll, edit);
        self.notify(&[PollId::parse(poll).unwrap()]);
    }

    /// This poll's partition was counted last so long ago, and is not counted any more; `None`: it is again. Nobody is
    /// told.
    pub(crate) fn stop_counting(&self, poll: &str, age_millis: Option<i64>) {
        // Before all others, as from an older ledger: else it would be no older than the last read.
        let heartbeat = age_millis.map_or(Heartbeat::default(), |age_millis| Heartbeat {
            at_millis: -1,
            age_millis,
            log_millis: None,
        });
        self.tallies.lock().unwrap().get_mut(&PollId::parse(poll).unwrap()).unwrap().heartbeat = heartbeat;
    }

    pub(crate) fn notify(&self, polls: &[PollId]) {
        self.movements.0.send(Movement::These { polls: polls.to_vec(), events: Vec::new() }).unwrap();
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

    /// A bug: listening panics from now on.
    pub(crate) fn break_apart(&self) {
        self.broken.store(true, Ordering::SeqCst);
        self.notify_any();
    }

    /// The next read of tallies comes back only when it is let go, with the figures of when it began.
    pub(crate) fn hold_next_read(&self) -> oneshot::Sender<()> {
        let (let_go, held) = oneshot::channel();
        *self.held_read.lock().unwrap() = Some(held);
        let_go
    }

    /// Whether a read is held now.
    pub(crate) fn holds_a_read(&self) -> bool {
        self.held_read.lock().unwrap().is_none()
    }

    pub(crate) fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    fn check(&self) -> Result<(), Unavailable> {
        let down = self.down.load(Ordering::SeqCst);
        if down { Err(Unavailable::failed("reading", "the test took the ledger down")) } else { Ok(()) }
    }
}

/// It has no trees.
#[async_trait]
impl TreeReader for MemoryLedger {
    async fn installation(&self) -> Result<Option<InstallationId>, Unavailable> {
        self.check().map(|()| None)
    }
    async fn trees(&self, _: PollId) -> Result<Vec<HeldTree>, Unavailable> {
        self.check().map(|()| Vec::new())
    }
    async fn tile(&self, _: TreeKey, _: TileNumber) -> Result<Option<Vec<Digest>>, Unavailable> {
        self.check().map(|()| None)
    }
    async fn edge(&self, _: TreeKey) -> Result<Option<TreeEdge>, Unavailable> {
        self.check().map(|()| None)
    }
    async fn leaf(&self, _: Partition, _: PollId, _: &Receipt) -> Result<Option<HeldLeaf>, Unavailable> {
        self.check().map(|()| None)
    }
    async fn terms(&self, _: TreeKey) -> Result<Vec<TermsInForce>, Unavailable> {
        self.check().map(|()| Vec::new())
    }
    async fn published(&self, _: TreeKey) -> Result<PublishedBallots, Unavailable> {
        Err(Unavailable::failed("reading ballots", "this ledger has no trees"))
    }
}

#[async_trait]
impl Scoreboard for MemoryLedger {
    async fn shares(&self, polls: &[PollId]) -> Result<Vec<TallyShare>, Unavailable> {
        let reads = self.reads.fetch_add(1, Ordering::SeqCst);
        let slow = self.read_millis.load(Ordering::SeqCst);
        if slow > 0 {
            tokio::time::sleep(Duration::from_millis(slow as u64)).await;
        }
        self.check()?;
        let read = {
            let tallies = self.tallies.lock().unwrap();
            let mut read: Vec<_> = polls.iter().filter_map(|poll| tallies.get(poll).cloned()).collect();
            if polls.contains(&PollId::MAIN) {
                read.extend(self.others.lock().unwrap().iter().cloned());
            }
            let partitions = self.partitions_now();
            for share in &mut read {
                share.partitions = partitions;
            }
            for heartbeat in read.iter_mut().map(|tally| &mut tally.heartbeat).filter(|it| it.at_millis >= 0) {
                heartbeat.at_millis = i64::try_from(reads).unwrap();
            }
            read
        };
        let held = self.held_read.lock().unwrap().take();
        if let Some(held) = held {
            held.await.ok();
        }
        Ok(read)
    }

    async fn listed(&self) -> Result<Vec<PollId>, Unavailable> {
        self.check()?;
        let tallies = self.tallies.lock().unwrap();
        let public = tallies.values().filter(|tally| tally.poll.listed() && tally.poll.is_open());
        Ok(public.map(|tally| tally.poll.id()).collect())
    }

    async fn event(&self, id: EventId) -> Result<Option<Event>, Unavailable> {
        self.event_reads.fetch_add(1, Ordering::SeqCst);
        self.check().map(|()| self.events.lock().unwrap().get(&id).cloned())
    }

    async fn events(&self) -> Result<Vec<Event>, Unavailable> {
        self.event_reads.fetch_add(1, Ordering::SeqCst);
        self.check().map(|()| self.events.lock().unwrap().values().cloned().collect())
    }

    async fn partitions(&self) -> Result<Partitions, Unavailable> {
        self.check()?;
        Ok(self.partitions_now())
    }

    async fn inclusion(&self, _: Partition, _: PollId, _: &Receipt) -> Result<Inclusion, Unavailable> {
        self.check()?;
        Ok(*self.inclusion.lock().unwrap())
    }

    async fn counted_at(&self, _: Partition, _: Position) -> Result<Option<u64>, Unavailable> {
        self.counted_at.lock().unwrap().clone()
    }

    async fn ballots(
        &self,
        poll: PollId,
        _: u32,
        after: Option<VoterId>,
        limit: u32,
    ) -> Result<Vec<CurrentBallot>, Unavailable> {
        self.check()?;
        let pages = self.ballot_pages.fetch_add(1, Ordering::SeqCst);
        self.ballots_held.subscribe().wait_for(|held| !held).await.expect("the sender is in the same struct");
        if *self.reset.lock().unwrap() == Some((poll, pages)) {
            self.ballots.lock().unwrap().remove(&poll);
            self.change(poll.as_str(), &PollChange::Reset);
        }
        let ballots = self.ballots.lock().unwrap();
        let of_poll = ballots.get(&poll).into_iter().flat_map(BTreeMap::values);
        let rest = of_poll.filter(|ballot| after.is_none_or(|after| ballot.voter > after));
        Ok(rest.take(limit as usize).copied().collect())
    }

    async fn audit(&self) -> Result<Audit, Unavailable> {
        unimplemented!("not asked for")
    }

    async fn moved(&self) -> Movement {
        let movement = self.movements.1.lock().await.recv().await.expect("the sender is in the same struct");
        assert!(!self.broken.load(Ordering::SeqCst), "the test asked for it");
        movement
    }

    async fn ready(&self) -> Result<(), Unavailable> {
        self.check()
    }
}
