//! Rows of the tables of trees. Everything runs inside the caller's transaction.

use domain::{
    BallotTerms, Digest, FullTile, InstallationId, LeafBallot, MAX_TILE_LEVELS, Position, RoundHistory, StoredTree,
    TermsInForce, Tile, TreeClose, TreeId, digests_on_level,
};
use rusqlite::{Connection, OptionalExtension, Result as SqlResult, Row, types::Type};

use crate::store::{StoreError, StoredPoll, choices, position, signed, unreadable, unsigned, voter};

/// A row of `trees`.
pub(crate) struct StoredTreeRow {
    /// Its number in the other tables.
    pub(crate) number: i64,
    /// The tree.
    pub(crate) stored: StoredTree,
    /// Whether its tiles are there; else they are to be built.
    pub(crate) is_grown: bool,
}

const SELECT_TREE: &str = "SELECT number, round, generation, installation, partitions, since, last, size, voters,
        grown, (SELECT max(version) FROM tree_closes WHERE tree = trees.number)
    FROM trees";

/// The newest tree of a poll's row: that of its present round, in its last generation.
pub(crate) fn newest(conn: &Connection, poll: &StoredPoll) -> Result<Option<StoredTreeRow>, StoreError> {
    let mut select = conn.prepare_cached(&format!("{SELECT_TREE} WHERE poll = ?1 ORDER BY number DESC LIMIT 1"))?;
    let newest = select.query_row([poll.number], |row| tree_row(row, poll)).optional()?;
    // A round that the poll has begun otherwise than by counting has no tree yet.
    Ok(newest.filter(|tree| tree.stored.since == poll.since))
}

/// All trees of a poll's row, in the order in which they began.
pub(crate) fn all(conn: &Connection, poll: &StoredPoll) -> Result<Vec<StoredTreeRow>, StoreError> {
    let mut select = conn.prepare_cached(&format!("{SELECT_TREE} WHERE poll = ?1 ORDER BY number"))?;
    let trees = select.query_map([poll.number], |row| tree_row(row, poll))?;
    Ok(trees.collect::<SqlResult<_>>()?)
}

fn tree_row(row: &Row<'_>, poll: &StoredPoll) -> SqlResult<StoredTreeRow> {
    let id = TreeId {
        installation: InstallationId::new(row.get::<_, String>(3)?),
        poll: poll.poll.id(),
        round: row.get(1)?,
        partition: poll.partition.number(),
        partitions: row.get(4)?,
        generation: unsigned(row, 2)?,
    };
    let stored = StoredTree {
        id,
        since: position(row, 5)?,
        last: position(row, 6)?,
        size: unsigned(row, 7)?,
        voters: unsigned(row, 8)?,
        closed_in: row.get::<_, Option<i64>>(10)?.map(i64::unsigned_abs),
    };
    Ok(StoredTreeRow { number: row.get(0)?, stored, is_grown: row.get(9)? })
}

/// The number of this tree of a poll's row.
pub(crate) fn number(conn: &Connection, poll: i64, tree: &TreeId) -> Result<i64, StoreError> {
    let mut select =
        conn.prepare_cached("SELECT number FROM trees WHERE poll = ?1 AND round = ?2 AND generation = ?3")?;
    Ok(select.query_row((poll, tree.round, signed(tree.generation)), |row| row.get(0))?)
}

/// Adds a tree; returns its number.
pub(crate) fn insert(conn: &Connection, poll: i64, tree: &StoredTree, is_grown: bool) -> Result<i64, StoreError> {
    let StoredTree { id, since, last, size, voters, .. } = tree;
    let mut insert = conn.prepare_cached(
        "INSERT INTO trees (poll, round, generation, installation, partitions, since, last, size, voters, grown)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) RETURNING number",
    )?;
    let row = rusqlite::params![
        poll,
        id.round,
        signed(id.generation),
        id.installation.as_str(),
        id.partitions,
        since.as_i64(),
        last.as_i64(),
        signed(*size),
        signed(*voters),
        is_grown
    ];
    Ok(insert.query_row(row, |row| row.get(0))?)
}

/// Notes how far a tree has grown.
pub(crate) fn update(conn: &Connection, number: i64, tree: &StoredTree) -> Result<(), StoreError> {
    let mut update =
        conn.prepare_cached("UPDATE trees SET last = ?2, size = ?3, voters = ?4, grown = 1 WHERE number = ?1")?;
    update.execute((number, tree.last.as_i64(), signed(tree.size), signed(tree.voters)))?;
    Ok(())
}

