//! Full tiles above the lowest level, kept in memory once they were read. They never change, there is one for every
//! 65,536 ballots, and the ways of most receipts to the root lead through the same few.

use std::collections::{BTreeMap, HashMap};

use domain::{Digest, TILE_DIGESTS, TileNumber};
use parking_lot::Mutex;

/// 8 KB each, so 4 MB at most; as many as stand above 33 million ballots.
const MAX_KEPT: usize = 512;

/// The tiles of all trees, by what is hashed into each leaf of theirs: a number of the database's may stand for another
/// tree after an earlier state of it was restored.
#[derive(Debug, Default)]
pub(crate) struct FullTiles(Mutex<HashMap<(Digest, TileNumber), Vec<Digest>>>);

impl FullTiles {
    /// Those of these tiles of a tree that are kept.
    pub(crate) fn known(&self, tree: Digest, tiles: &[TileNumber]) -> BTreeMap<TileNumber, Vec<Digest>> {
        let kept = self.0.lock();
        tiles.iter().filter_map(|tile| Some((*tile, kept.get(&(tree, *tile))?.clone()))).collect()
    }

    /// Keeps those of these tiles of a tree that can't change and serve many receipts. Where there are too many it
    /// begins anew.
    pub(crate) fn keep(&self, tree: Digest, tiles: &BTreeMap<TileNumber, Vec<Digest>>) {
        for (tile, digests) in tiles {
            if tile.level == 0 || digests.len() < TILE_DIGESTS {
                continue;
            }
            let mut kept = self.0.lock();
            if kept.len() >= MAX_KEPT {
                kept.clear();
            }
            kept.insert((tree, *tile), digests.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tile(level: u8, index: u64, digests: usize) -> BTreeMap<TileNumber, Vec<Digest>> {
        let digests = (0..digests).map(|number| Digest::of(&number.to_be_bytes())).collect();
        BTreeMap::from([(TileNumber { level, index }, digests)])
    }

    #[test]
    fn a_full_tile_above_the_lowest_level_is_kept_for_its_tree_alone() {
        let (kept, tree, other) = (FullTiles::default(), Digest::of(b"tree"), Digest::of(b"other"));
        let full = tile(1, 3, TILE_DIGESTS);
        for tiles in [&full, &tile(0, 3, TILE_DIGESTS), &tile(1, 4, TILE_DIGESTS - 1)] {
            kept.keep(tree, tiles);
        }
        let asked = [(0, 3), (1, 3), (1, 4)].map(|(level, index)| TileNumber { level, index });
        assert_eq!(kept.known(tree, &asked), full);
        assert_eq!(kept.known(other, &asked), BTreeMap::new());
    }

    #[test]
    fn full_tiles_take_so_much_memory_and_no_more() {
        let (kept, tree) = (FullTiles::default(), Digest::of(b"tree"));
        for index in 0..=2 * MAX_KEPT as u64 {
            let full = tile(1, index, TILE_DIGESTS);
            kept.keep(tree, &full);
            let asked: Vec<_> = full.keys().copied().collect();
            assert_eq!(kept.known(tree, &asked), full, "the newest is there");
            assert!(kept.0.lock().len() <= MAX_KEPT, "{index}");
        }
    }
}
