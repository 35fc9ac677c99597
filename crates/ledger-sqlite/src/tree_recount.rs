//! The recount of trees: builds each again from its ballots, and compares.

use domain::{Position, TermsInForce, TileNumber, TreeChecking, TreeFault, TreeRecount};
use rusqlite::Connection;

use crate::{
    store::{StoreError, StoredPoll, unsigned},
    tree_rows::{self, StoredTreeRow},
    trees,
};

/// Every round's tree of a poll's row, in its last generation.
pub(crate) fn of_poll(conn: &Connection, poll: &StoredPoll) -> Result<Vec<TreeRecount>, StoreError> {
    let rows = tree_rows::all(conn, poll)?;
    let mut recounts = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let is_replaced = rows[index + 1..].iter().any(|later| later.stored.id.round == row.stored.id.round);
        if is_replaced {
            continue;
        }
        if row.is_grown {
            recounts.push(of_tree(conn, poll, row)?);
        } else if row.stored.voters > 0 || has_tiles(conn, row.number)? {
            recounts.push(TreeRecount { tree: row.stored.id.clone(), faults: vec![TreeFault::Unbuilt] });
        }
    }
    recounts.extend(missing(conn, poll, &rows)?);
    Ok(recounts)
}

/// The trees of the present round, and of the first one with terms, must be there. Where no terms are noted, no trees
/// were built yet.
fn missing(conn: &Connection, poll: &StoredPoll, rows: &[StoredTreeRow]) -> Result<Option<TreeRecount>, StoreError> {
    let terms = tree_rows::terms(conn, poll.number)?;
    let (Some(place), Some(first)) = (trees::place(conn, poll.partition)?, terms.first()) else { return Ok(None) };
    let present = tree_rows::newest(conn, poll)?;
    let lacks_present = present.is_none_or(|row| row.stored.id.round != poll.round);
    let lacks_first = rows.first().is_none_or(|row| row.stored.since > first.after);
    let tree = place.tree(poll.poll.id(), poll.round);
    Ok((lacks_present || lacks_first).then(|| TreeRecount { tree, faults: vec![TreeFault::Missing] }))
}

fn of_tree(conn: &Connection, poll: &StoredPoll, row: &StoredTreeRow) -> Result<TreeRecount, StoreError> {
    let history = tree_rows::history(conn, poll, row)?;
    let mut checking = TreeChecking::begin(row.stored.id.clone(), &history);
    let through = tree_rows::through(conn, poll, row)?;
    tree_rows::each_ballot(conn, poll.number, row.stored.since, through, |ballot, _| {
        checking.add(&ballot);
        Ok(())
    })?;
    let closes = tree_rows::closes(conn, row.number)?;
    let mut expected = checking.expected();
    each_tile(conn, row.number, |place, last, bytes| expected.compare_tile(place, last, bytes))?;
    let mut recount = expected.compare(&row.stored, &closes);
    let is_present = through.is_none();
    if is_present && !notes_present_terms(&history.terms, poll) {
        recount.faults.push(TreeFault::Terms);
    }
    if let Some(version) = poll.poll.closed_in().filter(|_| is_present)
        && !closes.iter().any(|close| close.version == version)
    {
        recount.faults.push(TreeFault::Close(version));
    }
    Ok(recount)
}

fn has_tiles(conn: &Connection, tree: i64) -> Result<bool, StoreError> {
    Ok(conn.prepare_cached("SELECT 1 FROM tiles WHERE tree = ?1")?.exists([tree])?)
}

fn notes_present_terms(terms: &[TermsInForce], poll: &StoredPoll) -> bool {
    terms.last().is_some_and(|last| last.terms.digest() == poll.poll.terms().digest())
}

fn each_tile(
    conn: &Connection,
    tree: i64,
    mut take: impl FnMut(TileNumber, Option<Position>, &[u8]),
) -> Result<(), StoreError> {
    let mut select = conn.prepare_cached("SELECT level, place, last, digests FROM tiles WHERE tree = ?1")?;
    let mut rows = select.query([tree])?;
    while let Some(row) = rows.next()? {
        let place = TileNumber { level: row.get(0)?, index: unsigned(row, 1)? };
        let last: Option<i64> = row.get(2)?;
        let bytes: Vec<u8> = row.get(3)?;
        take(place, last.and_then(Position::from_i64), &bytes);
    }
    Ok(())
}
