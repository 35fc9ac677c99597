//! The proof that a leaf is in a tree: a `tlog-proof` of C2SP, with the leaf as its extra data.

use std::fmt::{self, Write};

use domain::{Digest, root_of_path};

use crate::{
    base64_digest::{parse_digest, write_digest},
    checkpoint::Checkpoint,
    key::VerifierKey,
    note::NoteError,
};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// The longest way to a root: a tree has fewer than 2^64 leaves.
const MAX_PATH: usize = 64;

/// A leaf, its place, its way to the root, and the checkpoint that has this root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    /// The leaf of the ballot.
    pub leaf: Digest,
    /// Its place in the tree, from 0.
    pub index: u64,
    /// The siblings on the way to the root, from the leaf up.
    pub path: Vec<Digest>,
    /// The checkpoint, as a signed note.
    pub checkpoint: String,
}

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Another text.
    #[error("it is not a proof")]
    NotAProof,
    /// Its checkpoint says nothing.
    #[error("its checkpoint: {0}")]
    Checkpoint(#[from] NoteError),
    /// The leaf does not lead to the root.
    #[error("its leaf is not in the tree of its checkpoint")]
    AnotherRoot,
}

impl InclusionProof {
    /// Reads what is written, and nothing else. Nothing is checked yet.
    pub fn parse(text: &str) -> Result<Self, ProofError> {
        Self::read(text).filter(|proof| proof.to_string() == text).ok_or(ProofError::NotAProof)
    }

    fn read(text: &str) -> Option<Self> {
        let (head, checkpoint) = text.split_once("\n\n")?;
        let mut lines = head.split('\n');
        (lines.next()? == FIRST_LINE).then_some(())?;
        let leaf = parse_digest(lines.next()?.strip_prefix("extra ")?)?;
        let index = lines.next()?.strip_prefix("index ")?.parse().ok()?;
        let path: Vec<_> = lines.take(MAX_PATH + 1).map(parse_digest).collect::<Option<_>>()?;
        (path.len() <= MAX_PATH).then(|| Self { leaf, index, path, checkpoint: checkpoint.to_owned() })
    }

    /// Checks it, and returns the checkpoint in whose tree the leaf is.
    pub fn check(&self, key: &VerifierKey) -> Result<Checkpoint, ProofError> {
        let checkpoint: Checkpoint = key.open(&self.checkpoint)?;
        let root = root_of_path(self.leaf, self.index, checkpoint.size, &self.path);
        if root == Some(checkpoint.root) { Ok(checkpoint) } else { Err(ProofError::AnotherRoot) }
    }
}

impl fmt::Display for InclusionProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { leaf, index, path, checkpoint } = self;
        writeln!(f, "{FIRST_LINE}\nextra {}\nindex {index}", write_digest(leaf))?;
        path.iter().try_for_each(|digest| writeln!(f, "{}", write_digest(digest)))?;
        f.write_char('\n')?;
        f.write_str(checkpoint)
    }
}
