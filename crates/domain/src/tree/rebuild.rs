//! A tree once more from what a ledger holds: for a recount, for a ledger of an earlier release, after a loss, and to
//! publish its ballots.

use std::collections::VecDeque;

use super::{
    digest::Digest,
    edge::TILE_DIGESTS,
    growing::{FullTile, GrowingTree, LeafBallot, TreeClose},
    leaf::{BallotMark, BallotTerms, Blind, LeafContent, TreeId, mark_and_blind},
};
use crate::{choices::Choices, position::Position};

/// Terms of a poll's ballots, and from which position on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermsInForce {
    /// Ballots after this position were cast for them.
    pub after: Position,
    /// The terms.
    pub terms: BallotTerms,
}

impl TermsInForce {
    /// Of all terms of a poll, in order, those of the ballots after one position and up to another.
    pub fn of_round(all: &[Self], since: Position, through: Option<Position>) -> Vec<Self> {
        let from = all.iter().rposition(|known| known.after <= since).unwrap_or(0);
        let in_round = all[from..].iter().filter(|known| through.is_none_or(|through| known.after < through));
        in_round.cloned().collect()
    }
}

/// What a round was besides its ballots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundHistory {
    /// Its ballots come after this position.
    pub since: Position,
    /// The terms of its ballots, in order; those in force when the round began may come first.
    pub terms: Vec<TermsInForce>,
    /// Where the poll was closed, and by which version, in order.
    pub closes: Vec<(Position, u64)>,
    /// Whether a later round has begun.
    pub has_ended: bool,
}

/// What comes next in a round: an event of its history, before ballots after the position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HistoryStep {
    Terms(Digest),
    Close(u64),
}

/// The history as it is met on the way through the ballots.
struct HistorySteps(VecDeque<(Position, HistoryStep)>);

impl HistorySteps {
    fn of(history: &RoundHistory) -> Self {
        let terms = history.terms.iter().map(|known| (known.after, HistoryStep::Terms(known.terms.digest())));
        let closes = history.closes.iter().map(|(position, version)| (*position, HistoryStep::Close(*version)));
        let mut steps: Vec<_> = terms.chain(closes).collect();
        steps.sort_by_key(|(position, _)| *position);
        Self(steps.into())
    }

    fn before(&mut self, position: Position) -> Option<(Position, HistoryStep)> {
        self.0.pop_front_if(|(at, _)| *at < position)
    }
}

/// Rebuilds a tree from its ballots, which come in the order of their positions, and of voters at one position.
pub struct TreeRebuild {
    tree: GrowingTree,
    steps: HistorySteps,
    has_ended: bool,
    full: Vec<FullTile>,
    closes: Vec<TreeClose>,
}

impl TreeRebuild {
    /// Begins with no ballots.
    pub fn begin(id: TreeId, history: &RoundHistory) -> Self {
        let tree = GrowingTree::begin(id, history.since, Digest::default());
        let steps = HistorySteps::of(history);
        Self { tree, steps, has_ended: history.has_ended, full: Vec::new(), closes: Vec::new() }
    }

    /// Adds the next ballot.
    pub fn add(&mut self, ballot: &LeafBallot) {
        while let Some((position, step)) = self.steps.before(ballot.position) {
            self.take(position, step);
        }
        self.tree.add(ballot, &mut self.full);
    }

    /// The tiles that were filled since the last call.
    pub fn take_full(&mut self) -> Vec<FullTile> {
        std::mem::take(&mut self.full)
    }

    /// The tree after all ballots, the tiles that were filled last, and what it was at each close.
    pub fn end(mut self) -> (GrowingTree, Vec<FullTile>, Vec<TreeClose>) {
        while let Some((position, step)) = self.steps.0.pop_front() {
            self.take(position, step);
        }
        if self.has_ended {
            self.tree.end_block(&mut self.full);
        }
        (self.tree, self.full, self.closes)
    }

    fn take(&mut self, position: Position, step: HistoryStep) {
        match step {
            HistoryStep::Terms(wording) => self.tree.set_wording(wording),
            HistoryStep::Close(version) => {
                self.closes.extend(self.tree.close(position, version, &mut self.full));
            }
        }
    }
}

/// A ballot of a tree as it is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeBallot {
    /// Names it.
    pub mark: BallotMark,
    /// Names the ballot that it replaces; [`BallotMark::NONE`] if it is the voter's first.
    pub replaces: BallotMark,
    /// What is told of its choices.
    pub choices: PublishedChoices,
    /// The digest of the terms for which it was cast.
    pub wording: Digest,
}

/// What is told of a published ballot's choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishedChoices {
    /// It counts: what it chose, and what opens its leaf.
    Open(Choices, Blind),
    /// It was replaced, and stays closed: the choices under their blind.
    Closed(Digest),
}

/// Puts a tree's ballots in the order of its leaves, to publish them. They come as for a [`TreeRebuild`].
pub struct LeafOrder {
    digest: Digest,
    steps: HistorySteps,
    wording: Digest,
    /// Of the block that has not ended.
    block: Vec<(Digest, TreeBallot)>,
    taken: u64,
}

impl LeafOrder {
    /// Begins with no ballots.
    pub fn begin(id: &TreeId, history: &RoundHistory) -> Self {
        let steps = HistorySteps::of(history);
        Self { digest: id.digest(), steps, wording: Digest::default(), block: Vec::new(), taken: 0 }
    }

    /// Adds the next ballot. Returns the blocks that ended before it and with it, in the order of their leaves.
    pub fn add(&mut self, ballot: &LeafBallot, is_replaced: bool) -> Vec<TreeBallot> {
        let mut ended = Vec::new();
        while let Some((_, step)) = self.steps.before(ballot.position) {
            match step {
                HistoryStep::Terms(wording) => self.wording = wording,
                HistoryStep::Close(_) => ended.append(&mut self.end_block()),
            }
        }
        let content = ballot.content(&self.digest, &self.wording);
        let choices = if is_replaced {
            PublishedChoices::Closed(content.choices)
        } else {
            PublishedChoices::Open(ballot.choices, self.blind(ballot))
        };
        let LeafContent { mark, replaces, wording, .. } = content;
        self.block.push((content.digest(), TreeBallot { mark, replaces, choices, wording }));
        self.taken += 1;
        if self.taken.is_multiple_of(TILE_DIGESTS as u64) {
            ended.append(&mut self.end_block());
        }
        ended
    }

    /// The last block.
    pub fn end(mut self) -> Vec<TreeBallot> {
        self.end_block()
    }

    fn blind(&self, ballot: &LeafBallot) -> Blind {
        mark_and_blind(&self.digest, ballot.voter, ballot.position).1
    }

    fn end_block(&mut self) -> Vec<TreeBallot> {
        let mut block = std::mem::take(&mut self.block);
        block.sort_unstable_by_key(|(leaf, _)| *leaf);
        block.into_iter().map(|(_, ballot)| ballot).collect()
    }
}
