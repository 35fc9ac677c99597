//! Reads trees for all who ask.
//!
//! What is read is kept for a second, full tiles and seals longer, so the number of reads depends on the trees, never
//! on the number of screens.

use std::{sync::Arc, time::Duration};

use attest::{Checkpoint, NoteKey, NoteText, TILE_WIDTH, TilePath, TreeOrigin, VerifierKey};
use domain::{
    Digest, HeldTree, InstallationId, PollId, Scoreboard, Secret, Tally, TileNumber, TreeEdge, TreeId, TreeKey,
    Unavailable,
};

use super::{
    kept::Kept,
    sealing::{ClosedTrees, SealedPoll, key_of},
};

/// For how long trees and checkpoints are as good as new ones.
const FRESH: Duration = Duration::from_secs(1);
/// After how long a seal is made once more: after a loss the trees of a closed poll may be others.
const SEAL_KEPT: Duration = Duration::from_secs(10);
/// The most polls and trees that are kept.
const MAX_KEPT: usize = 1_000;
/// The most tiles that are kept; each has up to 8 KiB.
const MAX_TILES: usize = 1_000;

/// A tree at a moment.
type Edge = Option<Arc<TreeEdge>>;
/// A tile as far as its digests are in whole blocks.
type TileDigests = Option<Arc<[Digest]>>;

/// See the head of this file.
pub(crate) struct TreeBoard {
    scoreboard: Arc<dyn Scoreboard>,
    secret: Secret,
    installation: Kept<(), Option<InstallationId>>,
    trees: Kept<PollId, Arc<[HeldTree]>>,
    edges: Kept<TreeKey, Edge>,
    tiles: Kept<(TreeKey, TileNumber), TileDigests>,
    seals: Kept<PollId, Option<Arc<SealedPoll>>>,
}

impl TreeBoard {
    pub(crate) fn new(scoreboard: Arc<dyn Scoreboard>, secret: Secret) -> Self {
        Self {
            scoreboard,
            secret,
            installation: Kept::new(1),
            trees: Kept::new(MAX_KEPT),
            edges: Kept::new(MAX_KEPT),
            tiles: Kept::new(MAX_TILES),
            seals: Kept::new(MAX_KEPT),
        }
    }

    /// Where it reads.
    pub(crate) fn scoreboard(&self) -> &Arc<dyn Scoreboard> {
        &self.scoreboard
    }

    /// What checks the notes of this installation; `None` while the ledger does not say which it is.
    pub(crate) async fn verifier(&self) -> Result<Option<VerifierKey>, Unavailable> {
        let read = || {
            let scoreboard = Arc::clone(&self.scoreboard);
            async move { scoreboard.installation().await }
        };
        let is_good = |known: &Option<InstallationId>, age| known.is_some() || age < FRESH;
        let known = self.installation.get((), is_good, read).await?;
        Ok(known.map(|installation| self.key(&installation).verifier().clone()))
    }

    /// The key of an installation: a tree keeps the name of the one in which it began.
    pub(crate) fn key(&self, installation: &InstallationId) -> NoteKey {
        NoteKey::new(&self.secret, installation)
    }

    /// A note about something of this installation, signed.
    pub(crate) fn sign(&self, installation: &InstallationId, note: &impl NoteText) -> String {
        self.key(installation).sign(note)
    }

    /// All trees of a poll, by round, partition and generation.
    pub(crate) async fn trees(&self, poll: PollId) -> Result<Arc<[HeldTree]>, Unavailable> {
        let read = || {
            let scoreboard = Arc::clone(&self.scoreboard);
            async move { scoreboard.trees(poll).await.map(Arc::from) }
        };
        self.trees.get(poll, |_, age| age < FRESH, read).await
    }

    /// Which tree this is; `None` if there is none.
    async fn tree(&self, key: TreeKey) -> Result<Option<TreeId>, Unavailable> {
        let trees = self.trees(key.poll).await?;
        Ok(trees.iter().find(|tree| key_of(&tree.id) == key).map(|tree| tree.id.clone()))
    }

    /// The signed checkpoint of a tree's whole blocks.
    pub(crate) async fn checkpoint(&self, key: TreeKey) -> Result<Option<String>, Unavailable> {
        let Some(id) = self.tree(key).await? else { return Ok(None) };
        let read = || {
            let scoreboard = Arc::clone(&self.scoreboard);
            async move { Ok(scoreboard.edge(key).await?.map(Arc::new)) }
        };
        let edge = self.edges.get(key, |_, age| age < FRESH, read).await?;
        Ok(edge.map(|edge| self.signed_checkpoint(&id, edge.size(), edge.root())))
    }

    /// A checkpoint that says that a tree had this size and root.
    pub(crate) fn signed_checkpoint(&self, tree: &TreeId, size: u64, root: Digest) -> String {
        self.sign(&tree.installation, &Checkpoint { origin: TreeOrigin::of(tree), size, root })
    }

    /// The hashes of a tile, one behind another; `None` if the tree has no tile with so many.
    pub(crate) async fn tile(&self, key: TreeKey, path: TilePath) -> Result<Option<Vec<u8>>, Unavailable> {
        let Ok(level) = u8::try_from(path.level) else { return Ok(None) };
        let number = TileNumber { level, index: path.index };
        if self.tree(key).await?.is_none() {
            return Ok(None);
        }
        let read = || {
            let scoreboard = Arc::clone(&self.scoreboard);
            async move { Ok(scoreboard.tile(key, number).await?.map(Arc::from)) }
        };
        let is_full = |tile: &TileDigests| tile.as_ref().is_some_and(|tile| tile.len() as u64 == TILE_WIDTH);
        let tile = self.tiles.get((key, number), |tile, age| is_full(tile) || age < FRESH, read).await?;
        let width = usize::try_from(path.width).expect("at most 256");
        Ok(tile.and_then(|tile| tile.get(..width).map(Digest::join)))
    }

    /// The seal of a poll's present close; `None` while the poll is not closed, or not every partition has counted it.
    pub(crate) async fn seal(self: &Arc<Self>, tally: &Tally) -> Result<Option<Arc<SealedPoll>>, Unavailable> {
        if tally.poll.closed_in().is_none() {
            return Ok(None);
        }
        let is_good = |known: &Option<Arc<SealedPoll>>, age| match known {
            Some(sealed) => sealed.is_of(tally) && age < SEAL_KEPT,
            None => age < FRESH,
        };
        let read = || {
            let (board, tally) = (Arc::clone(self), tally.clone());
            async move { board.make_seal(&tally).await }
        };
        let sealed = self.seals.get(tally.poll.id(), is_good, read).await?;
        Ok(sealed.filter(|sealed| sealed.is_of(tally)))
    }

    async fn make_seal(&self, tally: &Tally) -> Result<Option<Arc<SealedPoll>>, Unavailable> {
        let trees = self.scoreboard.trees(tally.poll.id()).await?;
        let Some(closed) = ClosedTrees::of(tally, &trees) else { return Ok(None) };
        let known = self.scoreboard.terms(closed.home()).await?;
        let Some((seal, trees, wordings)) = closed.seal(&known) else { return Ok(None) };
        let note = self.sign(&seal.round.installation, &seal);
        Ok(Some(Arc::new(SealedPoll { digest: seal.digest(), seal, trees, wordings, note })))
    }
}
