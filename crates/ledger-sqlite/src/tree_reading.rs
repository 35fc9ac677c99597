//! The scoreboard's side of trees: what anyone may read of them, and the leaf of a receipt.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{
    Digest, HeldLeaf, HeldTree, InstallationId, LeafOrder, LeafPlace, Partition, PollId, PublishedBallots, Receipt,
    TILE_DIGESTS, TermsInForce, TileNumber, TreeBallot, TreeEdge, TreeKey, TreeReader, Unavailable, digests_in_tile,
    path_from_tiles, tiles_of_path,
};
use futures_util::stream;
use rusqlite::Connection;
use tokio::sync::mpsc;

use crate::{
    installation,
    scoreboard::{READ_WITHIN, SqliteScoreboard},
    store::{self, StoreError, StoredPoll},
    tree_rows::{self, StoredTreeRow},
};

/// The longest time for publishing the ballots of a tree.
const PUBLISH_WITHIN: Duration = Duration::from_hours(1);
/// How many blocks of ballots wait for their reader.
const BLOCKS_AHEAD: usize = 4;

#[async_trait]
impl TreeReader for SqliteScoreboard {
    async fn installation(&self) -> Result<Option<InstallationId>, Unavailable> {
        self.readers.read("reading the ledger's installation", READ_WITHIN, installation::id).await
    }

    async fn trees(&self, poll: PollId) -> Result<Vec<HeldTree>, Unavailable> {
        self.readers.read("reading trees", READ_WITHIN, move |conn| trees(conn, poll)).await
    }

    async fn tile(&self, tree: TreeKey, tile: TileNumber) -> Result<Option<Vec<Digest>>, Unavailable> {
        let read = move |conn: &Connection| {
            let Some((_, row)) = find(conn, tree)? else { return Ok(None) };
            whole_tile(conn, &row, tile)
        };
        self.readers.read("reading a tile", READ_WITHIN, read).await
    }

    async fn edge(&self, tree: TreeKey) -> Result<Option<TreeEdge>, Unavailable> {
        let read = move |conn: &Connection| {
            let Some((_, row)) = find(conn, tree)? else { return Ok(None) };
            edge(conn, &row).map(Some)
        };
        self.readers.read("reading a tree", READ_WITHIN, read).await
    }

    async fn leaf(
        &self,
        partition: Partition,
        poll: PollId,
        receipt: &Receipt,
    ) -> Result<Option<HeldLeaf>, Unavailable> {
        let receipt = *receipt;
        let read = move |conn: &Connection| leaf(conn, partition, poll, &receipt);
        self.readers.read("looking a leaf up", READ_WITHIN, read).await
    }

    async fn terms(&self, tree: TreeKey) -> Result<Vec<TermsInForce>, Unavailable> {
        let read = move |conn: &Connection| {
            let Some((stored, row)) = find(conn, tree)? else { return Ok(Vec::new()) };
            Ok(tree_rows::history(conn, &stored, &row)?.terms)
        };
        self.readers.read("reading the terms of ballots", READ_WITHIN, read).await
    }

    async fn published(&self, tree: TreeKey) -> Result<PublishedBallots, Unavailable> {
        let turn = Arc::clone(&self.publishing).acquire_owned().await.expect("the semaphore is never closed");
        let (blocks, ahead) = mpsc::channel(BLOCKS_AHEAD);
        let readers = self.readers.clone();
        let failed = blocks.clone();
        tokio::spawn(async move {
            let _turn = turn;
            let read = move |conn: &Connection| publish(conn, tree, |block| blocks.blocking_send(Ok(block)).is_ok());
            if let Err(error) = readers.read("reading a tree's ballots", PUBLISH_WITHIN, read).await {
                // A reader that is gone needs no answer.
                _ = failed.send(Err(error)).await;
            }
        });
        let next = async |mut ahead: mpsc::Receiver<_>| ahead.recv().await.map(|block| (block, ahead));
        Ok(Box::pin(stream::unfold(ahead, next)))
    }
}

/// All trees of a poll that are there, by round, partition and generation.
fn trees(conn: &Connection, poll: PollId) -> Result<Vec<HeldTree>, StoreError> {
    let mut held = Vec::new();
    for stored in store::rows_of(conn, poll)? {
        for row in tree_rows::all(conn, &stored)?.into_iter().filter(|row| row.is_grown) {
            let closes = tree_rows::closes(conn, row.number)?;
            let tree = row.stored;
            held.push(HeldTree { id: tree.id, since: tree.since, size: tree.size, closes });
        }
    }
    held.sort_by_key(|tree| (tree.id.round, tree.id.partition, tree.id.generation));
    Ok(held)
}

