//! The scoreboard's side of trees: what anyone may read of them, and the leaf of a receipt.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use domain::{
    Digest, HeldLeaf, HeldTree, InstallationId, LeafBallot, LeafOrder, LeafPlace, Partition, PollId, PublishedBallots,
    Receipt, TILE_DIGESTS, TermsInForce, TileNumber, TreeBallot, TreeEdge, TreeKey, TreeReader, Unavailable,
    digests_in_tile, path_from_tiles, root_above, tiles_of_path,
};
use futures_util::{TryStreamExt, stream};
use tokio::sync::mpsc;
use tokio_postgres::{Client, Row};

use crate::{
    audit::BEGIN,
    connect,
    database_error::{DatabaseError, within},
    database_url::{ConnectionUse, DatabaseUrl},
    full_tiles::FullTiles,
    read_pool::ReadConnection,
    rows,
    scoreboard::{PostgresScoreboard, READ_TIMEOUT},
    tree_rows::{self, CLOSES, TERMS, TILE, TREES_OF_POLL, TreeRow, signed},
};

/// The longest time for publishing the ballots of a tree.
const PUBLISH_TIMEOUT: Duration = Duration::from_hours(1);
/// How many blocks of ballots wait for their reader.
const BLOCKS_AHEAD: usize = 64;

/// A voter's ballot, and the one before it in the round that began after `$4`.
const BALLOT: &str = "
    SELECT choices, (
        SELECT max(position) FROM ballots
        WHERE poll = $1::integer AND voter = $2::uuid AND position < $3::bigint AND position > $4::bigint
    ) AS replaces
    FROM ballots WHERE poll = $1::integer AND voter = $2::uuid AND position = $3::bigint";
/// One descent of the key for each tile, whatever the server thinks of how many there are.
const WHOLE_TILES: &str = "
    SELECT found.level, found.place, found.digests
    FROM unnest($2::smallint[], $3::bigint[]) AS asked (level, place)
    CROSS JOIN LATERAL (
        SELECT level, place, digests FROM tiles
        WHERE tiles.tree = $1::integer AND tiles.level = asked.level AND tiles.place = asked.place
        LIMIT 1
    ) AS found";
/// The full tiles that a ballot's leaf can be in: the first one that was filled when or after it was counted, and the
/// next one.
const TILES_AT: &str = "
    SELECT 0::smallint AS level, place, digests FROM tiles
    WHERE tree = $1::integer AND level = 0 AND last >= $2::bigint ORDER BY last, place LIMIT 2";

#[async_trait]
impl TreeReader for PostgresScoreboard {
    async fn installation(&self) -> Result<Option<InstallationId>, Unavailable> {
        Ok(self.identity().await?.map(|identity| identity.installation.id))
    }

    async fn trees(&self, poll: PollId) -> Result<Vec<HeldTree>, Unavailable> {
        self.read("reading trees", async |connection| {
            let mut held = Vec::new();
            for row in rows_of(connection, poll).await?.into_iter().filter(|row| row.is_grown) {
                let closes = connection.query(CLOSES, &[&row.number]).await?;
                let closes = closes.iter().map(tree_rows::close).collect::<Result<_, _>>()?;
                let tree = row.stored;
                held.push(HeldTree { id: tree.id, since: tree.since, size: tree.size, closes });
            }
            Ok(held)
        })
        .await
    }

    async fn tile(&self, tree: TreeKey, tile: TileNumber) -> Result<Option<Vec<Digest>>, Unavailable> {
        self.read("reading a tile", async |connection| match find(connection, tree).await? {
            Some(row) => whole_tile(connection, &row, tile).await,
            None => Ok(None),
        })
        .await
    }

    async fn edge(&self, tree: TreeKey) -> Result<Option<TreeEdge>, Unavailable> {
        self.read("reading a tree", async |connection| match find(connection, tree).await? {
            Some(row) => edge(connection, &row).await.map(Some),
            None => Ok(None),
        })
        .await
    }

    async fn leaf(
        &self,
        partition: Partition,
        poll: PollId,
        receipt: &Receipt,
    ) -> Result<Option<HeldLeaf>, Unavailable> {
        let (receipt, full_tiles) = (*receipt, self.full_tiles());
        let what = "looking a leaf up";
        self.read(what, async |connection| leaf(connection, full_tiles, partition, poll, &receipt).await).await
    }

    async fn terms(&self, tree: TreeKey) -> Result<Vec<TermsInForce>, Unavailable> {
        self.read("reading the terms of ballots", async |connection| {
            let Some(row) = find(connection, tree).await? else { return Ok(Vec::new()) };
            let all = terms(connection, &row).await?;
            Ok(TermsInForce::of_round(&all, row.stored.since, row.through))
        })
        .await
    }

