//! Whether a tree has only grown between two checkpoints, by tiles that somebody serves and nobody has to trust.

use domain::{Digest, empty_root, node, root, split};

use crate::{
    checkpoint::Checkpoint,
    tile::{TILE_HEIGHT, TILE_WIDTH, TilePath},
};

/// What two checkpoints of one tree are to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consistency {
    /// The larger tree begins with the smaller one.
    Grows,
    /// Both can't be true: the tiles have the larger one's root, and another one than the smaller one's.
    Contradiction,
    /// The tiles are not those of the larger checkpoint, so they show nothing.
    OtherTiles,
}

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub enum TileError<E> {
    /// Not to be had.
    #[error(transparent)]
    Fetch(E),
    /// Not as many hashes as it must have.
    #[error("tile {0} has not as many hashes as it must have")]
    Width(TilePath),
}

/// Compares two checkpoints of one tree. `fetch` gets the tiles of the larger one; a tile may be asked for twice.
///
/// # Panics
/// If they are of two trees.
pub fn consistency<E>(
    one: &Checkpoint,
    other: &Checkpoint,
    fetch: &mut impl FnMut(TilePath) -> Result<Vec<Digest>, E>,
) -> Result<Consistency, TileError<E>> {
    assert_eq!(one.origin, other.origin, "a tree is compared with itself");
    let (small, large) = if one.size <= other.size { (one, other) } else { (other, one) };
    if small.size == large.size {
        let same = small.root == large.root;
        return Ok(if same { Consistency::Grows } else { Consistency::Contradiction });
    }
    let mut tiles = TileReader { size: large.size, fetch };
    let (small_root, large_root) = match small.size {
        0 => (empty_root(), tiles.range(0, large.size)?),
        size => tiles.both(0, size, large.size)?,
    };
    Ok(if large_root != large.root {
        Consistency::OtherTiles
    } else if small_root == small.root {
        Consistency::Grows
    } else {
        Consistency::Contradiction
    })
}

/// The root that a tree of `size` leaves has by these tiles.
pub fn root_from_tiles<E>(
    size: u64,
    fetch: &mut impl FnMut(TilePath) -> Result<Vec<Digest>, E>,
) -> Result<Digest, TileError<E>> {
    if size == 0 { Ok(empty_root()) } else { TileReader { size, fetch }.range(0, size) }
}

/// Reads hashes of a tree of `size` leaves.
struct TileReader<'a, F> {
    size: u64,
    fetch: &'a mut F,
}

impl<E, F: FnMut(TilePath) -> Result<Vec<Digest>, E>> TileReader<'_, F> {
    /// The roots above the first `small` and above all `large` leaves from `first` on, from the same hashes: what
    /// RFC 6962, section 2.1.2, proves.
    fn both(&mut self, first: u64, small: u64, large: u64) -> Result<(Digest, Digest), TileError<E>> {
        if small == large {
            let root = self.range(first, large)?;
            return Ok((root, root));
        }
        let left_size = split(large);
        if small <= left_size {
            let (old, left) = self.both(first, small, left_size)?;
            let right = self.range(first + left_size, large - left_size)?;
            Ok((old, node(&left, &right)))
        } else {
            let left = self.range(first, left_size)?;
            let (old, new) = self.both(first + left_size, small - left_size, large - left_size)?;
            Ok((node(&left, &old), node(&left, &new)))
        }
    }

    /// The root above `count` leaves from `first` on; at least one.
    fn range(&mut self, first: u64, count: u64) -> Result<Digest, TileError<E>> {
        if count.is_power_of_two() {
            return self.subtree(first, count.trailing_zeros());
        }
        let left_size = split(count);
        let left = self.range(first, left_size)?;
        Ok(node(&left, &self.range(first + left_size, count - left_size)?))
    }

    /// The root of the whole subtree of 2^`height` leaves that begins at `first`, a multiple of as many.
    fn subtree(&mut self, first: u64, height: u32) -> Result<Digest, TileError<E>> {
        let level = height / TILE_HEIGHT;
        let at = first >> (level * TILE_HEIGHT);
        let tile = TilePath::in_tree(level, at / TILE_WIDTH, self.size).expect("the tree has these leaves");
        let hashes = (self.fetch)(tile).map_err(TileError::Fetch)?;
        if hashes.len() as u64 != tile.width {
            return Err(TileError::Width(tile));
        }
        let from = usize::try_from(at % TILE_WIDTH).expect("below 256");
        let count = 1_usize << (height % TILE_HEIGHT);
        Ok(root(&hashes[from..from + count]))
    }
}