/// Writes a tile that is full.
pub(crate) fn write_full(conn: &Connection, tree: i64, full: &FullTile) -> Result<(), StoreError> {
    write_tile(conn, tree, &full.tile, Some(full.last))
}

/// Writes a tile that is not full.
pub(crate) fn write_open(conn: &Connection, tree: i64, tile: &Tile) -> Result<(), StoreError> {
    write_tile(conn, tree, tile, None)
}

fn write_tile(conn: &Connection, tree: i64, tile: &Tile, last: Option<Position>) -> Result<(), StoreError> {
    let mut upsert = conn.prepare_cached(
        "INSERT INTO tiles (tree, level, place, last, digests) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (tree, level, place) DO UPDATE SET last = excluded.last, digests = excluded.digests",
    )?;
    let last = last.map(Position::as_i64);
    upsert.execute((tree, tile.level, signed(tile.index), last, Digest::join(&tile.digests)))?;
    Ok(())
}

/// Writes what a tree was at a close.
pub(crate) fn write_close(conn: &Connection, tree: i64, close: &TreeClose) -> Result<(), StoreError> {
    let mut upsert = conn.prepare_cached(
        "INSERT INTO tree_closes (tree, version, position, size, root, voters) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (tree, version) DO UPDATE SET position = excluded.position, size = excluded.size,
             root = excluded.root, voters = excluded.voters",
    )?;
    let TreeClose { version, position, size, root, voters } = close;
    upsert.execute((tree, signed(*version), position.as_i64(), signed(*size), root.as_bytes(), signed(*voters)))?;
    Ok(())
}

/// Notes from which position on ballots are cast for these terms.
pub(crate) fn write_terms(
    conn: &Connection,
    poll: i64,
    after: Position,
    terms: &BallotTerms,
) -> Result<(), StoreError> {
    let json = serde_json::to_string(terms).map_err(|error| StoreError::Data(error.to_string()))?;
    let mut upsert = conn.prepare_cached(
        "INSERT INTO terms (poll, after, terms) VALUES (?1, ?2, ?3)
         ON CONFLICT (poll, after) DO UPDATE SET terms = excluded.terms",
    )?;
    upsert.execute((poll, after.as_i64(), json))?;
    Ok(())
}

/// All terms of a poll's row, in order.
pub(crate) fn terms(conn: &Connection, poll: i64) -> Result<Vec<TermsInForce>, StoreError> {
    let mut select = conn.prepare_cached("SELECT after, terms FROM terms WHERE poll = ?1 ORDER BY after")?;
    let terms = select.query_map([poll], |row| {
        let json: String = row.get(1)?;
        let terms = serde_json::from_str(&json).map_err(|error| unreadable(1, Type::Text, error))?;
        Ok(TermsInForce { after: position(row, 0)?, terms })
    })?;
    Ok(terms.collect::<SqlResult<_>>()?)
}

/// What a tree was at the closes of its poll, by version.
pub(crate) fn closes(conn: &Connection, tree: i64) -> Result<Vec<TreeClose>, StoreError> {
    let mut select = conn.prepare_cached(
        "SELECT version, position, size, root, voters FROM tree_closes WHERE tree = ?1 ORDER BY version",
    )?;
    let closes = select.query_map([tree], |row| {
        Ok(TreeClose {
            version: unsigned(row, 0)?,
            position: position(row, 1)?,
            size: unsigned(row, 2)?,
            root: Digest::from_bytes(row.get(3)?),
            voters: unsigned(row, 4)?,
        })
    })?;
    Ok(closes.collect::<SqlResult<_>>()?)
}

/// Where the poll's next round began, if there was one after this tree's.
pub(crate) fn through(
    conn: &Connection,
    poll: &StoredPoll,
    tree: &StoredTreeRow,
) -> Result<Option<Position>, StoreError> {
    let mut select = conn.prepare_cached("SELECT min(since) FROM trees WHERE poll = ?1 AND since > ?2")?;
    let next: Option<i64> = select.query_row((poll.number, tree.stored.since.as_i64()), |row| row.get(0))?;
    let next = next.and_then(Position::from_i64);
    Ok(next.or_else(|| Some(poll.since).filter(|since| *since > tree.stored.since)))
}

/// What a tree's round was besides its ballots, as far as it was noted.
pub(crate) fn history(conn: &Connection, poll: &StoredPoll, tree: &StoredTreeRow) -> Result<RoundHistory, StoreError> {
    let (since, through) = (tree.stored.since, through(conn, poll, tree)?);
    let closes = closes(conn, tree.number)?;
    Ok(RoundHistory {
        since,
        terms: TermsInForce::of_round(&terms(conn, poll.number)?, since, through),
        closes: closes.iter().map(|close| (close.position, close.version)).collect(),
        has_ended: through.is_some(),
    })
}