    async fn published(&self, tree: TreeKey) -> Result<PublishedBallots, Unavailable> {
        let (blocks, ahead) = mpsc::channel(BLOCKS_AHEAD);
        let (database, failed) = (self.database().clone(), blocks.clone());
        tokio::spawn(async move {
            let publish = publish(&database, tree, blocks);
            if let Err(error) = within("reading a tree's ballots", PUBLISH_TIMEOUT, publish).await {
                // A reader that is gone needs no answer.
                _ = failed.send(Err(error)).await;
            }
        });
        let next = async |mut ahead: mpsc::Receiver<_>| ahead.recv().await.map(|block| (block, ahead));
        Ok(Box::pin(stream::unfold(ahead, next)))
    }
}

impl PostgresScoreboard {
    /// Reads with several statements on one connection. They need no snapshot: of a tree only the end changes.
    async fn read<T>(
        &self,
        what: &'static str,
        read: impl AsyncFnOnce(&mut ReadConnection) -> Result<T, DatabaseError>,
    ) -> Result<T, Unavailable> {
        within(what, READ_TIMEOUT, async {
            let mut connection = self.connection().await?;
            read(&mut connection).await
        })
        .await
    }
}

async fn rows_of(connection: &mut ReadConnection, poll: PollId) -> Result<Vec<TreeRow>, DatabaseError> {
    connection.query(TREES_OF_POLL, &[&poll.as_str()]).await?.iter().map(TreeRow::read).collect()
}

async fn find(connection: &mut ReadConnection, key: TreeKey) -> Result<Option<TreeRow>, DatabaseError> {
    Ok(rows_of(connection, key.poll).await?.into_iter().find(|row| is_of(row, key)))
}

fn is_of(row: &TreeRow, key: TreeKey) -> bool {
    let id = &row.stored.id;
    let place = (id.round, id.partition, id.generation);
    row.is_grown && place == (key.round, key.partition.number(), key.generation)
}

async fn whole_tile(
    connection: &mut ReadConnection,
    tree: &TreeRow,
    tile: TileNumber,
) -> Result<Option<Vec<Digest>>, DatabaseError> {
    let whole = digests_in_tile(tree.stored.size, tile.level, tile.index);
    if whole == 0 {
        return Ok(None);
    }
    let rows = connection.query(TILE, &[&tree.number, &i16::from(tile.level), &signed(tile.index)]).await?;
    let row = rows.first().ok_or(DatabaseError::Unreadable("a tree that lacks a tile"))?;
    let mut digests = tree_rows::digests(row.try_get("digests")?)?;
    if digests.len() < whole {
        return Err(DatabaseError::Unreadable("a tile that is too short"));
    }
    digests.truncate(whole);
    Ok(Some(digests))
}

async fn edge(connection: &mut ReadConnection, tree: &TreeRow) -> Result<TreeEdge, DatabaseError> {
    let mut open = Vec::new();
    for tile in tree_rows::last_tiles(tree.stored.size) {
        open.push(whole_tile(connection, tree, tile).await?.unwrap_or_default());
    }
    TreeEdge::new(tree.stored.size, open).ok_or(DatabaseError::Unreadable("the tiles of a tree"))
}

async fn terms(connection: &mut ReadConnection, tree: &TreeRow) -> Result<Vec<TermsInForce>, DatabaseError> {
    connection.query(TERMS, &[&tree.poll]).await?.iter().map(tree_rows::terms_in_force).collect()
}

async fn leaf(
    connection: &mut ReadConnection,
    full_tiles: &FullTiles,
    partition: Partition,
    poll: PollId,
    receipt: &Receipt,
) -> Result<Option<HeldLeaf>, DatabaseError> {
    let is_of_round = |row: &TreeRow| {
        row.is_grown && row.stored.id.partition == partition.number() && row.stored.since < receipt.position
    };
    let Some(row) = rows_of(connection, poll).await?.into_iter().rfind(is_of_round) else { return Ok(None) };
    let Some(ballot) = ballot(connection, &row, receipt).await? else { return Ok(None) };
    let all = terms(connection, &row).await?;
    let Some(in_force) = all.iter().rfind(|known| known.after < receipt.position) else { return Ok(None) };
    let leaf = ballot.content(&row.stored.id.digest(), &in_force.terms.digest()).digest();
    let place = place(connection, full_tiles, &row, receipt, &leaf).await?;
    Ok(Some(HeldLeaf { tree: row.stored.id, leaf, place }))
}

