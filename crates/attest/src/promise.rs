//! The promise that a voter gets once a ballot is counted: this leaf will be in that tree.

use domain::{Digest, InstallationId};

use crate::{note::NoteText, origin::TreeOrigin};

/// A leaf that is, or will be, in a tree. It does not tell what the ballot chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// Which tree.
    pub origin: TreeOrigin,
    /// The leaf of the ballot.
    pub leaf: Digest,
}

impl NoteText for Promise {
    fn text(&self) -> String {
        let Self { origin, leaf } = self;
        format!("scrutin promise 1\n{origin}\nleaf {leaf}\n")
    }

    fn installation(&self) -> &InstallationId {
        &self.origin.round.installation
    }

    fn parse(text: &str) -> Option<Self> {
        let ["scrutin promise 1", origin, leaf, ""] = text.split('\n').collect::<Vec<_>>()[..] else { return None };
        let leaf = Digest::parse_hex(leaf.strip_prefix("leaf ")?)?;
        Some(Self { origin: TreeOrigin::parse(origin)?, leaf })
    }
}
