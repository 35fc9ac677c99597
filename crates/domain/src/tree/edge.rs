//! A tree's right edge: all that is needed to append to it and to make its root.

use super::{
    digest::Digest,
    merkle::{empty_root, node, root},
};

/// The most digests in a tile: of leaves, or of tiles one level below (C2SP tlog-tiles).
pub const TILE_DIGESTS: usize = 256;
/// How many levels of tiles a tree can have: enough for 2^64 leaves.
pub const MAX_TILE_LEVELS: u8 = 8;

/// Digests that stand beside one another on one level of tiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// On which level: 0 has the leaves, the next one a digest for each full tile of the one below.
    pub level: u8,
    /// The how manieth of its level, from 0.
    pub index: u64,
    /// 1 to 256 digests.
    pub digests: Vec<Digest>,
}

/// How many digests the level has in a tree of this size.
pub fn digests_on_level(size: u64, level: u8) -> u64 {
    size >> (8 * u32::from(level))
}

/// How many digests of a tile belong to a tree of this size; 0 if it has no such tile.
pub fn digests_in_tile(size: u64, level: u8, index: u64) -> usize {
    if level >= MAX_TILE_LEVELS {
        return 0;
    }
    let before = index.saturating_mul(TILE_DIGESTS as u64);
    let rest = digests_on_level(size, level).saturating_sub(before);
    usize::try_from(rest).unwrap_or(TILE_DIGESTS).min(TILE_DIGESTS)
}

/// The tiles of each level that are not full yet, and so the tree's root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreeEdge {
    size: u64,
    /// By level; fewer than 256 digests in each.
    levels: Vec<Vec<Digest>>,
}

impl TreeEdge {
    /// The edge of a tree of this size, whose tiles that are not full these are, by level; levels above may be left
    /// out where they are empty. `None` if the numbers of digests are not those of such a tree.
    pub fn new(size: u64, mut levels: Vec<Vec<Digest>>) -> Option<Self> {
        while levels.last().is_some_and(Vec::is_empty) {
            levels.pop();
        }
        let fits = (0..MAX_TILE_LEVELS).all(|level| {
            let there = levels.get(usize::from(level)).map_or(0, Vec::len);
            there as u64 == digests_on_level(size, level) % TILE_DIGESTS as u64
        });
        (fits && levels.len() <= usize::from(MAX_TILE_LEVELS)).then_some(Self { size, levels })
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The digests of the tile on this level that is not full; none if the last one is.
    pub fn open(&self, level: usize) -> &[Digest] {
        self.levels.get(level).map_or(&[], Vec::as_slice)
    }

    /// How many levels have a tile that is not full, or above them one that has.
    pub fn levels(&self) -> usize {
        self.levels.len()
    }

    /// Appends a leaf. Tiles that it fills are added to `full`, from the lowest up.
    pub fn push(&mut self, leaf: Digest, full: &mut Vec<Tile>) {
        self.size += 1;
        let mut digest = leaf;
        for level in 0..MAX_TILE_LEVELS {
            let place = usize::from(level);
            if self.levels.len() == place {
                self.levels.push(Vec::with_capacity(TILE_DIGESTS));
            }
            self.levels[place].push(digest);
            if self.levels[place].len() < TILE_DIGESTS {
                return;
            }
            let digests = std::mem::take(&mut self.levels[place]);
            digest = root(&digests);
            full.push(Tile { level, index: digests_on_level(self.size, level + 1) - 1, digests });
        }
    }

    /// The root of the tree (RFC 6962, section 2.1).
    pub fn root(&self) -> Digest {
        // Whole subtrees from left to right, each smaller than the one before it.
        let mut subtrees = Vec::new();
        for level in self.levels.iter().rev() {
            let mut rest = &level[..];
            while !rest.is_empty() {
                let (subtree, after) = rest.split_at(1 << rest.len().ilog2());
                subtrees.push(root(subtree));
                rest = after;
            }
        }
        let root = subtrees.into_iter().rev().reduce(|right, left| node(&left, &right));
        root.unwrap_or_else(empty_root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: usize) -> Vec<Digest> {
        (0..count).map(|number| Digest::of(&number.to_be_bytes())).collect()
    }

    fn grown(leaves: &[Digest]) -> (TreeEdge, Vec<Tile>) {
        let (mut edge, mut full) = (TreeEdge::default(), Vec::new());
        for leaf in leaves {
            edge.push(*leaf, &mut full);
        }
        (edge, full)
    }

    #[test]
    fn the_edge_has_the_root_of_all_leaves() {
        let leaves = leaves(70_000);
        for size in (0..600).chain([65_535, 65_536, 65_537, 66_048, 69_999]) {
            let (edge, _) = grown(&leaves[..size]);
            assert_eq!(edge.root(), root(&leaves[..size]), "{size}");
            let levels = (0..edge.levels()).map(|level| edge.open(level).to_vec()).collect();
            assert_eq!(TreeEdge::new(size as u64, levels), Some(edge), "{size}");
        }
    }

    #[test]
    fn full_tiles_are_told_once_with_their_places() {
        let leaves = leaves(65_536 + 300);
        let (edge, full) = grown(&leaves);
        let on = |level| full.iter().filter(move |tile| tile.level == level).collect::<Vec<_>>();
        assert_eq!((on(0).len(), on(1).len(), on(2).len()), (257, 1, 0));
        for (index, tile) in on(0).into_iter().enumerate() {
            assert_eq!((tile.index, &tile.digests[..]), (index as u64, &leaves[index * 256..(index + 1) * 256]));
            assert_eq!(digests_in_tile(edge.size(), 0, tile.index), 256);
        }
        assert_eq!(on(1)[0].digests[3], root(&leaves[768..1024]));
        assert_eq!((on(1)[0].index, edge.open(0).len(), edge.open(1).len(), edge.open(2).len()), (0, 44, 1, 1));
        assert_eq!([0, 1, 2].map(|level| digests_in_tile(edge.size(), level, 257)), [44, 0, 0]);
        assert_eq!(digests_in_tile(u64::MAX, 9, 0), 0);
    }

    #[test]
    fn an_edge_with_other_numbers_of_digests_is_refused() {
        let (edge, _) = grown(&leaves(300));
        let levels = vec![edge.open(0).to_vec(), edge.open(1).to_vec()];
        assert!(TreeEdge::new(300, levels.clone()).is_some());
        for size in [0, 44, 299, 301, 556] {
            assert_eq!(TreeEdge::new(size, levels.clone()), None, "{size}");
        }
    }
}
