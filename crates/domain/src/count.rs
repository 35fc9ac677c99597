//! The count: what a batch of log entries changes in a ledger.
//!
//! Pure: no I/O, no clock. A ledger makes a [`Batch`] of entries, looks up what it knows of the polls and
//! voters in it, calls [`count`], and writes the [`Changes`] in one transaction. Both ledgers do it this
//! way, so both count alike. A poll is referred to by its index in the batch ([`PollIndex`]); the number that it has in
//! the tables is the ledger's own.

use std::collections::{BTreeSet, HashMap, hash_map};

use crate::{
    choices::{Choices, MAX_OPTIONS},
    entry::{Entry, Record, UndecodableEntry},
    event::Event,
    event_id::EventId,
    poll::Poll,
    poll_id::PollId,
    position::Position,
    tree::Digest,
    tree_step::{PollIndex, TreeStep},
    voter::VoterId,
};

/// Entries of the log, prepared for looking up: which polls and which voters are in it, each once.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The polls that entries of this batch are about.
    pub polls: Vec<PollId>,
    /// The voters: the poll, and the pseudonym in it.
    pub voters: Vec<(PollIndex, VoterId)>,
    /// The entries, in order.
    ops: Vec<(Position, Op)>,
    /// The position of the last entry.
    position: Position,
}

#[derive(Clone, Debug)]
enum Op {
    Poll { poll: PollIndex, now: Box<Poll> },
    Event(Box<Event>),
    Ballot { voter: usize, choices: Choices },
    Reject(UndecodableEntry),
}

impl Op {
    /// Whether both are one entry, given that they have one position.
    fn is_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Poll { poll, .. }, Self::Poll { poll: other, .. }) => poll == other,
            (Self::Ballot { voter, .. }, Self::Ballot { voter: other, .. }) => voter == other,
            (Self::Event(event), Self::Event(other)) => event.id() == other.id(),
            (Self::Reject(_), Self::Reject(_)) => true,
            _ => false,
        }
    }
}

/// What a ledger knows of a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownPoll {
    /// The present round.
    pub round: u32,
    /// Ballots after this position are of the present round.
    pub since: Position,
    /// How many options there are.
    pub options: usize,
    /// How many a ballot may choose.
    pub max_choices: u8,
    /// The digest of what its ballots are cast for.
    pub wording: Digest,
}

impl KnownPoll {
    /// What is to be known of `poll`, of which `round` is counted since this position.
    pub fn new(poll: &Poll, round: u32, since: Position) -> Self {
        let wording = poll.terms().digest();
        Self { round, since, options: poll.options().len(), max_choices: poll.max_choices(), wording }
    }
}

/// The newest ballot of a voter in a poll, of whichever round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Previous {
    /// Its position in the log.
    pub position: Position,
    /// What it chose.
    pub choices: Choices,
}

/// A ballot to add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountedBallot {
    /// Which poll of the batch.
    pub poll: PollIndex,
    /// Who.
    pub voter: VoterId,
    /// Its position in the log.
    pub position: Position,
    /// What it chose.
    pub choices: Choices,
    /// The position of the ballot that it replaces, of the same voter and round.
    pub replaces: Option<Position>,
}

/// A poll that is new or different after the batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollUpdate {
    /// Which poll of the batch.
    pub poll: PollIndex,
    /// The poll as it is now.
    pub now: Box<Poll>,
    /// Where its present round began.
    pub since: Position,
    /// Where it last changed.
    pub position: Position,
}

/// An event that is new or different after the batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventUpdate {
    /// The event as it is now, if the ledger does not hold a newer version.
    pub now: Box<Event>,
    /// Where it last changed.
    pub position: Position,
}

/// How the figures of one poll move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TallyChange {
    /// Which poll of the batch.
    pub poll: PollIndex,
    /// The figures start at nothing before the rest is added: a new round began in this batch.
    pub restart: bool,
    /// Votes to add, by option; negative where voters changed their minds.
    pub votes: [i64; MAX_OPTIONS],
    /// Voters to add.
    pub voters: i64,
    /// Ballots to add, over all rounds (never restarts).
    pub ballots: u64,
}

/// An entry to set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedEntry {
    /// Its position in the log.
    pub position: Position,
    /// Why it can't be counted, and what it holds.
    pub entry: UndecodableEntry,
}

