//! A log in memory that follows the port's contract and can be made to fail. The only fake of that port: unit tests
//! (`src/testing.rs`) use this file, too.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use async_trait::async_trait;
use domain::{
    Ballot, BallotBox, CastOutcome, ChangeOutcome, Event, EventBox, EventChange, EventId, EventOutcome, InstallationId,
    Poll, PollChange, PollId, Position, SessionId, Unavailable, VoterId,
};
use parking_lot::{Mutex, MutexGuard};

/// How the log fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mishap {
    /// It refuses everything, and nothing happened.
    NotBegun,
    /// It is full.
    Full,
    /// It does the work, and its answer is lost.
    AnswerLost,
    /// Not all partitions can be asked or told; it decides.
    PartlyAway,
    /// The home of each poll is away when an event's step is to change it.
    StepBroken,
    /// It never answers.
    Hangs,
    /// It panics.
    Panic,
}

#[derive(Default)]
pub(crate) struct MemoryBallotBox {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    polls: HashMap<PollId, Poll>,
    events: BTreeMap<EventId, Event>,
    ballots: Vec<(Position, Ballot)>,
    mishap: Option<Mishap>,
    ended: HashSet<SessionId>,
    /// How often one poll was asked for.
    poll_reads: usize,
    /// How far the log's clock went on.
    clock_ahead_ms: u64,
}

/// What the log's clock shows in the beginning, in milliseconds since 1970.
const BEGINNING_MILLIS: u64 = 1_795_424_400_000;

impl MemoryBallotBox {
    /// One that fails from the beginning.
    pub(crate) fn broken_down(mishap: Mishap) -> Self {
        let state = State { mishap: Some(mishap), ..State::default() };
        Self { state: Mutex::new(state) }
    }

    /// Puts a poll in place, as if another instance had.
    pub(crate) fn put(&self, poll: Poll) {
        self.state().polls.insert(poll.id(), poll);
    }

    pub(crate) fn remove(&self, id: PollId) {
        self.state().polls.remove(&id);
    }

    pub(crate) fn break_down(&self, mishap: Mishap) {
        self.state().mishap = Some(mishap);
    }

    pub(crate) fn recover(&self) {
        self.state().mishap = None;
    }

    /// The choices of each ballot, in order.
    pub(crate) fn choices(&self) -> Vec<String> {
        self.state().ballots.iter().map(|(_, ballot)| ballot.choices.to_string()).collect()
    }

    /// The voter of each ballot, in order.
    pub(crate) fn voters(&self) -> Vec<VoterId> {
        self.state().ballots.iter().map(|(_, ballot)| ballot.voter).collect()
    }

    pub(crate) fn positions(&self) -> Vec<Position> {
        self.state().ballots.iter().map(|(position, _)| *position).collect()
    }

    /// The log's clock goes on; nothing else does.
    pub(crate) fn clock_goes_on(&self, millis: u64) {
        self.state().clock_ahead_ms += millis;
    }

