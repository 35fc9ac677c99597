//! The recount of a tree: built again from the ballots, beside what a ledger holds of it.

use std::{collections::BTreeMap, fmt};

use super::{
    digest::Digest,
    growing::{FullTile, LeafBallot, StoredTree, TreeClose},
    leaf::TreeId,
    path::TileNumber,
    rebuild::{RoundHistory, TreeRebuild},
};
use crate::position::Position;

/// A tree counted again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeRecount {
    /// Which tree.
    pub tree: TreeId,
    /// What is not as it follows from the ballots; nothing if all is.
    pub faults: Vec<TreeFault>,
}

/// What of a tree is not as it follows from the ballots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TreeFault {
    /// A tile is missing, or holds other digests.
    Tile(TileNumber),
    /// There is a tile that the ballots do not make.
    SurplusTile(TileNumber),
    /// Its size, its last ballot, or how many voters there were.
    Size,
    /// What it was when the poll was closed by this version.
    Close(u64),
    /// The poll's present words or rules are not those that are noted for its ballots.
    Terms,
    /// It is noted as one that is to be built, and has leaves or voters.
    Unbuilt,
    /// The poll's present round has no tree, or one that began elsewhere; or the first round that had one has none.
    Missing,
}

impl fmt::Display for TreeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tile(TileNumber { level, index }) => write!(f, "tile {index} of level {level} is another"),
            Self::SurplusTile(TileNumber { level, index }) => write!(f, "tile {index} of level {level} is too many"),
            Self::Size => f.write_str("its size, last ballot or voters are others"),
            Self::Close(version) => write!(f, "what it was at the close of version {version} is not so"),
            Self::Terms => f.write_str("the poll's words or rules are not those noted for its ballots"),
            Self::Unbuilt => f.write_str("it is not noted as built, and has leaves"),
            Self::Missing => f.write_str("a round's tree is missing"),
        }
    }
}

/// A tile as it is compared: the last ballot of a full one, and a digest of its bytes.
type TileSum = (Option<Position>, Digest);

/// Builds a tree again. Keeps some 80 bytes for each 256 ballots.
pub struct TreeChecking {
    rebuild: TreeRebuild,
    tiles: BTreeMap<TileNumber, TileSum>,
}

impl TreeChecking {
    /// Begins with no ballots. They come as for a [`TreeRebuild`].
    pub fn begin(id: TreeId, history: &RoundHistory) -> Self {
        Self { rebuild: TreeRebuild::begin(id, history), tiles: BTreeMap::new() }
    }

    /// Adds the next ballot.
    pub fn add(&mut self, ballot: &LeafBallot) {
        self.rebuild.add(ballot);
        note(&mut self.tiles, self.rebuild.take_full());
    }

    /// What follows from the ballots.
    pub fn expected(self) -> ExpectedTree {
        let Self { rebuild, mut tiles } = self;
        let (tree, full, closes) = rebuild.end();
        note(&mut tiles, full);
        for tile in tree.open_tiles(tree.edge().levels()) {
            let place = TileNumber { level: tile.level, index: tile.index };
            tiles.insert(place, (None, Digest::of(&Digest::join(&tile.digests))));
        }
        ExpectedTree { stored: tree.stored(), closes, tiles, faults: Vec::new() }
    }
}

/// What a tree must be, to be compared with what a ledger holds of it.
pub struct ExpectedTree {
    stored: StoredTree,
    closes: Vec<TreeClose>,
    tiles: BTreeMap<TileNumber, TileSum>,
    faults: Vec<TreeFault>,
}

impl ExpectedTree {
    /// Compares a tile that the ledger holds: where it is, the last ballot of a full one, and its bytes. Each once.
    pub fn compare_tile(&mut self, place: TileNumber, last: Option<Position>, bytes: &[u8]) {
        match self.tiles.remove(&place) {
            None => self.faults.push(TreeFault::SurplusTile(place)),
            Some(sum) if sum == (last, Digest::of(bytes)) => {}
            Some(_) => self.faults.push(TreeFault::Tile(place)),
        }
    }

    /// Compares the rest, after all tiles.
    pub fn compare(mut self, stored: &StoredTree, closes: &[TreeClose]) -> TreeRecount {
        self.faults.extend(self.tiles.into_keys().map(TreeFault::Tile));
        if self.stored != *stored {
            self.faults.push(TreeFault::Size);
        }
        let differing = self.closes.iter().filter(|close| !closes.contains(close));
        let surplus = closes.iter().filter(|close| !self.closes.contains(close));
        self.faults.extend(differing.chain(surplus).map(|close| TreeFault::Close(close.version)));
        self.faults.sort_unstable();
        self.faults.dedup();
        TreeRecount { tree: stored.id.clone(), faults: self.faults }
    }
}

fn note(tiles: &mut BTreeMap<TileNumber, TileSum>, full: Vec<FullTile>) {
    for FullTile { tile, last } in full {
        let place = TileNumber { level: tile.level, index: tile.index };
        tiles.insert(place, (Some(last), Digest::of(&Digest::join(&tile.digests))));
    }
}
