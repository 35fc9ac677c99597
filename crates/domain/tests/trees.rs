//! The trees of any log: the same for any batching, the same when they are built again from the ballots, and the roots
//! of an independent implementation.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::collections::HashMap;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use scrutin_domain::{
    Ballot, BallotMark, Batch, Choices, Digest, Entry, FullTile, GrowingTree, InstallationId, KnownPoll, LeafBallot,
    LeafOrder, Partition, Partitions, Poll, PollChange, PollId, PollSpec, Position, Previous, PublishedChoices, Record,
    RoundHistory, TermsInForce, TreeBallot, TreeClose, TreePlace, TreeRebuild, TreeStep, VoterId, Wording, count, grow,
};
use sha2::Sha256;

/// What a ledger would hold of the one poll.
#[derive(Default)]
struct Held {
    poll: Option<(Poll, u32, Position)>,
    newest: HashMap<VoterId, Previous>,
    position: Position,
    present: Option<GrowingTree>,
    /// Trees of earlier rounds.
    ended: Vec<GrowingTree>,
    tiles: HashMap<(u32, u8, u64), (Position, Vec<Digest>)>,
    closes: HashMap<u32, Vec<TreeClose>>,
    terms: Vec<TermsInForce>,
    rounds: Vec<(u32, Position)>,
    ballots: Vec<LeafBallot>,
}

fn place() -> TreePlace {
    let installation = InstallationId::new("7b1f");
    TreePlace { installation, partition: Partition::new(0), partitions: Partitions::ONE }
}

impl Held {
    fn apply(&mut self, entries: &[Entry]) {
        let batch = Batch::new(self.position, entries.iter().cloned());
        let stored = self.poll.as_ref().map(|(poll, round, since)| KnownPoll::new(poll, *round, *since));
        let known: Vec<_> = batch.polls.iter().map(|_| stored).collect();
        let previous: Vec<_> = batch.voters.iter().map(|(_, voter)| self.newest.get(voter).copied()).collect();
        let changes = count(&known, &previous, &batch);
        for step in &changes.tree_steps {
            match step {
                TreeStep::Terms { position, terms, .. } => {
                    self.terms.push(TermsInForce { after: *position, terms: (**terms).clone() });
                }
                TreeStep::Round { round, since, .. } => self.rounds.push((*round, *since)),
                _ => {}
            }
        }
        let trees: Vec<_> = batch.polls.iter().map(|_| self.present.as_ref()).collect();
        for change in grow(&place(), &batch.polls, &trees, &changes) {
            let round = change.tree.id().round;
            for FullTile { tile, last } in change.full {
                assert!(self.tiles.insert((round, tile.level, tile.index), (last, tile.digests)).is_none());
            }
            self.closes.entry(round).or_default().extend(change.closes);
            if let Some(before) = self.present.replace(change.tree).filter(|before| before.id().round < round) {
                self.ended.push(before);
            }
        }
        for update in &changes.polls {
            self.poll = Some(((*update.now).clone(), update.now.round(), update.since));
        }
        for ballot in &changes.ballots {
            self.newest.insert(ballot.voter, Previous { position: ballot.position, choices: ballot.choices });
            self.ballots.push(ballot.leaf());
        }
        self.position = changes.position;
    }

    /// Every round's tree, in order.
    fn trees(&self) -> Vec<&GrowingTree> {
        self.ended.iter().chain(&self.present).collect()
    }

    /// What `apply` leaves of a tree that begins in this batch and is not the poll's last.
    fn history(&self, round: u32) -> RoundHistory {
        let place = self.rounds.iter().position(|(known, _)| *known == round).unwrap();
        let since = self.rounds[place].1;
        let is_present = place + 1 == self.rounds.len();
        let closes = self.closes.get(&round).into_iter().flatten();
        RoundHistory {
            since,
            terms: self.terms.clone(),
            closes: closes.map(|close| (close.position, close.version)).collect(),
            has_ended: !is_present,
        }
    }

