//! The recount of trees: builds each again from its ballots, and compares. In a snapshot of the caller.

use domain::{
    CarriedTree, HeldTree, Poll, Position, StoredTree, TermsInForce, TileNumber, TreeChecking, TreeFault, TreeId,
    TreePlace, TreeRecount,
};
use futures_util::TryStreamExt;
use tokio_postgres::Client;

use crate::{
    database_error::DatabaseError,
    installation, rows,
    tree_rows::{self, TREES_OF_POLL, TreeRow},
};

const POLLS: &str = "SELECT number, partition, round, since, poll::text AS poll FROM polls ORDER BY id, partition";
const HAS_TILES: &str = "SELECT EXISTS (SELECT 1 FROM tiles WHERE tree = $1::integer)";
const TILES: &str = "SELECT level, place, last, digests FROM tiles WHERE tree = $1::integer";

/// The present rounds' trees, with what is needed to make them again elsewhere.
pub(crate) async fn carried(client: &Client) -> Result<Vec<CarriedTree>, DatabaseError> {
    let mut carried = Vec::new();
    for row in client.query(POLLS, &[]).await? {
        let poll = poll_row(&row)?;
        let rows = client.query(TREES_OF_POLL, &[&poll.poll.id().as_str()]).await?;
        let rows = rows.iter().map(TreeRow::read).collect::<Result<Vec<_>, _>>()?;
        let is_present = |row: &TreeRow| row.poll == poll.number && row.is_grown && row.stored.since == poll.since;
        let Some(row) = rows.into_iter().filter(is_present).max_by_key(|row| row.number) else { continue };
        let (terms, closes) =
            (tree_rows::terms(client, poll.number).await?, tree_rows::closes(client, row.number).await?);
        let terms = TermsInForce::of_round(&terms, row.stored.since, row.through);
        let StoredTree { id, since, size, .. } = row.stored;
        carried.push(CarriedTree { tree: HeldTree { id, since, size, closes }, terms });
    }
    Ok(carried)
}

/// A row of a poll.
struct PollRow {
    number: i32,
    partition: domain::Partition,
    round: u32,
    since: Position,
    poll: Poll,
}

/// The newest generation of each round's tree, of all polls.
pub(crate) async fn in_snapshot(client: &Client) -> Result<Vec<TreeRecount>, DatabaseError> {
    let Some(identity) = installation::identity(client).await? else { return Ok(Vec::new()) };
    let partitions = identity.partitions();
    let mut recounts = Vec::new();
    for row in client.query(POLLS, &[]).await? {
        let poll = poll_row(&row)?;
        let place = TreePlace { installation: identity.installation.id.clone(), partition: poll.partition, partitions };
        of_poll(client, &poll, &place.tree(poll.poll.id(), poll.round), &mut recounts).await?;
    }
    Ok(recounts)
}

fn poll_row(row: &tokio_postgres::Row) -> Result<PollRow, DatabaseError> {
    Ok(PollRow {
        number: row.try_get("number")?,
        partition: rows::partition(row, "partition")?,
        round: rows::round(row, "round")?,
        since: rows::position(row, "since")?,
        poll: rows::poll(row, "poll")?,
    })
}

async fn of_poll(
    client: &Client,
    poll: &PollRow,
    present: &TreeId,
    recounts: &mut Vec<TreeRecount>,
) -> Result<(), DatabaseError> {
    let rows = client.query(TREES_OF_POLL, &[&poll.poll.id().as_str()]).await?;
    let rows = rows.iter().map(TreeRow::read).collect::<Result<Vec<_>, _>>()?;
    let rows: Vec<TreeRow> = rows.into_iter().filter(|row| row.poll == poll.number).collect();
    let terms = tree_rows::terms(client, poll.number).await?;
    for row in &rows {
        let newer = |other: &TreeRow| other.stored.id.round == row.stored.id.round && other.number > row.number;
        if rows.iter().any(newer) {
            continue;
        }
        if row.is_grown {
            recounts.push(of_tree(client, poll, row, &terms).await?);
        } else if row.stored.voters > 0 || has_tiles(client, row).await? {
            recounts.push(TreeRecount { tree: row.stored.id.clone(), faults: vec![TreeFault::Unbuilt] });
        }
    }
    // Where no terms are noted, no trees were built yet.
    let is_present = |row: &TreeRow| row.stored.since == poll.since && row.stored.id.round == poll.round;
    let first = terms.first().map(|first| first.after);
    let is_first = |row: &TreeRow| first.is_some_and(|first| row.stored.since <= first);
    if first.is_some() && !(rows.iter().any(is_present) && rows.iter().any(is_first)) {
        recounts.push(TreeRecount { tree: present.clone(), faults: vec![TreeFault::Missing] });
    }
    Ok(())
}

async fn has_tiles(client: &Client, tree: &TreeRow) -> Result<bool, DatabaseError> {
    Ok(client.query_one(HAS_TILES, &[&tree.number]).await?.try_get(0)?)
}

async fn of_tree(
    client: &Client,
    poll: &PollRow,
    row: &TreeRow,
    terms: &[TermsInForce],
) -> Result<TreeRecount, DatabaseError> {
    let closes = tree_rows::closes(client, row.number).await?;
    let history = row.history(terms, &closes);
    let mut checking = TreeChecking::begin(row.stored.id.clone(), &history);
    let mut ballots = std::pin::pin!(tree_rows::ballots(client, row).await?);
    while let Some((ballot, _)) = ballots.try_next().await? {
        checking.add(&ballot);
    }
    let mut expected = checking.expected();
    let mut tiles = std::pin::pin!(client.query_raw(TILES, [&row.number]).await?);
    while let Some(tile) = tiles.try_next().await? {
        let level = u8::try_from(tile.try_get::<_, i16>("level")?).unwrap_or(u8::MAX);
        let place = TileNumber { level, index: rows::amount(tile.try_get("place")?)? };
        let last: Option<i64> = tile.try_get("last")?;
        expected.compare_tile(place, last.map(rows::to_position).transpose()?, tile.try_get("digests")?);
    }
    let mut recount = expected.compare(&row.stored, &closes);
    if row.through.is_none() {
        recount.faults.extend(of_present(poll, row, &history.terms, &closes));
    }
    Ok(recount)
}

/// What must be so of the present round only.
fn of_present(poll: &PollRow, row: &TreeRow, terms: &[TermsInForce], closes: &[domain::TreeClose]) -> Vec<TreeFault> {
    let mut faults = Vec::new();
    if terms.last().is_none_or(|last| last.terms.digest() != poll.poll.terms().digest()) {
        faults.push(TreeFault::Terms);
    }
    if !row.is_current {
        faults.push(TreeFault::Size);
    }
    if let Some(version) = poll.poll.closed_in()
        && !closes.iter().any(|close| close.version == version)
    {
        faults.push(TreeFault::Close(version));
    }
    faults
}
