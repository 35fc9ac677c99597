//! The port by which `result` reads the trees of a ledger.

use std::pin::Pin;

use async_trait::async_trait;
use futures_core::Stream;

use super::unavailable::Unavailable;
use crate::{
    installation::InstallationId,
    partition::Partition,
    poll_id::PollId,
    position::Position,
    receipt::Receipt,
    tree::{Digest, TermsInForce, TileNumber, TreeBallot, TreeClose, TreeEdge, TreeId},
};

/// Which of a poll's trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeKey {
    /// Which poll.
    pub poll: PollId,
    /// Which round of it.
    pub round: u32,
    /// Which partition.
    pub partition: Partition,
    /// As in [`TreeId`].
    pub generation: u64,
}

/// A tree as a ledger holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldTree {
    /// Which tree.
    pub id: TreeId,
    /// The round began here.
    pub since: Position,
    /// How many leaves are in whole blocks.
    pub size: u64,
    /// What it was at each close of its poll, by version.
    pub closes: Vec<TreeClose>,
}

/// What is needed to make the same tree again of the same ballots in another ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarriedTree {
    /// The tree: of its poll's present round, in its newest generation.
    pub tree: HeldTree,
    /// The terms of its ballots, in order.
    pub terms: Vec<TermsInForce>,
}

/// The leaf of a ballot that is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLeaf {
    /// In which tree: the newest generation of the ballot's round.
    pub tree: TreeId,
    /// The leaf.
    pub leaf: Digest,
    /// Where it is; `None` as long as its block has not ended.
    pub place: Option<LeafPlace>,
}

/// Where a leaf is in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafPlace {
    /// Which leaf, from 0.
    pub index: u64,
    /// How many there are.
    pub size: u64,
    /// The way to the root, from the leaf up (RFC 6962, section 2.1.1).
    pub path: Vec<Digest>,
    /// The root.
    pub root: Digest,
}

/// A tree's ballots in the order of its leaves, some hundreds at a time. It ends after the first error.
pub type PublishedBallots = Pin<Box<dyn Stream<Item = Result<Vec<TreeBallot>, Unavailable>> + Send>>;

/// Where `result` reads trees. Each call returns within 5 s, or is [`Unavailable`].
#[async_trait]
pub trait TreeReader: Send + Sync {
    /// Which installation the ledger belongs to; `None` before its worker has written that.
    async fn installation(&self) -> Result<Option<InstallationId>, Unavailable>;

    /// All trees of a poll, by round, partition and generation. None of an unknown poll, of rounds that were counted
    /// before there were trees, and of a ledger that belongs to no installation yet.
    async fn trees(&self, poll: PollId) -> Result<Vec<HeldTree>, Unavailable>;

    /// The digests of a tile that are in whole blocks; `None` if there are none.
    async fn tile(&self, tree: TreeKey, tile: TileNumber) -> Result<Option<Vec<Digest>>, Unavailable>;

    /// The right edge of a tree's whole blocks; `None` of an unknown tree.
    async fn edge(&self, tree: TreeKey) -> Result<Option<TreeEdge>, Unavailable>;

    /// The leaf of a receipt's ballot, whose voter belongs to this partition. `None` if the ballot is not counted, or
    /// its round has no tree. The cost grows with the logarithm of the tree's size.
    async fn leaf(
        &self,
        partition: Partition,
        poll: PollId,
        receipt: &Receipt,
    ) -> Result<Option<HeldLeaf>, Unavailable>;

    /// The terms of a tree's ballots, in order: those in force when the round began, and those that came in it.
    async fn terms(&self, tree: TreeKey) -> Result<Vec<TermsInForce>, Unavailable>;

    /// All ballots of a tree. The stream reads as fast as its reader takes it, for up to an hour. It holds every
    /// choice: it is for polls that are published.
    async fn published(&self, tree: TreeKey) -> Result<PublishedBallots, Unavailable>;
}