/// Everything that a batch changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// New or changed polls.
    pub polls: Vec<PollUpdate>,
    /// New or changed events, each once.
    pub events: Vec<EventUpdate>,
    /// Ballots to add.
    pub ballots: Vec<CountedBallot>,
    /// Figures to move; only polls with ballots or a new round are here.
    pub tallies: Vec<TallyChange>,
    /// Entries to set aside.
    pub rejected: Vec<RejectedEntry>,
    /// What it means for the trees of the polls, in the order of the log.
    pub tree_steps: Vec<TreeStep>,
    /// The ledger's position afterwards.
    pub position: Position,
}

impl Changes {
    /// The polls of the batch that someone who shows them has to read again: new, changed, or with other figures.
    pub fn moved(&self, batch: &Batch) -> Vec<PollId> {
        let tallies = self.tallies.iter().map(|tally| tally.poll);
        let moved: BTreeSet<PollIndex> = self.polls.iter().map(|update| update.poll).chain(tallies).collect();
        moved.into_iter().map(|poll| batch.poll(poll)).collect()
    }

    /// The events of the batch.
    pub fn moved_events(&self) -> Vec<EventId> {
        self.events.iter().map(|update| update.now.id()).collect()
    }
}

impl Batch {
    /// Prepares the entries after `counted_through`. Those at or below it, those before the one that precedes them, and
    /// what occurs twice at one position were counted already and are passed over. Different voters' ballots may have
    /// one position: the logs of several partitions can be merged.
    pub fn new(counted_through: Position, entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut batch = Self { position: counted_through, ..Self::default() };
        let mut polls = HashMap::new();
        let mut voters = HashMap::new();
        for Entry { position, record } in entries {
            if position <= counted_through || position < batch.position {
                continue;
            }
            let op = match record {
                Ok(Record::Poll(now)) => {
                    Op::Poll { poll: PollIndex::new(intern(&mut polls, &mut batch.polls, now.id())), now }
                }
                Ok(Record::Event(now)) => Op::Event(now),
                Ok(Record::Ballot(ballot)) => {
                    let poll = PollIndex::new(intern(&mut polls, &mut batch.polls, ballot.poll));
                    let voter = intern(&mut voters, &mut batch.voters, (poll, ballot.voter));
                    Op::Ballot { voter, choices: ballot.choices }
                }
                Err(undecodable) => Op::Reject(undecodable),
            };
            if position == batch.position && batch.has(position, &op) {
                continue;
            }
            batch.position = position;
            batch.ops.push((position, op));
        }
        batch
    }

    /// Whether the entry at this last position is here already.
    fn has(&self, position: Position, op: &Op) -> bool {
        self.ops.iter().rev().take_while(|(at, _)| *at == position).any(|(_, known)| known.is_the_same(op))
    }

    /// Whether there is nothing to count.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// The poll with this index.
    pub fn poll(&self, index: PollIndex) -> PollId {
        self.polls[index.get()]
    }
}

/// The index of `item` in `list`, where it is put if it is new.
fn intern<T: Copy + Eq + std::hash::Hash>(index: &mut HashMap<T, usize>, list: &mut Vec<T>, item: T) -> usize {
    match index.entry(item) {
        hash_map::Entry::Occupied(known) => *known.get(),
        hash_map::Entry::Vacant(new) => {
            list.push(item);
            *new.insert(list.len() - 1)
        }
    }
}

/// What is known of one poll so far, and how it changes.
#[derive(Clone, Default)]
struct PollWork {
    known: Option<KnownPoll>,
    update: Option<PollUpdate>,
    tally: Option<TallyChange>,
}

impl PollWork {
    fn tally(&mut self, poll: PollIndex) -> &mut TallyChange {
        self.tally.get_or_insert(TallyChange { poll, restart: false, votes: [0; MAX_OPTIONS], voters: 0, ballots: 0 })
    }
}

