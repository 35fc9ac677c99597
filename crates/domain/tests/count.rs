//! The count against the naive count: any records, cut into batches in any way, offered again after crashes.
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::collections::{BTreeMap, HashMap};

use proptest::{collection::vec, prelude::*, sample::Index};
use scrutin_domain::{
    Ballot, Batch, Changes, Choices, Entry, Event, EventChange, EventId, EventSpec, KnownPoll, Poll, PollChange,
    PollId, PollIndex, PollSpec, Position, Previous, Record, UndecodableEntry, VoteCounts, VoterId, count,
};
use testkit::naive_count::{NaiveCount, naive_count};

/// One thing that happens, before it is given a poll's present state and a position.
#[derive(Clone, Debug)]
enum Happening {
    /// The poll is created, or changed in this way if it was.
    Change(usize, PollChange),
    /// A ballot with these bits; often a bad one.
    Vote(usize, u8, u32),
    /// An event is created, or its title changes; or what was read of it before is appended once more.
    Name(usize, u8, bool),
    Garbage,
}

const POLLS: usize = 3;

fn happening() -> impl Strategy<Value = Happening> {
    let change = prop_oneof![
        Just(PollChange::Open),
        Just(PollChange::Close),
        Just(PollChange::Hide),
        Just(PollChange::Reset),
        rewrite(),
    ];
    prop_oneof![
        3 => (0..POLLS, change).prop_map(|(poll, change)| Happening::Change(poll, change)),
        10 => (0..POLLS, 0..4_u8, 1..32_u32).prop_map(|(poll, voter, bits)| Happening::Vote(poll, voter, bits)),
        10 => (0..POLLS, 0..4_u8, 0..3_u32).prop_map(|(poll, voter, bit)| Happening::Vote(poll, voter, 1 << bit)),
        2 => (0..POLLS, 0..4_u8, any::<bool>()).prop_map(|(event, title, old)| Happening::Name(event, title, old)),
        1 => Just(Happening::Garbage),
    ]
}

fn rewrite() -> impl Strategy<Value = PollChange> {
    (2..=4_usize, 1..=2_u8).prop_map(|(options, max_choices)| {
        let mut spec = PollSpec::simple("Which?", (0..options).map(|option| format!("option {option}")));
        spec.max_choices = max_choices;
        PollChange::Rewrite(Box::new(spec))
    })
}

/// The log that these happenings make. Like the real one, it changes polls only as `Poll::after` allows.
fn log_of(happenings: Vec<(Happening, u8)>) -> Vec<Entry> {
    let mut polls: [Option<Poll>; POLLS] = [None, None, None];
    let mut ballots = [0; POLLS];
    let mut events: [Option<Event>; POLLS] = [None, None, None];
    let mut position = Position::new(1_700_000_000_000, 0).unwrap();
    let mut entries = Vec::new();
    for (happening, millis) in happenings {
        let record = match happening {
            Happening::Garbage => Err(UndecodableEntry { reason: "garbage".into(), entry: "?".into() }),
            Happening::Vote(poll, voter, bits) => {
                ballots[poll] += u64::from(polls[poll].is_some());
                let (voter, choices) = (VoterId::from_bytes([voter; 16]), Choices::from_bits(bits).unwrap());
                Ok(Record::Ballot(Ballot { poll: id(poll), voter, choices }))
            }
            Happening::Name(event, title, old) => {
                let spec = EventSpec { title: format!("title {title}"), polls: Vec::new() };
                let next = match &events[event] {
                    None => Event::new(EventId::parse(id(event).as_str()).unwrap(), spec).unwrap(),
                    Some(now) => now.after(&EventChange::Edit(spec)).unwrap(),
                };
                let before = events[event].replace(next.clone());
                Ok(Record::Event(Box::new(before.filter(|_| old).unwrap_or(next))))
            }
            Happening::Change(poll, change) => {
                let next = match &polls[poll] {
                    None => Poll::new(id(poll), PollSpec::simple("Which?", ["x", "y", "z"])).unwrap(),
                    Some(now) => match now.after(&change, ballots[poll]) {
                        Ok(next) => next,
                        Err(_) => continue,
                    },
                };
                polls[poll] = Some(next.clone());
                Ok(Record::Poll(Box::new(next)))
            }
        };
        position = position.following(position.millis() + u64::from(millis));
        entries.push(Entry { position, record });
    }
    entries
}

