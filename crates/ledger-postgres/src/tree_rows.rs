//! Rows of the tables of trees, as values.

use domain::{
    Digest, InstallationId, LeafBallot, Position, RoundHistory, StoredTree, TermsInForce, TileNumber, TreeClose,
    TreeId, VoterId, digests_on_level,
};
use futures_util::{Stream, StreamExt};
use tokio_postgres::{Client, Row, types::ToSql};
use uuid::Uuid;

use crate::{database_error::DatabaseError, rows};

/// The columns that [`TreeRow::read`] reads, of `trees` and their `polls`.
macro_rules! tree_columns {
    () => {
        "trees.number, trees.poll, polls.id, polls.partition, trees.round, trees.generation, trees.installation,
        trees.partitions, trees.since, trees.last, trees.size, trees.voters,
        trees.counted IS NOT NULL AS is_grown,
        trees.counted IS NOT DISTINCT FROM coalesce(turnout.counted, 0) AS is_current,
        (SELECT max(version) FROM tree_closes WHERE tree_closes.tree = trees.number) AS closed_in,
        (SELECT min(next.since) FROM trees AS next WHERE next.poll = trees.poll AND next.since > trees.since) AS through
        "
    };
}
pub(crate) use tree_columns;

pub(crate) const TREES_OF_POLL: &str = concat!(
    "SELECT ",
    tree_columns!(),
    "FROM polls JOIN trees ON trees.poll = polls.number LEFT JOIN turnout ON turnout.poll = polls.number
    WHERE polls.id = $1::text ORDER BY trees.round, polls.partition, trees.generation"
);
pub(crate) const CLOSES: &str = "
    SELECT version, position, size, root, voters FROM tree_closes WHERE tree = $1::integer ORDER BY version";
pub(crate) const TERMS: &str = "SELECT after, terms::text AS terms FROM terms WHERE poll = $1::integer ORDER BY after";
pub(crate) const TILE: &str = "
    SELECT digests FROM tiles WHERE tree = $1::integer AND level = $2::smallint AND place = $3::bigint";
/// Ballots in the order of the log, which is not that of the key; the server sorts in files where they are many.
pub(crate) const BALLOTS_IN_ORDER: &str = "
    SELECT voter, position, choices, lag(position) OVER of_voter AS replaces,
        lead(position) OVER of_voter IS NOT NULL AS is_replaced
    FROM ballots WHERE poll = $1::integer AND position > $2::bigint AND position <= $3::bigint
    WINDOW of_voter AS (PARTITION BY voter ORDER BY position)
    ORDER BY position, voter";

/// A row of `trees`.
#[derive(Clone)]
pub(crate) struct TreeRow {
    /// Its number in the other tables.
    pub(crate) number: i32,
    /// The number of its poll's row.
    pub(crate) poll: i32,
    /// The tree.
    pub(crate) stored: StoredTree,
    /// Whether its tiles are there; else they are to be built.
    pub(crate) is_grown: bool,
    /// Whether everything that is counted of the poll's present round is in it.
    pub(crate) is_current: bool,
    /// Where the poll's next round began.
    pub(crate) through: Option<Position>,
}

impl TreeRow {
    pub(crate) fn read(row: &Row) -> Result<Self, DatabaseError> {
        let id = TreeId {
            installation: InstallationId::new(row.try_get::<_, String>("installation")?),
            poll: rows::poll_id(row, "id")?,
            round: rows::round(row, "round")?,
            partition: rows::partition(row, "partition")?.number(),
            partitions: rows::partitions(row, "partitions")?.count(),
            generation: rows::amount(row.try_get("generation")?)?,
        };
        let stored = StoredTree {
            id,
            since: rows::position(row, "since")?,
            last: rows::position(row, "last")?,
            size: rows::amount(row.try_get("size")?)?,
            voters: rows::amount(row.try_get("voters")?)?,
            closed_in: row.try_get::<_, Option<i64>>("closed_in")?.map(rows::amount).transpose()?,
        };
        Ok(Self {
            number: row.try_get("number")?,
            poll: row.try_get("poll")?,
            stored,
            is_grown: row.try_get("is_grown")?,
            is_current: row.try_get("is_current")?,
            through: row.try_get::<_, Option<i64>>("through")?.map(rows::to_position).transpose()?,
        })
    }

