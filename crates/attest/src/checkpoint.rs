//! Checkpoints of C2SP: the size and the root of a tree, signed.

use domain::{Digest, InstallationId};

use crate::{
    base64_digest::{parse_digest, write_digest},
    note::NoteText,
    origin::TreeOrigin,
};

/// The size and the root of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which tree.
    pub origin: TreeOrigin,
    /// How many leaves it has.
    pub size: u64,
    /// Its root.
    pub root: Digest,
}

impl NoteText for Checkpoint {
    fn text(&self) -> String {
        let Self { origin, size, root } = self;
        format!("{origin}\n{size}\n{}\n", write_digest(root))
    }

    fn installation(&self) -> &InstallationId {
        &self.origin.round.installation
    }

    fn parse(text: &str) -> Option<Self> {
        let [origin, size, root, ""] = text.split('\n').collect::<Vec<_>>()[..] else { return None };
        let checkpoint =
            Self { origin: TreeOrigin::parse(origin)?, size: size.parse().ok()?, root: parse_digest(root)? };
        (checkpoint.text() == text).then_some(checkpoint)
    }
}