fn id(poll: usize) -> PollId {
    PollId::parse(["one", "two", "three"][poll]).unwrap()
}

/// A ledger that keeps what it is told to in memory, row by row, and understands nothing of it.
#[derive(Debug, Default)]
struct MemoryLedger {
    position: Position,
    polls: HashMap<PollId, (Poll, Position)>,
    events: BTreeMap<EventId, Event>,
    ballots: BTreeMap<(PollId, VoterId, Position), Choices>,
    figures: HashMap<PollId, ([i64; 26], i64, u64)>,
    rejected: Vec<Position>,
}

impl MemoryLedger {
    /// Counts a batch as a ledger must, and hands the changes back without writing them.
    fn changes(&self, entries: &[Entry]) -> (Batch, Changes) {
        let batch = Batch::new(self.position, entries.iter().cloned());
        let known = |poll| self.polls.get(poll).map(|(poll, since)| KnownPoll::new(poll, poll.round(), *since));
        let known: Vec<_> = batch.polls.iter().map(known).collect();
        let newest = |&(poll, voter): &(PollIndex, VoterId)| {
            let poll = batch.poll(poll);
            let all = (poll, voter, Position::ZERO)..;
            let own = self.ballots.range(all).take_while(|((of, who, _), _)| (*of, *who) == (poll, voter));
            own.last().map(|(&(_, _, position), &choices)| Previous { position, choices })
        };
        let previous: Vec<_> = batch.voters.iter().map(newest).collect();
        let changes = count(&known, &previous, &batch);
        (batch, changes)
    }

    fn write(&mut self, (batch, changes): (Batch, Changes)) {
        let moved = changes.moved(&batch);
        let is_told = |poll| moved.contains(&batch.poll(poll));
        assert!(changes.polls.iter().all(|update| is_told(update.poll)));
        assert!(changes.ballots.iter().all(|ballot| is_told(ballot.poll)));
        for update in changes.polls {
            self.polls.insert(batch.poll(update.poll), (*update.now, update.since));
        }
        for update in changes.events {
            let known = self.events.entry(update.now.id()).or_insert_with(|| (*update.now).clone());
            if known.version() <= update.now.version() {
                *known = *update.now;
            }
        }
        for ballot in changes.ballots {
            let row = (batch.poll(ballot.poll), ballot.voter, ballot.position);
            assert_eq!(self.ballots.insert(row, ballot.choices), None, "a row is added once");
        }
        for tally in changes.tallies {
            let figures = self.figures.entry(batch.poll(tally.poll)).or_insert(([0; 26], 0, 0));
            if tally.restart {
                (figures.0, figures.1) = ([0; 26], 0);
            }
            figures.0.iter_mut().zip(tally.votes).for_each(|(kept, moved)| *kept += moved);
            figures.1 += tally.voters;
            figures.2 += tally.ballots;
            assert!(figures.0.iter().all(|&votes| votes >= 0) && figures.1 >= 0, "no figure is ever negative");
        }
        self.rejected.extend(changes.rejected.iter().map(|rejected| rejected.position));
        self.position = changes.position;
    }

    fn figures(&self, poll: &Poll) -> VoteCounts {
        let (votes, voters, counted) = self.figures.get(&poll.id()).copied().unwrap_or(([0; 26], 0, 0));
        assert!(votes[poll.options().len()..].iter().all(|&votes| votes == 0), "votes for options that are not there");
        let votes = votes[..poll.options().len()].iter().map(|&votes| votes.cast_unsigned()).collect();
        VoteCounts { votes, voters: voters.cast_unsigned(), ballots: counted }
    }