async fn ballot(
    connection: &mut ReadConnection,
    tree: &TreeRow,
    receipt: &Receipt,
) -> Result<Option<LeafBallot>, DatabaseError> {
    let Receipt { position, voter } = *receipt;
    let (since, of) = (tree.stored.since.as_i64(), rows::voter(voter));
    let rows = connection.query(BALLOT, &[&tree.poll, &of, &position.as_i64(), &since]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let replaces: Option<i64> = row.try_get("replaces")?;
    let replaces = replaces.map(rows::to_position).transpose()?;
    Ok(Some(LeafBallot { voter, position, choices: rows::choices(row.try_get("choices")?)?, replaces }))
}

/// Where a leaf is: in the tile that its ballot's position leads to.
async fn place(
    connection: &mut ReadConnection,
    full_tiles: &FullTiles,
    tree: &TreeRow,
    receipt: &Receipt,
    leaf: &Digest,
) -> Result<Option<LeafPlace>, DatabaseError> {
    let size = tree.stored.size;
    let rows = connection.query(TILES_AT, &[&tree.number, &receipt.position.as_i64()]).await?;
    let mut tiles = rows.iter().map(|row| tile(row, size)).collect::<Result<BTreeMap<_, _>, _>>()?;
    let mut found = leaf_in(&tiles, leaf);
    if found.is_none() {
        let last = TileNumber { level: 0, index: size / TILE_DIGESTS as u64 };
        tiles.extend(whole_tiles(connection, tree, [last]).await?);
        found = leaf_in(&tiles, leaf);
    }
    let Some(index) = found else { return Ok(None) };
    let (of, way) = (tree.stored.id.digest(), tiles_of_path(index, size));
    tiles.extend(full_tiles.known(of, &way));
    let lacking = way.into_iter().filter(|tile| !tiles.contains_key(tile)).collect::<Vec<_>>();
    let read = whole_tiles(connection, tree, lacking).await?;
    full_tiles.keep(of, &read);
    tiles.extend(read);
    let path = path_from_tiles(index, size, &tiles);
    let root = path.as_ref().and_then(|path| root_above(index, size, path, &tiles));
    let (Some(path), Some(root)) = (path, root) else {
        return Err(DatabaseError::Unreadable("a tree that lacks tiles"));
    };
    Ok(Some(LeafPlace { index, size, path, root }))
}

/// The index of a leaf that is in one of these tiles.
fn leaf_in(tiles: &BTreeMap<TileNumber, Vec<Digest>>, leaf: &Digest) -> Option<u64> {
    tiles.iter().find_map(|(tile, digests)| {
        let in_tile = digests.iter().position(|digest| digest == leaf)?;
        Some(tile.index * TILE_DIGESTS as u64 + in_tile as u64)
    })
}

/// Those of these tiles that are there, as far as they are in whole blocks; in one statement.
async fn whole_tiles(
    connection: &mut ReadConnection,
    tree: &TreeRow,
    tiles: impl IntoIterator<Item = TileNumber>,
) -> Result<BTreeMap<TileNumber, Vec<Digest>>, DatabaseError> {
    let places = tiles.into_iter().map(|tile| (i16::from(tile.level), signed(tile.index)));
    let (levels, places): (Vec<i16>, Vec<i64>) = places.unzip();
    let rows = connection.query(WHOLE_TILES, &[&tree.number, &levels, &places]).await?;
    rows.iter().map(|row| tile(row, tree.stored.size)).collect()
}

/// A tile, as far as it belongs to a tree of this size.
fn tile(row: &Row, size: u64) -> Result<(TileNumber, Vec<Digest>), DatabaseError> {
    let level = u8::try_from(row.try_get::<_, i16>("level")?).unwrap_or(u8::MAX);
    let index = rows::amount(row.try_get("place")?)?;
    let mut digests = tree_rows::digests(row.try_get("digests")?)?;
    digests.truncate(digests_in_tile(size, level, index));
    Ok((TileNumber { level, index }, digests))
}

/// Sends a tree's ballots in the order of its leaves, on a connection of its own, until nobody takes them.
async fn publish(
    database: &DatabaseUrl,
    key: TreeKey,
    blocks: mpsc::Sender<Result<Vec<TreeBallot>, Unavailable>>,
) -> Result<(), DatabaseError> {
    let client = connect::connect(database, ConnectionUse::Read, PUBLISH_TIMEOUT).await?;
    client.batch_execute(BEGIN).await?;
    let Some(row) = find_in_snapshot(&client, key).await? else { return Ok(()) };
    let (terms, closes) = (tree_rows::terms(&client, row.poll).await?, tree_rows::closes(&client, row.number).await?);
    let mut tree = LeafOrder::begin(&row.stored.id, &row.history(&terms, &closes));
    let mut ballots = std::pin::pin!(tree_rows::ballots(&client, &row).await?);
    while let Some((ballot, is_replaced)) = ballots.try_next().await? {
        let block = tree.add(&ballot, is_replaced);
        if !block.is_empty() && blocks.send(Ok(block)).await.is_err() {
            // Nobody takes them any more.
            return Ok(());
        }
    }
    _ = blocks.send(Ok(tree.end())).await;
    Ok(())
}

async fn find_in_snapshot(client: &Client, key: TreeKey) -> Result<Option<TreeRow>, DatabaseError> {
    let rows = client.query(TREES_OF_POLL, &[&key.poll.as_str()]).await?;
    let rows = rows.iter().map(TreeRow::read).collect::<Result<Vec<_>, _>>()?;
    Ok(rows.into_iter().find(|row| is_of(row, key)))
}
