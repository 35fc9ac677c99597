//! One tree of a witness: its checkpoint, its tiles, and whether it only grows.

use attest::{
    Checkpoint, Consistency, MAX_NOTE_BYTES, SealedTree, TILE_WIDTH, TileError, TilePath, TreeOrigin, VerifierKey,
    consistency, root_from_tiles, tiles_of,
};
use domain::{DIGEST_BYTES, Digest, root};

use super::{
    files::Files,
    news::{Contradiction, WitnessError, WitnessNews},
};
use crate::client::{FetchError, PublicClient};

/// The most leaves of a tree that is mirrored: more voters than there are people.
const MAX_LEAVES: u64 = 1 << 34;

/// The name of the file of the newest checkpoint.
const CHECKPOINT: &str = "checkpoint";

/// A tree at its server and in its files.
pub(super) struct WitnessedTree<'a> {
    pub(super) client: &'a PublicClient,
    pub(super) key: &'a VerifierKey,
    pub(super) origin: &'a TreeOrigin,
    /// Where the server has it.
    pub(super) address: String,
    /// Where it is kept.
    pub(super) files: Files,
    /// Where contradictions are kept.
    pub(super) contradictions: Files,
}

impl WitnessedTree<'_> {
    /// Fetches the checkpoint and what is new of the tree, and keeps it if the tree begins as it was.
    pub(super) fn look(&self) -> Result<Option<WitnessNews>, WitnessError> {
        let address = format!("{}/{CHECKPOINT}", self.address);
        let note = self.client.text(&address, MAX_NOTE_BYTES)?;
        let seen: Checkpoint =
            self.key.open(&note).map_err(|error| WitnessError::answer(&address, error.to_string()))?;
        if seen.origin != *self.origin {
            return Err(WitnessError::answer(&address, "it is of another tree"));
        }
        let Some((kept, kept_note)) = self.kept()? else {
            return self.grow(None, &seen, &note);
        };
        if seen.size > kept.size {
            return self.grow(Some((&kept, &kept_note)), &seen, &note);
        }
        // A smaller tree is no contradiction: another instance answers, or a dump was restored.
        let before = self.own_root(kept.size, seen.size)?;
        if before == seen.root { Ok(None) } else { self.contradiction(&kept, &kept_note, &seen, &note).map(Some) }
    }

    /// Whether the tree that was kept was not the sealed one when it had as many leaves. A tree that has not so many
    /// leaves yet contradicts nothing.
    pub(super) fn differs(&self, kept: &Checkpoint, sealed: &SealedTree) -> Result<bool, WitnessError> {
        Ok(kept.size >= sealed.size && self.own_root(kept.size, sealed.size)? != sealed.root)
    }

    /// The checkpoint that was kept, and its note.
    pub(super) fn kept(&self) -> Result<Option<(Checkpoint, String)>, WitnessError> {
        kept_checkpoint(self.key, &self.files)
    }

    /// Keeps what is new, if it has the root that is signed.
    fn grow(
        &self,
        kept: Option<(&Checkpoint, &str)>,
        seen: &Checkpoint,
        note: &str,
    ) -> Result<Option<WitnessNews>, WitnessError> {
        let from = kept.map_or(0, |(kept, _)| kept.size);
        let mut written = Vec::new();
        let fits = self.fetch_tiles(from, seen, &mut written);
        if matches!(fits, Ok(true)) {
            self.files.write(CHECKPOINT, note.as_bytes())?;
            self.remove(edge(from), seen.size);
            return Ok(Some(WitnessNews::Grew { origin: self.origin.clone(), from, to: seen.size }));
        }
        self.remove(written.into_iter(), from);
        fits?;
        match kept {
            Some((kept, kept_note)) => self.compare(kept, kept_note, seen, note),
            None => Err(WitnessError::answer(self.origin, "its tiles are not those of its checkpoint")),
        }
    }

    /// What is new does not fit what was kept: the server's own tiles say whether both can be true.
    fn compare(
        &self,
        kept: &Checkpoint,
        kept_note: &str,
        seen: &Checkpoint,
        note: &str,
    ) -> Result<Option<WitnessNews>, WitnessError> {
        let compared = consistency(kept, seen, &mut |tile| self.fetch_tile(tile));
        match compared.map_err(|error| self.tile_error(error))? {
            Consistency::Contradiction => self.contradiction(kept, kept_note, seen, note).map(Some),
            Consistency::OtherTiles => {
                Err(WitnessError::answer(self.origin, "its tiles are not those of its checkpoint"))
            }
            Consistency::Grows => Err(WitnessError::Damaged(self.files.path("tile"))),
        }
    }

    /// Keeps both checkpoints where the next look does not write over them.
    fn contradiction(
        &self,
        kept: &Checkpoint,
        kept_note: &str,
        seen: &Checkpoint,
        note: &str,
    ) -> Result<WitnessNews, WitnessError> {
        let name = |what, Checkpoint { size, root, .. }: &Checkpoint| format!("{what}-{size}-{:.8}", root.to_string());
        let kept = self.contradictions.write(&name("kept", kept), kept_note.as_bytes())?;
        let seen = self.contradictions.write(&name("seen", seen), note.as_bytes())?;
        Ok(WitnessNews::Contradiction(Contradiction { of: self.origin.to_string(), kept, seen }))
    }

    /// The root of the first leaves, by the files of a tree of `kept` leaves.
    fn own_root(&self, kept: u64, size: u64) -> Result<Digest, WitnessError> {
        let mut read = |tile: TilePath| {
            let there = TilePath::in_tree(tile.level, tile.index, kept).expect("a smaller tree has no more tiles");
            let mut hashes = self.own_tile(there)?;
            hashes.truncate(usize::try_from(tile.width).expect("256 at most"));
            Ok(hashes)
        };
        root_from_tiles(size, &mut read).map_err(|error| self.tile_error(error))
    }

    fn own_tile(&self, tile: TilePath) -> Result<Vec<Digest>, WitnessError> {
        let name = tile_name(tile);
        let damaged = || WitnessError::Damaged(self.files.path(&name));
        let bytes = self.files.read(&name)?.ok_or_else(damaged)?;
        Digest::list(&bytes).filter(|hashes| hashes.len() as u64 == tile.width).ok_or_else(damaged)
    }

    /// Fetches and makes all new tiles, which are noted in `written`; whether they have the root that is signed.
    fn fetch_tiles(&self, from: u64, seen: &Checkpoint, written: &mut Vec<TilePath>) -> Result<bool, WitnessError> {
        if seen.size > MAX_LEAVES {
            return Err(WitnessError::answer(self.origin, "it has more ballots than there can be"));
        }
        self.fetch_leaves(from, seen.size, written)?;
        self.make_upper_tiles(from, seen.size, written)?;
        Ok(self.own_root(seen.size, seen.size)? == seen.root)
    }

    /// Fetches the leaves from `from` on, whole tiles of them; those that were kept stay as they are.
    fn fetch_leaves(&self, from: u64, to: u64, written: &mut Vec<TilePath>) -> Result<(), WitnessError> {
        for tile in tiles_of(to).take_while(|tile| tile.level == 0).skip(first_new(0, from)) {
            let mut hashes = self.fetch_tile(tile)?;
            if let Some(known) = TilePath::in_tree(0, tile.index, from) {
                let known = self.own_tile(known)?;
                hashes[..known.len()].copy_from_slice(&known);
            }
            written.push(tile);
            self.files.write(&tile_name(tile), &Digest::join(&hashes))?;
        }
        Ok(())
    }

    /// Makes the tiles above the leaves: they follow from those below.
    fn make_upper_tiles(&self, from: u64, to: u64, written: &mut Vec<TilePath>) -> Result<(), WitnessError> {
        for tile in tiles_of(to).filter(|tile| tile.level > 0 && tile.index >= first_new(tile.level, from) as u64) {
            let first = tile.index * TILE_WIDTH;
            let below = (first..first + tile.width).map(|index| {
                let below = TilePath { level: tile.level - 1, index, width: TILE_WIDTH };
                Ok(root(&self.own_tile(below)?))
            });
            let hashes: Vec<_> = below.collect::<Result<_, WitnessError>>()?;
            written.push(tile);
            self.files.write(&tile_name(tile), &Digest::join(&hashes))?;
        }
        Ok(())
    }

    /// Removes those of these tiles that a tree of `size` leaves does not have.
    fn remove(&self, tiles: impl Iterator<Item = TilePath>, size: u64) {
        let is_kept = |tile: &TilePath| TilePath::in_tree(tile.level, tile.index, size) == Some(*tile);
        tiles.filter(|tile| !is_kept(tile)).for_each(|tile| self.files.remove(&tile_name(tile)));
    }

    /// A tile as the server has it. One that is not full may have become so since the checkpoint was signed.
    fn fetch_tile(&self, tile: TilePath) -> Result<Vec<Digest>, WitnessError> {
        let width = usize::try_from(tile.width).expect("256 at most");
        let fetch = |tile: TilePath| {
            let address = format!("{}/{}", self.address, tile_name(tile));
            let bytes = self.client.bytes(&address, DIGEST_BYTES * 256)?;
            let hashes = Digest::list(&bytes).filter(|hashes| hashes.len() >= width);
            hashes.ok_or_else(|| WitnessError::answer(&address, "it has not as many hashes as it must have"))
        };
        let mut hashes = match fetch(tile) {
            Err(WitnessError::Fetch(FetchError::NotThere { .. })) if !tile.is_full() => fetch(tile.full())?,
            fetched => fetched?,
        };
        hashes.truncate(width);
        Ok(hashes)
    }

    fn tile_error(&self, error: TileError<WitnessError>) -> WitnessError {
        match error {
            TileError::Fetch(error) => error,
            error @ TileError::Width(_) => WitnessError::answer(self.origin, error.to_string()),
        }
    }
}

/// The checkpoint that was kept of the tree with these files, and its note.
pub(super) fn kept_checkpoint(key: &VerifierKey, files: &Files) -> Result<Option<(Checkpoint, String)>, WitnessError> {
    let Some(note) = files.read_text(CHECKPOINT)? else { return Ok(None) };
    let kept = key.open(&note).map_err(|_| WitnessError::Damaged(files.path(CHECKPOINT)))?;
    Ok(Some((kept, note)))
}

fn tile_name(tile: TilePath) -> String {
    format!("tile/{tile}")
}

/// The tiles of a tree of `size` leaves that are not full.
fn edge(size: u64) -> impl Iterator<Item = TilePath> {
    (0..u64::BITS / 8).filter_map(move |level| TilePath::in_tree(level, first_new(level, size) as u64, size))
}

/// The first tile of a level that is not full in a tree of `size` leaves.
fn first_new(level: u32, size: u64) -> usize {
    usize::try_from(size.checked_shr(8 * (level + 1)).unwrap_or(0)).unwrap_or(usize::MAX)
}