/// Where the poll last changed.
pub(crate) fn last_change(conn: &Connection, poll: &StoredPoll) -> Result<Position, StoreError> {
    Ok(conn.query_row("SELECT position FROM polls WHERE number = ?1", [poll.number], |row| position(row, 0))?)
}

/// A tile's digests; `None` if it is not there.
pub(crate) fn tile(conn: &Connection, tree: i64, level: u8, place: u64) -> Result<Option<Vec<Digest>>, StoreError> {
    let mut select = conn.prepare_cached("SELECT digests FROM tiles WHERE tree = ?1 AND level = ?2 AND place = ?3")?;
    let digests: Option<Vec<u8>> = select.query_row((tree, level, signed(place)), |row| row.get(0)).optional()?;
    let read = |bytes: Vec<u8>| Digest::list(&bytes).ok_or_else(|| StoreError::Data("a tile".to_owned()));
    digests.map(read).transpose()
}

/// The last tiles of a tree of this size that are not full, by level; on the lowest also the leaves of the block that
/// has not ended.
pub(crate) fn open_tiles(conn: &Connection, tree: i64, size: u64) -> Result<Vec<Vec<Digest>>, StoreError> {
    let mut open = Vec::new();
    for level in 0..MAX_TILE_LEVELS {
        if level > 0 && digests_on_level(size, level) == 0 {
            break;
        }
        let digests = tile(conn, tree, level, digests_on_level(size, level + 1))?;
        open.push(digests.unwrap_or_default());
    }
    Ok(open)
}

/// Passes the ballots of a poll's row after `since` and up to `through` to `take`, in the order of their positions, and
/// whether each was replaced. SQLite sorts many rows in a temporary file.
pub(crate) fn each_ballot(
    conn: &Connection,
    poll: i64,
    since: Position,
    through: Option<Position>,
    mut take: impl FnMut(LeafBallot, bool) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut select = conn.prepare_cached(
        "SELECT voter, position, choices,
             lag(position) OVER of_voter, lead(position) OVER of_voter IS NOT NULL
         FROM ballots WHERE poll = ?1 AND position > ?2 AND position <= ?3
         WINDOW of_voter AS (PARTITION BY voter ORDER BY position)
         ORDER BY position, voter",
    )?;
    let through = through.map_or(i64::MAX, Position::as_i64);
    let mut rows = select.query((poll, since.as_i64(), through))?;
    while let Some(row) = rows.next()? {
        let replaces: Option<i64> = row.get(3)?;
        let replaces = replaces.and_then(Position::from_i64);
        let ballot =
            LeafBallot { voter: voter(row, 0)?, position: position(row, 1)?, choices: choices(row, 2)?, replaces };
        take(ballot, row.get(4)?)?;
    }
    Ok(())
}

/// The ballot of this voter at this position, with the one that it replaces in the round that began at `since`.
pub(crate) fn ballot(
    conn: &Connection,
    poll: &StoredPoll,
    since: Position,
    of: domain::VoterId,
    at: Position,
) -> Result<Option<LeafBallot>, StoreError> {
    let mut select =
        conn.prepare_cached("SELECT choices FROM ballots WHERE poll = ?1 AND voter = ?2 AND position = ?3")?;
    let found = select.query_row((poll.number, of.as_bytes(), at.as_i64()), |row| choices(row, 0)).optional()?;
    let Some(choices) = found else { return Ok(None) };
    let mut select = conn.prepare_cached(
        "SELECT max(position) FROM ballots WHERE poll = ?1 AND voter = ?2 AND position < ?3 AND position > ?4",
    )?;
    let replaces: Option<i64> =
        select.query_row((poll.number, of.as_bytes(), at.as_i64(), since.as_i64()), |row| row.get(0))?;
    Ok(Some(LeafBallot { voter: of, position: at, choices, replaces: replaces.and_then(Position::from_i64) }))
}

/// The full tile of leaves that holds the ballot at this position, and the tiles behind it that may: their places.
pub(crate) fn tiles_at(conn: &Connection, tree: i64, at: Position) -> Result<Vec<u64>, StoreError> {
    let mut select = conn.prepare_cached(
        "SELECT place, last FROM tiles WHERE tree = ?1 AND level = 0 AND last >= ?2 ORDER BY last, place LIMIT 2",
    )?;
    let tiles = select.query_map((tree, at.as_i64()), |row| unsigned(row, 0))?;
    Ok(tiles.collect::<SqlResult<_>>()?)
}
