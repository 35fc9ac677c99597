//! What people have kept, against which a published file is checked.

use domain::PollId;

use crate::{key::VerifierKey, words::SEAL_WORDS};

/// What people have kept.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The poll that was asked for; without it a file of any poll will do.
    pub poll: Option<PollId>,
    /// The installation's key; without it the one in the file is taken, which the server may have changed.
    pub key: Option<VerifierKey>,
    /// Proofs of receipts.
    pub proofs: Vec<KeptNote>,
    /// Promises of receipts.
    pub promises: Vec<KeptNote>,
    /// Checkpoints that screens or witnesses saw.
    pub checkpoints: Vec<KeptNote>,
    /// Seals.
    pub seals: Vec<KeptNote>,
    /// The twelve words of the seal.
    pub words: Option<[&'static str; SEAL_WORDS]>,
}

impl Evidence {
    /// The names of all notes that were given.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let notes = [&self.proofs, &self.promises, &self.checkpoints, &self.seals];
        notes.into_iter().flatten().map(|note| note.name.as_str())
    }
}

/// A note as it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptNote {
    /// Its name in what is said of it, such as that of its file.
    pub name: String,
    /// The signed note, or the proof.
    pub text: String,
}
