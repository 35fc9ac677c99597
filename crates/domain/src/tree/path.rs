//! The way from a leaf to the root, from tiles.

use std::collections::BTreeMap;

use super::{
    digest::Digest,
    edge::{MAX_TILE_LEVELS, TILE_DIGESTS, digests_in_tile, digests_on_level},
    merkle::{node, root, root_of_path, split},
};

/// Which tile of a tree: its level and its index there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileNumber {
    /// On which level.
    pub level: u8,
    /// The how manieth of its level, from 0.
    pub index: u64,
}

/// The tiles that are needed for the way of the leaf at `index` to the root of a tree of this size: on each level the
/// one above the leaf, and the last one.
pub fn tiles_of_path(index: u64, size: u64) -> Vec<TileNumber> {
    let mut tiles = Vec::new();
    for level in 0.. {
        let digests = digests_on_level(size, level);
        if digests == 0 {
            break;
        }
        let above = digests_on_level(index, level + 1);
        let last = (digests - 1) / TILE_DIGESTS as u64;
        let new = [above, last].map(|index| TileNumber { level, index });
        tiles.extend(new.into_iter().filter(|tile| digests_in_tile(size, level, tile.index) > 0));
    }
    tiles.dedup();
    tiles
}

/// The way of the leaf at `index` to the root of a tree of this size, from the leaf up (RFC 6962, section 2.1.1).
/// `None` if there is no such leaf, or a tile is missing or too short.
pub fn path_from_tiles(index: u64, size: u64, tiles: &BTreeMap<TileNumber, Vec<Digest>>) -> Option<Vec<Digest>> {
    if index >= size {
        return None;
    }
    let (mut from, mut count, mut path) = (0, size, Vec::new());
    while count > 1 {
        let left = split(count);
        if index < from + left {
            path.push(subtree(from + left, count - left, tiles)?);
            count = left;
        } else {
            path.push(subtree(from, left, tiles)?);
            (from, count) = (from + left, count - left);
        }
    }
    path.reverse();
    Some(path)
}

/// The root of a tree of this size, from the way of the leaf at `index` and the tiles of that way. It begins with the
/// highest digest above the leaf that a tile holds, so that a leaf which does not belong to the tree has no part in it.
/// `None` if there is no such leaf, or a tile is missing or too short.
pub fn root_above(index: u64, size: u64, path: &[Digest], tiles: &BTreeMap<TileNumber, Vec<Digest>>) -> Option<Digest> {
    let level =
        (0..MAX_TILE_LEVELS).rev().find(|level| digests_on_level(index, *level) < digests_on_level(size, *level))?;
    let above = digests_on_level(index, level);
    let tile = tiles.get(&TileNumber { level, index: above / TILE_DIGESTS as u64 })?;
    let digest = tile.get(usize::try_from(above % TILE_DIGESTS as u64).ok()?)?;
    // A tree over leaves is one over the roots of whole subtrees, the last of which may be smaller.
    let height = 8 * u32::from(level);
    root_of_path(*digest, above, size.div_ceil(1_u64 << height), path.get(height as usize..)?)
}

/// The root above `count` leaves from `from` on; the subtrees of which it consists are whole ones, but for the last.
fn subtree(from: u64, count: u64, tiles: &BTreeMap<TileNumber, Vec<Digest>>) -> Option<Digest> {
    if !count.is_power_of_two() {
        let left = split(count);
        return Some(node(&subtree(from, left, tiles)?, &subtree(from + left, count - left, tiles)?));
    }
    let level = u8::try_from(count.ilog2() / 8).ok()?;
    let (first, digests) = (digests_on_level(from, level), digests_on_level(count, level));
    let tile = tiles.get(&TileNumber { level, index: first / TILE_DIGESTS as u64 })?;
    let start = usize::try_from(first % TILE_DIGESTS as u64).ok()?;
    tile.get(start..start + usize::try_from(digests).ok()?).map(root)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::edge::TreeEdge;

    #[test]
    fn a_path_from_the_named_tiles_leads_to_the_root() {
        let leaves: Vec<Digest> = (0..66_000_u64).map(|number| Digest::of(&number.to_be_bytes())).collect();
        for size in [1, 2, 255, 256, 257, 773, 65_536, 65_800, 66_000] {
            let (mut edge, mut full) = (TreeEdge::default(), Vec::new());
            leaves[..size].iter().for_each(|leaf| edge.push(*leaf, &mut full));
            let mut all: BTreeMap<TileNumber, Vec<Digest>> = BTreeMap::new();
            for tile in full {
                all.insert(TileNumber { level: tile.level, index: tile.index }, tile.digests);
            }
            for level in 0..edge.levels() {
                let place = u8::try_from(level).unwrap();
                let index = digests_on_level(size as u64, place + 1);
                all.insert(TileNumber { level: place, index }, edge.open(level).to_vec());
            }
            for index in [0, 1, 254, 255, 256, 300, 511, 512, 700, 65_535, 65_799, 65_999, size - 1] {
                let Some(leaf) = leaves[..size].get(index) else { continue };
                let (index, size) = (index as u64, size as u64);
                let named = tiles_of_path(index, size).into_iter();
                let few: BTreeMap<_, _> = named.map(|tile| (tile, all[&tile].clone())).collect();
                let path = path_from_tiles(index, size, &few).unwrap();
                assert_eq!(root_of_path(*leaf, index, size, &path), Some(edge.root()), "{index} of {size}");
                assert_eq!(root_above(index, size, &path, &few), Some(edge.root()), "{index} of {size}");
            }
            assert_eq!(path_from_tiles(size as u64, size as u64, &all), None);
        }
    }

    #[test]
    fn a_leaf_that_was_changed_in_a_full_tile_has_no_part_in_the_root() {
        let leaves: Vec<Digest> = (0..600_u64).map(|number| Digest::of(&number.to_be_bytes())).collect();
        let (mut edge, mut full) = (TreeEdge::default(), Vec::new());
        for leaf in &leaves {
            edge.push(*leaf, &mut full);
        }
        let mut tiles: BTreeMap<TileNumber, Vec<Digest>> =
            full.into_iter().map(|tile| (TileNumber { level: tile.level, index: tile.index }, tile.digests)).collect();
        tiles.insert(TileNumber { level: 0, index: 2 }, edge.open(0).to_vec());
        tiles.insert(TileNumber { level: 1, index: 0 }, edge.open(1).to_vec());
        let changed = Digest::of(b"changed");
        tiles.get_mut(&TileNumber { level: 0, index: 1 }).unwrap()[7] = changed;
        let path = path_from_tiles(263, 600, &tiles).unwrap();
        assert_eq!(root_above(263, 600, &path, &tiles), Some(edge.root()));
        assert_ne!(root_of_path(changed, 263, 600, &path), Some(edge.root()));
    }
}
