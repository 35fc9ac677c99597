//! The trees of the polls: grows them by what a batch counts, and builds them from the ballots where there is none.
//!
//! Everything runs inside the caller's transaction. A ledger that belongs to no installation grows no trees: they would
//! have no name.

use domain::{
    CarriedTree, Changes, GrowingTree, HeldTree, Partition, PollId, PollIndex, Position, RoundHistory, StoredTree,
    TermsInForce, TreeChange, TreeId, TreePlace, TreeRebuild, TreeStep, grow,
};
use rusqlite::Connection;

use crate::{
    installation,
    store::{self, StoreError, StoredPoll},
    tree_rows::{self, StoredTreeRow},
};

/// The present trees of a batch's polls, by their index.
pub(crate) struct PresentTrees {
    place: TreePlace,
    trees: Vec<Option<GrowingTree>>,
}

impl PresentTrees {
    /// Those of these polls; `None` if the ledger grows no trees.
    pub(crate) fn of(
        conn: &Connection,
        partition: Partition,
        polls: &[Option<StoredPoll>],
    ) -> Result<Option<Self>, StoreError> {
        let Some(place) = place(conn, partition)? else { return Ok(None) };
        let present = |poll: &Option<StoredPoll>| poll.as_ref().map(|poll| present(conn, &place, poll)).transpose();
        let trees = polls.iter().map(present).collect::<Result<_, _>>()?;
        Ok(Some(Self { place, trees }))
    }

    /// Grows them by what was counted, and writes them.
    pub(crate) fn grow(
        &self,
        conn: &Connection,
        polls: &[PollId],
        changes: &Changes,
        number: impl Fn(PollIndex) -> i64,
    ) -> Result<(), StoreError> {
        for step in &changes.tree_steps {
            if let TreeStep::Terms { poll, position, terms } = step {
                tree_rows::write_terms(conn, number(*poll), *position, terms)?;
            }
        }
        let trees: Vec<_> = self.trees.iter().map(Option::as_ref).collect();
        grow(&self.place, polls, &trees, changes).iter().try_for_each(|change| write(conn, number(change.poll), change))
    }
}

/// Builds the trees of a partition's present rounds that are not there yet.
pub(crate) fn build_missing(conn: &Connection, partition: Partition) -> Result<(), StoreError> {
    let Some(place) = place(conn, partition)? else { return Ok(()) };
    for poll in store::polls(conn, Some(partition))? {
        present(conn, &place, &poll)?;
    }
    Ok(())
}

/// Makes these trees of a partition again, of ballots that are all counted. Returns those that are not as they were.
pub(crate) fn restore(
    conn: &Connection,
    partition: Partition,
    trees: Vec<CarriedTree>,
) -> Result<Vec<TreeId>, StoreError> {
    let mut differing = Vec::new();
    for CarriedTree { tree, terms } in trees {
        let Some(poll) = store::poll(conn, partition, tree.id.poll)? else {
            differing.push(tree.id);
            continue;
        };
        if tree_rows::newest(conn, &poll)?.is_none() {
            let (id, since) = (tree.id.clone(), poll.since);
            let stored = StoredTree { id, since, last: since, size: 0, voters: 0, closed_in: None };
            let number = tree_rows::insert(conn, poll.number, &stored, false)?;
            terms.iter().try_for_each(|known| tree_rows::write_terms(conn, poll.number, known.after, &known.terms))?;
            tree.closes.iter().try_for_each(|close| tree_rows::write_close(conn, number, close))?;
            build(conn, &poll, &StoredTreeRow { number, stored, is_grown: false })?;
        }
        let number = tree_rows::number(conn, poll.number, &tree.id)?;
        if tree_rows::closes(conn, number)? != tree.closes {
            differing.push(tree.id);
        }
    }
    Ok(differing)
}

/// The present rounds' trees, with what is needed to make them again elsewhere.
pub(crate) fn carried(conn: &Connection) -> Result<Vec<CarriedTree>, StoreError> {
    let mut carried = Vec::new();
    for poll in store::polls(conn, None)? {
        let Some(row) = tree_rows::newest(conn, &poll)?.filter(|row| row.is_grown) else { continue };
        let (closes, terms) = (tree_rows::closes(conn, row.number)?, tree_rows::history(conn, &poll, &row)?.terms);
        let StoredTree { id, since, size, .. } = row.stored;
        carried.push(CarriedTree { tree: HeldTree { id, since, size, closes }, terms });
    }
    Ok(carried)
}