    /// The last position that may be of this tree's round.
    pub(crate) fn last_position(&self) -> i64 {
        self.through.map_or(i64::MAX, Position::as_i64)
    }

    /// What the round was besides its ballots, as far as it was noted.
    pub(crate) fn history(&self, terms: &[TermsInForce], closes: &[TreeClose]) -> RoundHistory {
        let (since, through) = (self.stored.since, self.through);
        RoundHistory {
            since,
            terms: TermsInForce::of_round(terms, since, through),
            closes: closes.iter().map(|close| (close.position, close.version)).collect(),
            has_ended: through.is_some(),
        }
    }
}

/// What a tree was at a close.
pub(crate) fn close(row: &Row) -> Result<TreeClose, DatabaseError> {
    Ok(TreeClose {
        version: rows::amount(row.try_get("version")?)?,
        position: rows::position(row, "position")?,
        size: rows::amount(row.try_get("size")?)?,
        root: digest(row.try_get("root")?)?,
        voters: rows::amount(row.try_get("voters")?)?,
    })
}

/// Terms of ballots.
pub(crate) fn terms_in_force(row: &Row) -> Result<TermsInForce, DatabaseError> {
    let terms = serde_json::from_str(row.try_get("terms")?);
    let terms = terms.map_err(|_| DatabaseError::Unreadable("the terms of ballots"))?;
    Ok(TermsInForce { after: rows::position(row, "after")?, terms })
}

/// A ballot, from the columns that [`BALLOTS_IN_ORDER`] selects, and whether it was replaced.
pub(crate) fn leaf_ballot(row: &Row) -> Result<(LeafBallot, bool), DatabaseError> {
    let ballot = LeafBallot {
        voter: VoterId::from_bytes(row.try_get::<_, Uuid>("voter")?.into_bytes()),
        position: rows::position(row, "position")?,
        choices: rows::choices(row.try_get("choices")?)?,
        replaces: row.try_get::<_, Option<i64>>("replaces")?.map(rows::to_position).transpose()?,
    };
    Ok((ballot, row.try_get("is_replaced")?))
}

fn digest(bytes: &[u8]) -> Result<Digest, DatabaseError> {
    bytes.try_into().map(Digest::from_bytes).map_err(|_| DatabaseError::Unreadable("a root"))
}

/// The digests of a tile.
pub(crate) fn digests(bytes: &[u8]) -> Result<Vec<Digest>, DatabaseError> {
    Digest::list(bytes).ok_or(DatabaseError::Unreadable("a tile"))
}

/// What a tree was at the closes of its poll.
pub(crate) async fn closes(client: &Client, tree: i32) -> Result<Vec<TreeClose>, DatabaseError> {
    client.query(CLOSES, &[&tree]).await?.iter().map(close).collect()
}

/// All terms of a poll's row.
pub(crate) async fn terms(client: &Client, poll: i32) -> Result<Vec<TermsInForce>, DatabaseError> {
    client.query(TERMS, &[&poll]).await?.iter().map(terms_in_force).collect()
}

/// The ballots of a tree's round, in order, each with whether it was replaced.
pub(crate) async fn ballots(
    client: &Client,
    tree: &TreeRow,
) -> Result<impl Stream<Item = Result<(LeafBallot, bool), DatabaseError>> + use<>, DatabaseError> {
    let (since, through) = (tree.stored.since.as_i64(), tree.last_position());
    let parameters: [&(dyn ToSql + Sync); 3] = [&tree.poll, &since, &through];
    let rows = client.query_raw(BALLOTS_IN_ORDER, parameters).await?;
    Ok(rows.map(|row| leaf_ballot(&row?)))
}

/// Where the last tiles of trees of this size are, of which each level has at most one that is not full.
pub(crate) fn last_tiles(size: u64) -> impl Iterator<Item = TileNumber> {
    let is_there = move |level: &u8| *level == 0 || digests_on_level(size, *level) > 0;
    let place = move |level| TileNumber { level, index: digests_on_level(size, level + 1) };
    (0..domain::MAX_TILE_LEVELS).take_while(is_there).map(place)
}

/// A number of a tile's level, place or count, as the tables have it.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