    /// How often one poll was asked for, also without an answer.
    pub(crate) fn poll_reads(&self) -> usize {
        self.state().poll_reads
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    async fn after_mishap<T>(&self, act: impl FnOnce(&mut State) -> T) -> Result<T, Unavailable> {
        // Other tasks run before there is an answer, as with a log behind a network.
        tokio::task::yield_now().await;
        match self.answer(act) {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }

    /// `None`: there will never be one.
    fn answer<T>(&self, act: impl FnOnce(&mut State) -> T) -> Option<Result<T, Unavailable>> {
        let mut state = self.state();
        Some(match state.mishap {
            None | Some(Mishap::PartlyAway | Mishap::StepBroken) => Ok(act(&mut state)),
            Some(Mishap::NotBegun) => Err(Unavailable::NotBegun),
            Some(Mishap::Full) => Err(Unavailable::Full),
            Some(Mishap::AnswerLost) => {
                act(&mut state);
                Err(Unavailable::Timeout { what: "casting", after: Duration::from_secs(2) })
            }
            Some(Mishap::Hangs) => return None,
            Some(Mishap::Panic) => panic!("the ballot box fell off the table"),
        })
    }
}

impl State {
    /// What the log's clock shows.
    fn now_millis(&self) -> u64 {
        BEGINNING_MILLIS + self.clock_ahead_ms
    }

    fn cast(&mut self, ballot: Ballot, revision: u32) -> CastOutcome {
        let Some(poll) = self.polls.get(&ballot.poll) else { return CastOutcome::UnknownPoll };
        if !poll.is_open_at(self.now_millis()) {
            return CastOutcome::NotOpen(poll.as_of(self.now_millis()).state());
        }
        if poll.revision() != revision {
            return CastOutcome::Rewritten;
        }
        assert_eq!(poll.check(ballot.choices), Ok(()), "the caller has checked the choices");
        let same = |earlier: &Ballot| (earlier.poll, earlier.voter) == (ballot.poll, ballot.voter);
        if !poll.votes_can_change()
            && let Some((position, _)) = self.ballots.iter().find(|(_, earlier)| same(earlier))
        {
            return CastOutcome::AlreadyCast(*position);
        }
        let position =
            self.ballots.last().map_or(Position::ZERO, |(position, _)| *position).following(self.now_millis());
        self.ballots.push((position, ballot));
        CastOutcome::Recorded(position)
    }

    fn change(&mut self, id: PollId, change: &PollChange) -> ChangeOutcome {
        let Some(poll) = self.polls.get(&id) else { return ChangeOutcome::UnknownPoll };
        let accepted = self.ballots.iter().filter(|(_, ballot)| ballot.poll == id).count();
        match poll.after_at(self.now_millis(), change, accepted as u64) {
            Ok(next) => {
                self.polls.insert(id, next.clone());
                match self.mishap {
                    Some(Mishap::PartlyAway) => ChangeOutcome::Underway(next),
                    _ => ChangeOutcome::Done(next),
                }
            }
            Err(refused) => ChangeOutcome::Refused(refused),
        }
    }
}

#[async_trait]
impl EventBox for MemoryBallotBox {
    async fn event(&self, id: EventId) -> Result<Option<Event>, Unavailable> {
        self.after_mishap(|state| state.events.get(&id).cloned()).await
    }

    async fn events(&self) -> Result<Vec<Event>, Unavailable> {
        self.after_mishap(|state| state.events.values().cloned().collect()).await
    }

    async fn create_event(&self, event: Event) -> Result<EventOutcome, Unavailable> {
        self.after_mishap(|state| {
            if state.events.contains_key(&event.id()) {
                return EventOutcome::Exists;
            }
            state.events.insert(event.id(), event.clone());
            EventOutcome::Done(event)
        })
        .await
    }

    async fn change_event(
        &self,
        id: EventId,
        seen: Option<u64>,
        change: EventChange,
    ) -> Result<EventOutcome, Unavailable> {
        self.after_mishap(|state| {
            let Some(event) = state.events.get(&id) else { return EventOutcome::UnknownEvent };
            if seen.is_some_and(|seen| seen != event.version()) {
                return EventOutcome::OtherVersion(event.clone());
            }
            match event.after(&change) {
                Ok(next) => {
                    state.events.insert(id, next.clone());
                    EventOutcome::Done(next)
                }
                Err(refused) => EventOutcome::Refused(refused),
            }
        })
        .await
    }
}

#[async_trait]
impl BallotBox for MemoryBallotBox {
    async fn cast(&self, ballot: Ballot, revision: u32) -> Result<CastOutcome, Unavailable> {
        self.after_mishap(|state| state.cast(ballot, revision)).await
    }

    async fn poll(&self, id: PollId) -> Result<Option<Poll>, Unavailable> {
        self.state().poll_reads += 1;
        self.after_mishap(|state| Some(state.polls.get(&id)?.as_of(state.now_millis()))).await
    }

    fn log_millis(&self, _: PollId) -> u64 {
        self.state().now_millis()
    }

    async fn polls(&self) -> Result<Vec<Poll>, Unavailable> {
        self.after_mishap(|state| {
            let mut polls: Vec<_> = state.polls.values().map(|poll| poll.as_of(state.now_millis())).collect();
            polls.sort_by_key(Poll::id);
            polls
        })
        .await
    }

    async fn create(&self, poll: Poll) -> Result<ChangeOutcome, Unavailable> {
        self.after_mishap(|state| {
            if state.polls.contains_key(&poll.id()) {
                return ChangeOutcome::Exists;
            }
            state.polls.insert(poll.id(), poll.clone());
            ChangeOutcome::Done(poll)
        })
        .await
    }

    async fn change(&self, id: PollId, change: PollChange) -> Result<ChangeOutcome, Unavailable> {
        self.after_mishap(|state| state.change(id, &change)).await
    }

    async fn change_seen(
        &self,
        id: PollId,
        version: u64,
        change: PollChange,
    ) -> Result<Option<ChangeOutcome>, Unavailable> {
        if self.state().mishap == Some(Mishap::StepBroken) {
            return Err(Unavailable::NotAttached);
        }
        self.after_mishap(|state| match state.polls.get(&id) {
            Some(poll) if poll.as_of(state.now_millis()).version() != version => None,
            _ => Some(state.change(id, &change)),
        })
        .await
    }

    async fn end_session(&self, session: SessionId, _: Duration) -> Result<(), Unavailable> {
        self.after_mishap(|state| {
            state.ended.insert(session);
        })
        .await
    }

    async fn has_ended(&self, session: SessionId) -> Result<bool, Unavailable> {
        self.after_mishap(|state| state.ended.contains(&session)).await
    }

    async fn accepted(&self, id: PollId) -> Result<u64, Unavailable> {
        if self.state().mishap == Some(Mishap::PartlyAway) {
            return Err(Unavailable::NotAttached);
        }
        self.after_mishap(|state| {
            let of_poll = state.ballots.iter().filter(|(_, ballot)| ballot.poll == id);
            u64::try_from(of_poll.count()).unwrap()
        })
        .await
    }

    async fn installation(&self) -> Result<Option<InstallationId>, Unavailable> {
        self.after_mishap(|_| Some(InstallationId::new("7b1f"))).await
    }

    async fn ready(&self) -> Result<(), Unavailable> {
        self.after_mishap(|_| ()).await
    }
}