/// Counts a batch.
///
/// `known` and `previous` say what the ledger holds of `batch.polls` and `batch.voters`, in their order.
/// The state of a poll (open or closed) plays no part: the log decided when it accepted the ballot.
///
/// # Panics
/// If `known` or `previous` is not as long as `batch.polls` or `batch.voters`.
pub fn count(known: &[Option<KnownPoll>], previous: &[Option<Previous>], batch: &Batch) -> Changes {
    assert_eq!(known.len(), batch.polls.len(), "one answer for each poll");
    assert_eq!(previous.len(), batch.voters.len(), "one answer for each voter");

    let mut work: Vec<PollWork> = known.iter().map(|&known| PollWork { known, ..PollWork::default() }).collect();
    let mut newest = previous.to_vec();
    let mut changes =
        Changes { ballots: Vec::with_capacity(batch.ops.len()), position: batch.position, ..Changes::default() };

    for &(position, ref op) in &batch.ops {
        match *op {
            Op::Reject(ref entry) => changes.rejected.push(RejectedEntry { position, entry: entry.clone() }),
            Op::Poll { poll, ref now } => {
                let work = &mut work[poll.get()];
                let before = work.known;
                change_poll(work, poll, now.clone(), position);
                add_steps(&mut changes.tree_steps, poll, before, work);
            }
            Op::Event(ref now) => change_event(&mut changes.events, now.clone(), position),
            Op::Ballot { voter: index, choices } => {
                let (poll, voter) = batch.voters[index];
                match add_ballot(&mut work[poll.get()], poll, newest[index], choices) {
                    Ok(replaces) => {
                        newest[index] = Some(Previous { position, choices });
                        changes.tree_steps.push(TreeStep::Ballot(changes.ballots.len()));
                        changes.ballots.push(CountedBallot { poll, voter, position, choices, replaces });
                    }
                    Err(reason) => {
                        let entry = format!("ballot in {}: {choices}", batch.poll(poll));
                        let entry = UndecodableEntry { reason: reason.to_owned(), entry };
                        changes.rejected.push(RejectedEntry { position, entry });
                    }
                }
            }
        }
    }
    for work in work {
        changes.polls.extend(work.update);
        changes.tallies.extend(work.tally);
    }
    changes
}

fn change_poll(work: &mut PollWork, poll: PollIndex, now: Box<Poll>, position: Position) {
    let same_round = work.known.filter(|known| known.round >= now.round());
    let since = same_round.map_or(position, |known| known.since);
    if work.known.is_some() && same_round.is_none() {
        let tally = work.tally(poll);
        tally.restart = true;
        tally.votes = [0; MAX_OPTIONS];
        tally.voters = 0;
    }
    work.known = Some(KnownPoll::new(&now, now.round(), since));
    work.update = Some(PollUpdate { poll, now, since, position });
}

/// What the record that was just taken over means for the poll's tree.
fn add_steps(steps: &mut Vec<TreeStep>, poll: PollIndex, before: Option<KnownPoll>, work: &PollWork) {
    let (Some(known), Some(PollUpdate { now, position, .. })) = (work.known, &work.update) else { return };
    let position = *position;
    if before.is_none_or(|before| before.round < known.round) {
        steps.push(TreeStep::Round { poll, round: known.round, since: known.since });
    }
    if before.is_none_or(|before| before.wording != known.wording) {
        steps.push(TreeStep::Terms { poll, position, terms: Box::new(now.terms()) });
    }
    if let Some(version) = now.closed_in() {
        steps.push(TreeStep::Closed { poll, position, version });
    }
}

/// Of an event the newest version counts; of one version the last.
fn change_event(updates: &mut Vec<EventUpdate>, now: Box<Event>, position: Position) {
    match updates.iter_mut().find(|update| update.now.id() == now.id()) {
        Some(known) if known.now.version() > now.version() => {}
        Some(known) => *known = EventUpdate { now, position },
        None => updates.push(EventUpdate { now, position }),
    }
}

/// Adds a ballot to the figures. Returns the position of the one that it replaces.
fn add_ballot(
    work: &mut PollWork,
    poll: PollIndex,
    newest: Option<Previous>,
    choices: Choices,
) -> Result<Option<Position>, &'static str> {
    let known = work.known.ok_or("the ledger knows no such poll")?;
    if choices.bits() >> known.options != 0 {
        return Err("it chooses an option that the poll does not have");
    }
    if choices.len() > u32::from(known.max_choices) {
        return Err("it chooses more options than the poll allows");
    }
    let replaced = newest.filter(|previous| previous.position > known.since);
    let tally = work.tally(poll);
    tally.ballots += 1;
    choices.indices().for_each(|option| tally.votes[option] += 1);
    match replaced {
        Some(previous) => previous.choices.indices().for_each(|option| tally.votes[option] -= 1),
        None => tally.voters += 1,
    }
    Ok(replaced.map(|previous| previous.position))
}
