//! A tree that grows with the count.
//!
//! Leaves are appended in blocks, each sorted by its leaves. A block ends when a tile of leaves is full, or with the
//! record that closes or resets the poll; never with a batch. So the tree follows from the log alone, however the log
//! was cut into batches; and a leaf's place tells only within a block when its ballot was cast.

use super::{
    digest::Digest,
    edge::{TILE_DIGESTS, Tile, TreeEdge, digests_on_level},
    leaf::{BallotMark, LeafContent, TreeId, mark_and_blind},
};
use crate::{choices::Choices, position::Position, voter::VoterId};

/// A ballot as its leaf needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafBallot {
    /// Who.
    pub voter: VoterId,
    /// Its position in the log.
    pub position: Position,
    /// What it chose.
    pub choices: Choices,
    /// The position of the ballot that it replaces, of the same voter and round.
    pub replaces: Option<Position>,
}

impl LeafBallot {
    /// What stands in the leaf that this ballot has in a tree, under the wording that was in force.
    pub fn content(&self, tree: &Digest, wording: &Digest) -> LeafContent {
        let (mark, blind) = mark_and_blind(tree, self.voter, self.position);
        let replaces = self.replaces.map_or(BallotMark::NONE, |before| mark_and_blind(tree, self.voter, before).0);
        LeafContent { tree: *tree, wording: *wording, mark, replaces, choices: blind.hide(self.choices) }
    }
}

/// What a tree was when its poll was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeClose {
    /// The version of the change that closed the poll.
    pub version: u64,
    /// Where the partition was told of it.
    pub position: Position,
    /// How many leaves the tree had.
    pub size: u64,
    /// Its root.
    pub root: Digest,
    /// How many voters had cast them.
    pub voters: u64,
}

/// A tile that is full, and never changes again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullTile {
    /// The tile.
    pub tile: Tile,
    /// The position of the last ballot of the tile that filled it.
    pub last: Position,
}

/// The tree of one poll, round and partition, as far as it is needed to append to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrowingTree {
    id: TreeId,
    digest: Digest,
    since: Position,
    last: Position,
    voters: u64,
    wording: Digest,
    /// The version of the last close that was noted.
    closed_in: Option<u64>,
    /// All whole blocks.
    edge: TreeEdge,
    /// The leaves of the block that has not ended, in the order of the log.
    pending: Vec<Digest>,
}

/// What a ledger stores of a tree beside its tiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTree {
    /// Which tree.
    pub id: TreeId,
    /// The round began here; its ballots come after it.
    pub since: Position,
    /// The position of the last ballot; [`since`](Self::since) before the first.
    pub last: Position,
    /// How many leaves are in whole blocks.
    pub size: u64,
    /// How many voters cast all ballots, also those whose block has not ended.
    pub voters: u64,
    /// The version of the last close that was noted.
    pub closed_in: Option<u64>,
}

impl GrowingTree {
    /// A tree without leaves.
    pub fn begin(id: TreeId, since: Position, wording: Digest) -> Self {
        Self {
            digest: id.digest(),
            id,
            since,
            last: since,
            voters: 0,
            wording,
            closed_in: None,
            edge: TreeEdge::default(),
            pending: Vec::new(),
        }
    }

    /// The tree that was stored with these tiles, by level, which were not full. `None` if they are not its tiles.
    pub fn load(stored: StoredTree, wording: Digest, mut open: Vec<Vec<Digest>>) -> Option<Self> {
        let StoredTree { id, since, last, size, voters, closed_in } = stored;
        let whole = usize::try_from(size % TILE_DIGESTS as u64).expect("below 256");
        let pending = match open.first_mut() {
            Some(leaves) if leaves.len() >= whole && leaves.len() < TILE_DIGESTS => leaves.split_off(whole),
            None if whole == 0 => Vec::new(),
            _ => return None,
        };
        let edge = TreeEdge::new(size, open)?;
        Some(Self { digest: id.digest(), id, since, last, voters, wording, closed_in, edge, pending })
    }

    /// Which tree it is.
    pub fn id(&self) -> &TreeId {
        &self.id
    }

    /// The edge of its whole blocks.
    pub fn edge(&self) -> &TreeEdge {
        &self.edge
    }

    /// How many ballots there are, also those whose block has not ended.
    pub fn ballots(&self) -> u64 {
        self.edge.size() + self.pending.len() as u64
    }

    /// What is to be stored of it beside its tiles.
    pub fn stored(&self) -> StoredTree {
        let Self { id, since, last, voters, closed_in, edge, .. } = self;
        StoredTree {
            id: id.clone(),
            since: *since,
            last: *last,
            size: edge.size(),
            voters: *voters,
            closed_in: *closed_in,
        }
    }

    /// The tiles of its `levels` lowest levels that are not full; on the lowest behind the whole blocks also the leaves
    /// of the one that has not ended.
    pub fn open_tiles(&self, levels: usize) -> Vec<Tile> {
        let tile = |level: usize| {
            let mut digests = self.edge.open(level).to_vec();
            if level == 0 {
                digests.extend(&self.pending);
            }
            let level = u8::try_from(level).expect("a tree has few levels");
            Tile { level, index: digests_on_level(self.edge.size(), level + 1), digests }
        };
        (0..levels.max(1)).map(tile).filter(|tile| !tile.digests.is_empty()).collect()
    }

    /// What ballots are cast for at present.
    pub fn wording(&self) -> Digest {
        self.wording
    }

    /// From here on ballots are cast for these words.
    pub fn set_wording(&mut self, wording: Digest) {
        self.wording = wording;
    }

    /// Adds a ballot. Ballots come in the order of their positions, those of one position in that of their voters.
    pub fn add(&mut self, ballot: &LeafBallot, full: &mut Vec<FullTile>) {
        self.pending.push(ballot.content(&self.digest, &self.wording).digest());
        self.last = ballot.position;
        self.voters += u64::from(ballot.replaces.is_none());
        if self.ballots().is_multiple_of(TILE_DIGESTS as u64) {
            self.end_block(full);
        }
    }

    /// Ends the block, if it has a leaf.
    pub fn end_block(&mut self, full: &mut Vec<FullTile>) {
        let mut block = std::mem::take(&mut self.pending);
        block.sort_unstable();
        let mut tiles = Vec::new();
        for leaf in block {
            self.edge.push(leaf, &mut tiles);
        }
        full.extend(tiles.into_iter().map(|tile| FullTile { tile, last: self.last }));
    }

    /// The poll was closed by this version, of which the partition was told here: ends the block, and says what the
    /// tree is. `None` if this close was noted already: later records say it again.
    pub fn close(&mut self, position: Position, version: u64, full: &mut Vec<FullTile>) -> Option<TreeClose> {
        if self.closed_in == Some(version) {
            return None;
        }
        self.end_block(full);
        self.closed_in = Some(version);
        let Self { voters, ref edge, .. } = *self;
        Some(TreeClose { version, position, size: edge.size(), root: edge.root(), voters })
    }
}
