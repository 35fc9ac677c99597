//! Tiles of C2SP: 256 hashes of one level of a tree, and where they are.

use std::{fmt, str::FromStr};

/// How many hashes a full tile has.
pub const TILE_WIDTH: u64 = 256;

/// How many levels of the tree one tile spans.
pub(crate) const TILE_HEIGHT: u32 = 8;

/// A tile: `L/N`, or `L/N.p/W` where it is not full. `N` is in groups of three digits, all but the last behind an `x`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TilePath {
    /// 0 for leaves. A hash of the next level is the root of a full tile of this one.
    pub level: u32,
    /// Which tile of its level, from 0.
    pub index: u64,
    /// How many hashes it has, 1 to 256.
    pub width: u64,
}

/// Not the path of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the path of a tile")]
pub struct TilePathError;

impl TilePath {
    /// The tile of this level and index in a tree of `size` leaves; `None` if the tree has no hash there.
    pub fn in_tree(level: u32, index: u64, size: u64) -> Option<Self> {
        let hashes = size.checked_shr(level * TILE_HEIGHT).unwrap_or(0);
        let before = index.checked_mul(TILE_WIDTH)?;
        let width = hashes.saturating_sub(before).min(TILE_WIDTH);
        (width > 0).then_some(Self { level, index, width })
    }

    /// Whether it has all its hashes, and so never changes.
    pub fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The full tile in its place.
    pub fn full(self) -> Self {
        Self { width: TILE_WIDTH, ..self }
    }
}

/// All tiles of a tree of `size` leaves, level by level.
pub fn tiles_of(size: u64) -> impl Iterator<Item = TilePath> {
    let levels = (0..u64::BITS / TILE_HEIGHT).take_while(move |level| size >> (level * TILE_HEIGHT) > 0);
    levels.flat_map(move |level| {
        let count = (size >> (level * TILE_HEIGHT)).div_ceil(TILE_WIDTH);
        (0..count).filter_map(move |index| TilePath::in_tree(level, index, size))
    })
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { level, index, width } = self;
        write!(f, "{level}/")?;
        let digits = format!("{index:03}");
        let digits = format!("{digits:0>width$}", width = digits.len().next_multiple_of(3));
        let groups: Vec<_> = digits.as_bytes().chunks(3).map(|group| String::from_utf8_lossy(group)).collect();
        let (last, before) = groups.split_last().expect("three digits at least");
        before.iter().try_for_each(|group| write!(f, "x{group}/"))?;
        f.write_str(last)?;
        if self.is_full() { Ok(()) } else { write!(f, ".p/{width}") }
    }
}

impl FromStr for TilePath {
    type Err = TilePathError;

    fn from_str(text: &str) -> Result<Self, TilePathError> {
        Self::read(text).filter(|path| path.to_string() == text).ok_or(TilePathError)
    }
}

impl TilePath {
    fn read(text: &str) -> Option<Self> {
        let (level, rest) = text.split_once('/')?;
        let (place, width) = match rest.split_once(".p/") {
            Some((place, width)) => (place, width.parse().ok().filter(|width| (1..TILE_WIDTH).contains(width))?),
            None => (rest, TILE_WIDTH),
        };
        let index = place.replace(['x', '/'], "").parse().ok()?;
        let level = level.parse().ok().filter(|level| *level < 64)?;
        Some(Self { level, index, width })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        let tile = TilePath { level: 1, index: 1_234_067, width: 256 };
        assert_eq!(tile.to_string(), "1/x001/x234/067");
        let partial = TilePath { level: 0, index: 5, width: 17 };
        assert_eq!(partial.to_string(), "0/005.p/17");
        for tile in [tile, partial, TilePath { level: 63, index: u64::MAX, width: 1 }] {
            assert_eq!(tile.to_string().parse(), Ok(tile));
        }
        for bad in ["", "0", "0/5", "00/005", "0/005.p/0", "0/005.p/256", "0/x005", "64/000", "0/x01/005", "0/005/"] {
            assert_eq!(bad.parse::<TilePath>(), Err(TilePathError), "{bad}");
        }
    }

    #[test]
    fn a_tree_of_70_000_has_the_tiles_that_the_specification_counts() {
        let tiles: Vec<_> = tiles_of(70_000).collect();
        let at = |level| tiles.iter().filter(move |tile| tile.level == level).collect::<Vec<_>>();
        assert_eq!((at(0).len(), at(0)[273].width), (274, 112));
        assert_eq!((at(1).len(), at(1)[0].width, at(1)[1].width), (2, 256, 17));
        assert_eq!((at(2).len(), at(2)[0].width, at(3).len()), (1, 1, 0));
        let whole: Vec<_> = tiles_of(256).map(|tile| tile.to_string()).collect();
        assert_eq!(whole, ["0/000", "1/000.p/1"]);
        assert_eq!(tiles_of(0).count(), 0);
    }
}