/// The trees of these polls' present rounds begin anew: what was lost may have been in them.
pub(crate) fn begin_anew(
    conn: &Connection,
    partition: Partition,
    generation: u64,
    touched: impl Fn(&StoredPoll) -> bool,
) -> Result<(), StoreError> {
    for poll in store::polls(conn, Some(partition))?.iter().filter(|poll| touched(poll)) {
        let Some(before) = tree_rows::newest(conn, poll)? else { continue };
        // Also where two losses are of one moment, or the clock went back.
        let generation = generation.max(before.stored.id.generation + 1);
        let stored = StoredTree {
            id: TreeId { generation, ..before.stored.id },
            last: before.stored.since,
            size: 0,
            voters: 0,
            ..before.stored
        };
        let number = tree_rows::insert(conn, poll.number, &stored, false)?;
        // The closes of before, which the new tree has too, at their positions.
        for close in tree_rows::closes(conn, before.number)? {
            tree_rows::write_close(conn, number, &close)?;
        }
    }
    Ok(())
}

/// Where new trees begin; `None` if the ledger belongs to no installation.
pub(crate) fn place(conn: &Connection, partition: Partition) -> Result<Option<TreePlace>, StoreError> {
    let identity = installation::identity(conn)?;
    Ok(identity.map(|identity| TreePlace {
        partitions: identity.partitions(),
        installation: identity.installation.id,
        partition,
    }))
}

/// The tree of a poll's present round; built if there is none.
fn present(conn: &Connection, place: &TreePlace, poll: &StoredPoll) -> Result<GrowingTree, StoreError> {
    match tree_rows::newest(conn, poll)? {
        Some(row) if row.is_grown => load(conn, poll, row),
        Some(row) => build(conn, poll, &row),
        None => {
            let id = place.tree(poll.poll.id(), poll.round);
            let since = poll.since;
            let stored = StoredTree { id, since, last: since, size: 0, voters: 0, closed_in: None };
            let number = tree_rows::insert(conn, poll.number, &stored, false)?;
            build(conn, poll, &StoredTreeRow { number, stored, is_grown: false })
        }
    }
}

fn load(conn: &Connection, poll: &StoredPoll, row: StoredTreeRow) -> Result<GrowingTree, StoreError> {
    let open = tree_rows::open_tiles(conn, row.number, row.stored.size)?;
    let tree = GrowingTree::load(row.stored, poll.poll.terms().digest(), open);
    tree.ok_or_else(|| StoreError::Data(format!("the tiles of the poll {} are not those of its tree", poll.poll.id())))
}

/// Builds the tree of a poll's present round from its ballots.
fn build(conn: &Connection, poll: &StoredPoll, row: &StoredTreeRow) -> Result<GrowingTree, StoreError> {
    let mut history = tree_rows::history(conn, poll, row)?;
    if history.terms.is_empty() {
        let terms = poll.poll.terms();
        tree_rows::write_terms(conn, poll.number, poll.since, &terms)?;
        history.terms.push(TermsInForce { after: poll.since, terms });
    }
    add_last_close(&mut history, poll, tree_rows::last_change(conn, poll)?);
    let mut rebuild = TreeRebuild::begin(row.stored.id.clone(), &history);
    tree_rows::each_ballot(conn, poll.number, row.stored.since, None, |ballot, _| {
        rebuild.add(&ballot);
        rebuild.take_full().iter().try_for_each(|full| tree_rows::write_full(conn, row.number, full))
    })?;
    let (tree, full, closes) = rebuild.end();
    full.iter().try_for_each(|full| tree_rows::write_full(conn, row.number, full))?;
    tree.open_tiles(tree.edge().levels()).iter().try_for_each(|tile| tree_rows::write_open(conn, row.number, tile))?;
    closes.iter().try_for_each(|close| tree_rows::write_close(conn, row.number, close))?;
    tree_rows::update(conn, row.number, &tree.stored())?;
    Ok(tree)
}

/// The close of a poll that no tree has noted, as in a ledger of an earlier release: all that is known is where the
/// poll last changed.
fn add_last_close(history: &mut RoundHistory, poll: &StoredPoll, last_change: Position) {
    let Some(version) = poll.poll.closed_in() else { return };
    if history.closes.iter().all(|(_, known)| *known != version) {
        history.closes.push((last_change, version));
    }
}

fn write(conn: &Connection, poll: i64, change: &TreeChange) -> Result<(), StoreError> {
    let stored = change.tree.stored();
    let number = if change.is_new {
        tree_rows::insert(conn, poll, &stored, true)?
    } else {
        tree_rows::number(conn, poll, &stored.id)?
    };
    change.full.iter().try_for_each(|full| tree_rows::write_full(conn, number, full))?;
    change
        .tree
        .open_tiles(change.open_levels())
        .iter()
        .try_for_each(|tile| tree_rows::write_open(conn, number, tile))?;
    change.closes.iter().try_for_each(|close| tree_rows::write_close(conn, number, close))?;
    tree_rows::update(conn, number, &stored)
}
