//! How the trees of a batch's polls grow by what is counted.
//!
//! Pure, as the count is: a ledger looks up the trees, calls [`grow`], and writes what changed in the batch's
//! transaction.

use crate::{
    count::{Changes, CountedBallot},
    installation::InstallationId,
    partition::{Partition, Partitions},
    poll_id::PollId,
    position::Position,
    tree::{FullTile, GrowingTree, LeafBallot, TreeClose, TreeId},
    tree_step::{PollIndex, TreeStep},
};

/// Where new trees begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreePlace {
    /// The ledger's installation.
    pub installation: InstallationId,
    /// The partition that is counted.
    pub partition: Partition,
    /// How many there are.
    pub partitions: Partitions,
}

impl TreePlace {
    /// The tree of a poll's round here, in the first generation.
    pub fn tree(&self, poll: PollId, round: u32) -> TreeId {
        TreeId {
            installation: self.installation.clone(),
            poll,
            round,
            partition: self.partition.number(),
            partitions: self.partitions.count(),
            generation: 0,
        }
    }
}

/// What a batch changes of one tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeChange {
    /// Which poll of the batch.
    pub poll: PollIndex,
    /// The tree afterwards.
    pub tree: GrowingTree,
    /// Whether it began in this batch.
    pub is_new: bool,
    /// Tiles that it filled.
    pub full: Vec<FullTile>,
    /// Closes of its poll.
    pub closes: Vec<TreeClose>,
}

impl TreeChange {
    fn of(poll: PollIndex, tree: GrowingTree, is_new: bool) -> Self {
        Self { poll, tree, is_new, full: Vec::new(), closes: Vec::new() }
    }

    /// On how many levels, from the lowest, tiles changed that are not full.
    pub fn open_levels(&self) -> usize {
        let highest = self.full.iter().map(|full| usize::from(full.tile.level) + 1).max();
        highest.map_or(1, |level| level + 1)
    }
}

/// Grows the trees of a batch's polls by what `changes` says. `trees` has the tree of each poll's present round, by the
/// poll's index; none for those that are new. Returns every tree that changed; of one poll the earlier round first.
///
/// # Panics
/// If a poll with ballots has no tree.
pub fn grow(place: &TreePlace, polls: &[PollId], trees: &[Option<&GrowingTree>], changes: &Changes) -> Vec<TreeChange> {
    let (mut present, mut ended) = (vec![None; polls.len()], Vec::new());
    let mut steps: Vec<&TreeStep> = changes.tree_steps.iter().collect();
    sort_ballots_of_one_position(&mut steps, &changes.ballots);
    for step in steps {
        let poll = poll_of(step, &changes.ballots);
        let change = &mut present[poll.get()];
        if change.is_none() {
            *change = trees[poll.get()].map(|tree| TreeChange::of(poll, tree.clone(), false));
        }
        match step {
            TreeStep::Round { round, since, .. } => {
                let tree = place.tree(polls[poll.get()], *round);
                ended.extend(begin_round(change, poll, tree, *since));
            }
            TreeStep::Terms { terms, .. } => present_tree(change).tree.set_wording(terms.digest()),
            TreeStep::Ballot(index) => {
                let TreeChange { tree, full, .. } = present_tree(change);
                tree.add(&changes.ballots[*index].leaf(), full);
            }
            TreeStep::Closed { position, version, .. } => {
                let TreeChange { tree, full, closes, .. } = present_tree(change);
                closes.extend(tree.close(*position, *version, full));
            }
        }
    }
    ended.into_iter().chain(present.into_iter().flatten()).collect()
}

/// Begins a round's tree in place of the one before, which it ends and returns.
fn begin_round(
    present: &mut Option<TreeChange>,
    poll: PollIndex,
    mut id: TreeId,
    since: Position,
) -> Option<TreeChange> {
    let before = present.as_ref().map(|change| &change.tree);
    // A round that was there before, of a log that fell back, has another tree.
    if before.is_some_and(|before| before.id().round >= id.round) {
        id.generation = since.millis();
    }
    // Other terms come in the next step.
    let wording = before.map(GrowingTree::wording).unwrap_or_default();
    let mut ended = present.replace(TreeChange::of(poll, GrowingTree::begin(id, since, wording), true))?;
    ended.tree.end_block(&mut ended.full);
    Some(ended)
}

fn present_tree(change: &mut Option<TreeChange>) -> &mut TreeChange {
    change.as_mut().expect("a poll that is counted has a tree")
}

/// Logs of several partitions that were merged have ballots of different voters at one position, in any order.
fn sort_ballots_of_one_position(steps: &mut [&TreeStep], ballots: &[CountedBallot]) {
    let place = |step: &TreeStep| match step {
        TreeStep::Ballot(index) => Some((ballots[*index].position, ballots[*index].poll)),
        _ => None,
    };
    let is_one = |one: &&TreeStep, next: &&TreeStep| place(one).is_some() && place(one) == place(next);
    for run in steps.chunk_by_mut(is_one).filter(|run| run.len() > 1) {
        run.sort_by_key(|step| match step {
            TreeStep::Ballot(index) => Some(ballots[*index].voter),
            _ => None,
        });
    }
}

impl CountedBallot {
    /// The ballot as its leaf needs it.
    pub fn leaf(&self) -> LeafBallot {
        let Self { voter, position, choices, replaces, .. } = *self;
        LeafBallot { voter, position, choices, replaces }
    }
}

fn poll_of(step: &TreeStep, ballots: &[CountedBallot]) -> PollIndex {
    match step {
        TreeStep::Round { poll, .. } | TreeStep::Terms { poll, .. } | TreeStep::Closed { poll, .. } => *poll,
        TreeStep::Ballot(index) => ballots[*index].poll,
    }
}