fn find(conn: &Connection, key: TreeKey) -> Result<Option<(StoredPoll, StoredTreeRow)>, StoreError> {
    let Some(stored) = store::poll(conn, key.partition, key.poll)? else { return Ok(None) };
    let is_it = |row: &StoredTreeRow| {
        row.is_grown && row.stored.id.round == key.round && row.stored.id.generation == key.generation
    };
    let row = tree_rows::all(conn, &stored)?.into_iter().find(is_it);
    Ok(row.map(|row| (stored, row)))
}

fn whole_tile(conn: &Connection, tree: &StoredTreeRow, tile: TileNumber) -> Result<Option<Vec<Digest>>, StoreError> {
    let whole = digests_in_tile(tree.stored.size, tile.level, tile.index);
    if whole == 0 {
        return Ok(None);
    }
    let mut digests = tree_rows::tile(conn, tree.number, tile.level, tile.index)?
        .filter(|digests| digests.len() >= whole)
        .ok_or_else(|| StoreError::Data(format!("tile {} of level {} is missing", tile.index, tile.level)))?;
    digests.truncate(whole);
    Ok(Some(digests))
}

fn edge(conn: &Connection, tree: &StoredTreeRow) -> Result<TreeEdge, StoreError> {
    let size = tree.stored.size;
    let mut open = tree_rows::open_tiles(conn, tree.number, size)?;
    let whole = usize::try_from(size % TILE_DIGESTS as u64).expect("below 256");
    if let Some(leaves) = open.first_mut() {
        leaves.truncate(whole);
    }
    TreeEdge::new(size, open).ok_or_else(|| StoreError::Data("a tree whose tiles are not its own".to_owned()))
}

fn leaf(
    conn: &Connection,
    partition: Partition,
    poll: PollId,
    receipt: &Receipt,
) -> Result<Option<HeldLeaf>, StoreError> {
    let Some(stored) = store::poll(conn, partition, poll)? else { return Ok(None) };
    let trees = tree_rows::all(conn, &stored)?;
    let of_round = trees.into_iter().rfind(|row| row.is_grown && row.stored.since < receipt.position);
    let Some(row) = of_round else { return Ok(None) };
    let since = row.stored.since;
    let Some(ballot) = tree_rows::ballot(conn, &stored, since, receipt.voter, receipt.position)? else {
        return Ok(None);
    };
    let terms = tree_rows::terms(conn, stored.number)?;
    let Some(in_force) = terms.iter().rfind(|known| known.after < receipt.position) else { return Ok(None) };
    let leaf = ballot.content(&row.stored.id.digest(), &in_force.terms.digest()).digest();
    let place = place(conn, &row, receipt, &leaf)?;
    Ok(Some(HeldLeaf { tree: row.stored.id, leaf, place }))
}

/// Where a leaf is: in the tile that its ballot's position leads to.
fn place(
    conn: &Connection,
    tree: &StoredTreeRow,
    receipt: &Receipt,
    leaf: &Digest,
) -> Result<Option<LeafPlace>, StoreError> {
    let size = tree.stored.size;
    let last = size / TILE_DIGESTS as u64;
    let mut places = tree_rows::tiles_at(conn, tree.number, receipt.position)?;
    places.push(last);
    for index in places {
        let digests = whole_tile(conn, tree, TileNumber { level: 0, index })?.unwrap_or_default();
        let Some(in_tile) = digests.iter().position(|digest| digest == leaf) else { continue };
        let index = index * TILE_DIGESTS as u64 + in_tile as u64;
        let mut tiles = BTreeMap::new();
        for tile in tiles_of_path(index, size) {
            tiles.insert(tile, whole_tile(conn, tree, tile)?.unwrap_or_default());
        }
        let damaged = || StoreError::Data("a tree that lacks tiles".to_owned());
        let path = path_from_tiles(index, size, &tiles).ok_or_else(damaged)?;
        let root = edge(conn, tree)?.root();
        return Ok(Some(LeafPlace { index, size, path, root }));
    }
    Ok(None)
}

/// Passes a tree's ballots in the order of its leaves to `take`, until it wants no more.
fn publish(conn: &Connection, key: TreeKey, mut take: impl FnMut(Vec<TreeBallot>) -> bool) -> Result<(), StoreError> {
    let Some((stored, row)) = find(conn, key)? else { return Ok(()) };
    let history = tree_rows::history(conn, &stored, &row)?;
    let through = tree_rows::through(conn, &stored, &row)?;
    let mut tree = LeafOrder::begin(&row.stored.id, &history);
    let mut give = |block: Vec<TreeBallot>| {
        if block.is_empty() || take(block) { Ok(()) } else { Err(StoreError::Interrupted) }
    };
    tree_rows::each_ballot(conn, stored.number, row.stored.since, through, |ballot, is_replaced| {
        give(tree.add(&ballot, is_replaced))
    })?;
    give(tree.end())
}
