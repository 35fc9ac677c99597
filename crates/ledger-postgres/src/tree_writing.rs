//! Writes trees. Each statement takes everything of a batch at once.

use domain::{Digest, Position, StoredTree, TreeClose, TreeId};
use tokio_postgres::types::ToSql;

use crate::{database_error::DatabaseError, leader_trees::PlacedTile, tree_rows::signed, writer::Leader};

impl Leader {
    /// Adds trees that began, without leaves: the numbers of their polls' rows, and the trees.
    pub(crate) async fn add_trees(&self, trees: &[(i32, StoredTree)]) -> Result<(), DatabaseError> {
        if trees.is_empty() {
            return Ok(());
        }
        let (polls, rounds, generations) = names(trees.iter().map(|(poll, tree)| (*poll, &tree.id)));
        let installations: Vec<&str> = trees.iter().map(|(_, tree)| tree.id.installation.as_str()).collect();
        let partitions: Vec<i32> = trees.iter().map(|(_, tree)| i32::from(tree.id.partitions)).collect();
        let since: Vec<i64> = trees.iter().map(|(_, tree)| tree.since.as_i64()).collect();
        let parameters: [&(dyn ToSql + Sync); 6] = [&polls, &rounds, &generations, &installations, &partitions, &since];
        self.client.execute(&self.statements.add_trees, &parameters).await?;
        Ok(())
    }

    /// Notes how far trees have grown.
    pub(crate) async fn update_trees(&self, trees: &[(i32, &StoredTree)]) -> Result<(), DatabaseError> {
        if trees.is_empty() {
            return Ok(());
        }
        let (polls, rounds, generations) = names(trees.iter().map(|(poll, tree)| (*poll, &tree.id)));
        let last: Vec<i64> = trees.iter().map(|(_, tree)| tree.last.as_i64()).collect();
        let sizes: Vec<i64> = trees.iter().map(|(_, tree)| signed(tree.size)).collect();
        let voters: Vec<i64> = trees.iter().map(|(_, tree)| signed(tree.voters)).collect();
        let parameters: [&(dyn ToSql + Sync); 6] = [&polls, &rounds, &generations, &last, &sizes, &voters];
        self.client.execute(&self.statements.update_trees, &parameters).await?;
        Ok(())
    }

    /// Writes tiles of these trees.
    pub(crate) async fn write_tiles(&self, trees: &[(i32, &TreeId, Vec<PlacedTile>)]) -> Result<(), DatabaseError> {
        let all = || trees.iter().flat_map(|(poll, tree, tiles)| tiles.iter().map(|tile| (*poll, *tree, tile)));
        let (polls, rounds, generations) = names(all().map(|(poll, tree, _)| (poll, tree)));
        if polls.is_empty() {
            return Ok(());
        }
        let levels: Vec<i16> = all().map(|(.., (tile, _))| i16::from(tile.level)).collect();
        let places: Vec<i64> = all().map(|(.., (tile, _))| signed(tile.index)).collect();
        let last: Vec<Option<i64>> = all().map(|(.., (_, last))| last.map(Position::as_i64)).collect();
        let digests: Vec<Vec<u8>> = all().map(|(.., (tile, _))| Digest::join(&tile.digests)).collect();
        let parameters: [&(dyn ToSql + Sync); 7] = [&polls, &rounds, &generations, &levels, &places, &last, &digests];
        self.client.execute(&self.statements.write_tiles, &parameters).await?;
        Ok(())
    }

    /// Writes what these trees were at closes of their polls.
    pub(crate) async fn write_closes(&self, trees: &[(i32, &TreeId, &[TreeClose])]) -> Result<(), DatabaseError> {
        let all = || trees.iter().flat_map(|(poll, tree, closes)| closes.iter().map(|close| (*poll, *tree, close)));
        let (polls, rounds, generations) = names(all().map(|(poll, tree, _)| (poll, tree)));
        if polls.is_empty() {
            return Ok(());
        }
        let versions: Vec<i64> = all().map(|(.., close)| signed(close.version)).collect();
        let positions: Vec<i64> = all().map(|(.., close)| close.position.as_i64()).collect();
        let sizes: Vec<i64> = all().map(|(.., close)| signed(close.size)).collect();
        let roots: Vec<&[u8]> = all().map(|(.., close)| &close.root.as_bytes()[..]).collect();
        let voters: Vec<i64> = all().map(|(.., close)| signed(close.voters)).collect();
        let parameters: [&(dyn ToSql + Sync); 8] =
            [&polls, &rounds, &generations, &versions, &positions, &sizes, &roots, &voters];
        self.client.execute(&self.statements.write_closes, &parameters).await?;
        Ok(())
    }

    /// Notes from which position on ballots are cast for which terms: the poll's row, the position, the JSON.
    pub(crate) async fn write_terms(&self, terms: &[(i32, Position, String)]) -> Result<(), DatabaseError> {
        if terms.is_empty() {
            return Ok(());
        }
        let polls: Vec<i32> = terms.iter().map(|(poll, ..)| *poll).collect();
        let after: Vec<i64> = terms.iter().map(|(_, after, _)| after.as_i64()).collect();
        let json: Vec<&str> = terms.iter().map(|(.., json)| json.as_str()).collect();
        self.client.execute(&self.statements.write_terms, &[&polls, &after, &json]).await?;
        Ok(())
    }
}

/// What names trees in the tables: the numbers of their polls' rows, rounds and generations.
fn names<'a>(trees: impl Iterator<Item = (i32, &'a TreeId)>) -> (Vec<i32>, Vec<i64>, Vec<i64>) {
    let (mut polls, mut rounds, mut generations) = (Vec::new(), Vec::new(), Vec::new());
    for (poll, tree) in trees {
        polls.push(poll);
        rounds.push(i64::from(tree.round));
        generations.push(signed(tree.generation));
    }
    (polls, rounds, generations)
}