    fn ballots_of(&self, round: u32) -> impl Iterator<Item = &LeafBallot> {
        let place = self.rounds.iter().position(|(known, _)| *known == round).unwrap();
        let (since, through) = (self.rounds[place].1, self.rounds.get(place + 1).map(|(_, since)| *since));
        self.ballots
            .iter()
            .filter(move |ballot| ballot.position > since && through.is_none_or(|through| ballot.position <= through))
    }
}

/// What the organiser and the voters of a poll do.
#[derive(Clone, Debug)]
enum Act {
    Votes(Vec<(u8, u8)>),
    Close,
    Open,
    Reset,
    Correct(u8),
    List(bool),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => proptest::collection::vec((any::<u8>(), 0..3_u8), 1..200).prop_map(Act::Votes),
        2 => Just(Act::Close),
        2 => Just(Act::Open),
        1 => Just(Act::Reset),
        1 => (0..4_u8).prop_map(Act::Correct),
        1 => any::<bool>().prop_map(Act::List),
    ];
    proptest::collection::vec(act, 1..20)
}

/// The log that these acts make; ballots are only accepted while the poll is open.
fn log(acts: &[Act]) -> Vec<Entry> {
    let mut poll = Poll::new(PollId::MAIN, PollSpec::simple("Tea?", ["Yes", "No", "Later"])).unwrap();
    let mut entries = vec![entry(0, Record::Poll(Box::new(poll.clone())))];
    for act in acts {
        let change = match act {
            Act::Votes(votes) => {
                for &(voter, option) in votes.iter().filter(|_| poll.is_open()) {
                    let choices = Choices::from_bits(1 << option).unwrap();
                    let ballot = Ballot { poll: poll.id(), voter: VoterId::from_bytes([voter; 16]), choices };
                    entries.push(entry(entries.len(), Record::Ballot(ballot)));
                }
                continue;
            }
            Act::Close => PollChange::Close,
            Act::Open => PollChange::Open,
            Act::Reset => PollChange::Reset,
            Act::List(listed) => PollChange::List(*listed),
            Act::Correct(number) => {
                let options = ["Yes", "No", "Later"].map(|option| format!("{option} {number}")).to_vec();
                PollChange::Correct(Box::new(Wording { question: "Tea?".to_owned(), options, at_millis: 1 }))
            }
        };
        let next = poll.after(&change, 1).unwrap();
        if next != poll {
            poll = next;
            entries.push(entry(entries.len(), Record::Poll(Box::new(poll.clone()))));
        }
    }
    entries
}

fn entry(number: usize, record: Record) -> Entry {
    Entry { position: Position::new(1_000 + number as u64 / 3, number as u64).unwrap(), record: Ok(record) }
}

fn counted(entries: &[Entry], cuts: &[usize]) -> Held {
    let mut held = Held::default();
    let mut from = 0;
    for cut in cuts.iter().map(|cut| cut % (entries.len() + 1)).chain([entries.len()]) {
        if cut > from {
            held.apply(&entries[from..cut]);
            from = cut;
        }
    }
    held
}

/// A tree's leaves, in order, from its tiles.
fn leaves(held: &Held, tree: &GrowingTree) -> Vec<Digest> {
    let round = tree.id().round;
    let full = (0..).map_while(|index| held.tiles.get(&(round, 0, index))).flat_map(|(_, digests)| digests.clone());
    full.chain(tree.edge().open(0).iter().copied()).collect()
}

/// What the crate `ct-merkle` says of these leaves, which it hashes itself.
fn root_of_ct_merkle(leaves: &[Vec<u8>]) -> Vec<u8> {
    let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    for leaf in leaves {
        tree.push(leaf.clone());
    }
    tree.root().as_bytes().to_vec()
}