    fn assert_holds(&self, naive: &NaiveCount) {
        assert_eq!(self.position, naive.position);
        assert_eq!(self.rejected.len() as u64, naive.rejected);
        assert!(self.rejected.is_sorted_by(|a, b| a < b), "each entry is set aside once");
        assert_eq!(self.events, naive.events);
        assert_eq!(self.polls.len(), naive.polls.len());
        let mut ballots = BTreeMap::new();
        for (id, naive) in &naive.polls {
            assert_eq!(self.polls[id].0, naive.poll);
            assert_eq!(self.figures(&naive.poll), naive.figures(), "{id}");
            ballots.extend(naive.ballots.iter().map(|&(voter, position, choices)| ((*id, voter, position), choices)));
        }
        assert_eq!(self.ballots, ballots);
    }
}

/// What befalls one batch: how long it is, how far back it reaches, and what happens at its end.
#[derive(Clone, Debug)]
struct Cut {
    length: usize,
    overlap: Index,
    fate: Fate,
}

#[derive(Clone, Debug)]
enum Fate {
    Committed,
    /// Committed, but the answer was lost: the batch is offered again.
    Repeated,
    /// The worker died before the commit: nothing of it was written.
    Lost,
}

fn cut() -> impl Strategy<Value = Cut> {
    let fate = prop_oneof![4 => Just(Fate::Committed), 1 => Just(Fate::Repeated), 1 => Just(Fate::Lost)];
    (1..25_usize, any::<Index>(), fate).prop_map(|(length, overlap, fate)| Cut { length, overlap, fate })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_records_in_any_batches_amount_to_the_naive_count(
        happenings in vec((happening(), 0..3_u8), 0..80),
        cuts in vec(cut(), 1..20),
    ) {
        let entries = log_of(happenings);
        let mut ledger = MemoryLedger::default();
        let mut done = 0;
        for cut in cuts.iter().cycle().take((entries.len() + 1) * cuts.len()) {
            let until = (done + cut.length).min(entries.len());
            let from = done - cut.overlap.index(done + 1);
            let batch = &entries[from..until];
            let changes = ledger.changes(batch);
            if matches!(cut.fate, Fate::Lost) {
                continue;
            }
            ledger.write(changes);
            if matches!(cut.fate, Fate::Repeated) {
                let again = ledger.changes(batch);
                prop_assert!(again.0.is_empty());
                ledger.write(again);
            }
            ledger.assert_holds(&naive_count(&entries[..until]));
            done = until;
        }
        // Only a list of nothing but lost batches never comes to the end.
        prop_assert!(done == entries.len() || cuts.iter().all(|cut| matches!(cut.fate, Fate::Lost)));
    }
}

#[test]
fn voters_may_share_a_position_and_what_occurs_twice_is_counted_once() {
    let poll = Poll::new(id(0), PollSpec::simple("Which?", ["x", "y"])).unwrap();
    let at = |position, record| Entry { position: Position::new(position, 0).unwrap(), record: Ok(record) };
    let vote = |position, voter: u8, bits| {
        let (voter, choices) = (VoterId::from_bytes([voter; 16]), Choices::from_bits(bits).unwrap());
        at(position, Record::Ballot(Ballot { poll: poll.id(), voter, choices }))
    };
    let mut ledger = MemoryLedger::default();
    let entries = [at(1, Record::Poll(Box::new(poll.clone()))), vote(2, 1, 1), vote(2, 2, 2), vote(2, 1, 1)];
    ledger.write(ledger.changes(&entries));
    assert_eq!(ledger.figures(&poll), VoteCounts { votes: vec![1, 1], voters: 2, ballots: 2 });

    // What was counted through stays so, and what comes before its predecessor is none of this log.
    ledger.write(ledger.changes(&[vote(2, 3, 1), vote(4, 3, 1), vote(3, 4, 1), vote(4, 5, 2)]));
    assert_eq!(ledger.figures(&poll), VoteCounts { votes: vec![2, 2], voters: 4, ballots: 4 });
}
