//! What a leader knows of the trees of its polls, and how a batch grows them. Nothing here asks the database.

use std::collections::HashMap;

use domain::{
    BallotTerms, Changes, GrowingTree, PollId, PollIndex, Position, Tile, TreeChange, TreePlace, TreeStep, grow,
};

/// A tile, and of a full one the last ballot.
pub(crate) type PlacedTile = (Tile, Option<Position>);

/// What a leader knows of trees without asking.
#[derive(Default)]
pub(crate) struct LeaderTrees {
    /// Where new trees begin; none as long as the ledger belongs to no installation.
    pub(crate) place: Option<TreePlace>,
    /// By poll: the tree of its present round.
    pub(crate) known: HashMap<PollId, GrowingTree>,
}

/// What a batch makes of the trees.
pub(crate) struct Growth {
    pub(crate) changes: Vec<TreeChange>,
    /// New terms: the poll, from where on, and the JSON.
    pub(crate) terms: Vec<(PollIndex, Position, String)>,
}

impl LeaderTrees {
    /// Grows the trees of a batch. Pure arithmetic: some microseconds for each ballot.
    pub(crate) fn grow(&self, polls: &[PollId], changes: &Changes) -> Option<Growth> {
        let place = self.place.as_ref()?;
        let trees: Vec<_> = polls.iter().map(|poll| self.known.get(poll)).collect();
        let terms = changes.tree_steps.iter().filter_map(|step| match step {
            TreeStep::Terms { poll, position, terms } => Some((*poll, *position, terms_json(terms))),
            _ => None,
        });
        Some(Growth { terms: terms.collect(), changes: grow(place, polls, &trees, changes) })
    }

    /// Takes over what was committed.
    pub(crate) fn remember(&mut self, growth: Option<Growth>) {
        for change in growth.into_iter().flat_map(|growth| growth.changes) {
            self.known.insert(change.tree.id().poll, change.tree);
        }
    }

    /// Forgets all trees: others may have been written.
    pub(crate) fn forget(&mut self) {
        self.known.clear();
    }
}

/// Terms as the ledger stores them.
pub(crate) fn terms_json(terms: &BallotTerms) -> String {
    serde_json::to_string(terms).expect("terms are plain text and numbers")
}