/// The ballots of a whole round as they are published.
fn published(held: &Held, tree: &GrowingTree) -> Vec<TreeBallot> {
    let ballots: Vec<&LeafBallot> = held.ballots_of(tree.id().round).collect();
    let replaced = |ballot: &LeafBallot| {
        ballots.iter().any(|other| other.voter == ballot.voter && other.replaces == Some(ballot.position))
    };
    let mut publishing = LeafOrder::begin(tree.id(), &held.history(tree.id().round));
    let mut published = Vec::new();
    for ballot in &ballots {
        published.append(&mut publishing.add(ballot, replaced(ballot)));
    }
    published.append(&mut publishing.end());
    published
}

/// What is hashed for the leaf of a published ballot, put together as whoever checks it does.
fn content(tree: &GrowingTree, ballot: &TreeBallot) -> Vec<u8> {
    let TreeBallot { mark, replaces, choices, wording } = *ballot;
    let choices = match choices {
        PublishedChoices::Open(choices, blind) => blind.hide(choices),
        PublishedChoices::Closed(choices) => choices,
    };
    let tree = tree.id().digest();
    [&tree.as_bytes()[..], wording.as_bytes(), mark.as_bytes(), replaces.as_bytes(), choices.as_bytes()].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_batching_grows_the_same_trees(acts in acts(), cuts in proptest::collection::vec(any::<usize>(), 0..12)) {
        let entries = log(&acts);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (entries.len() + 1)).collect();
        cuts.sort_unstable();
        let (one, other) = (counted(&entries, &[]), counted(&entries, &cuts));
        prop_assert_eq!(&one.tiles, &other.tiles);
        prop_assert_eq!(&one.closes, &other.closes);
        prop_assert_eq!(&one.terms, &other.terms);
        prop_assert_eq!(one.present, other.present);
    }

    #[test]
    fn trees_built_again_from_the_ballots_are_the_same(acts in acts()) {
        let held = counted(&log(&acts), &[]);
        let mut tiles = HashMap::new();
        for &(round, _) in &held.rounds {
            let history = held.history(round);
            let mut rebuild = TreeRebuild::begin(place().tree(PollId::MAIN, round), &history);
            held.ballots_of(round).for_each(|ballot| rebuild.add(ballot));
            let (tree, full, closes) = rebuild.end();
            tiles.extend(full.into_iter().map(|full| {
                ((round, full.tile.level, full.tile.index), (full.last, full.tile.digests))
            }));
            prop_assert_eq!(closes, held.closes.get(&round).cloned().unwrap_or_default());
            if let Some(present) = held.present.as_ref().filter(|present| present.id().round == round) {
                prop_assert_eq!(&tree.edge(), &present.edge());
                prop_assert_eq!(tree.ballots(), present.ballots());
            }
        }
        prop_assert_eq!(&tiles, &held.tiles);
    }

    #[test]
    fn published_ballots_have_the_roots_of_another_implementation(acts in acts()) {
        let held = counted(&log(&acts), &[]);
        for tree in held.trees() {
            let published = published(&held, tree);
            let contents: Vec<Vec<u8>> = published.iter().map(|ballot| content(tree, ballot)).collect();
            let hash = |content: &Vec<u8>| Digest::of(&[&[0], &content[..]].concat());
            let hashed: Vec<Digest> = contents.iter().map(hash).collect();
            let size = usize::try_from(tree.edge().size()).unwrap();
            prop_assert_eq!(&hashed[..size], &leaves(&held, tree)[..]);
            prop_assert_eq!(tree.edge().root().as_bytes().to_vec(), root_of_ct_merkle(&contents[..size]));
            for close in held.closes.get(&tree.id().round).into_iter().flatten() {
                let until = &contents[..usize::try_from(close.size).unwrap()];
                prop_assert_eq!(close.root.as_bytes().to_vec(), root_of_ct_merkle(until));
                let voters = published[..until.len()].iter().filter(|ballot| ballot.replaces == BallotMark::NONE);
                prop_assert_eq!(close.voters, voters.count() as u64);
            }
        }
    }
}
