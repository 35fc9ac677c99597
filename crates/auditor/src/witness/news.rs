//! What a witness has to tell.

use std::{io, path::PathBuf};

use attest::TreeOrigin;

use crate::client::FetchError;

/// Something that a look has shown.
#[derive(Debug)]
pub enum WitnessNews {
    /// A tree has grown, and begins as it was.
    Grew {
        /// Which.
        origin: TreeOrigin,
        /// How many leaves it had.
        from: u64,
        /// How many it has.
        to: u64,
    },
    /// A tree was begun anew after a loss, as its server says: what was kept of the one before can't be compared.
    BegunAnew {
        /// The new one.
        origin: TreeOrigin,
        /// How many leaves of the one before were kept.
        given_up: u64,
    },
    /// The poll was closed, and its seal is kept.
    Sealed {
        /// The version of the close.
        version: u64,
        /// The words of the seal.
        words: String,
    },
    /// Two statements that can't both be true.
    Contradiction(Contradiction),
    /// A look at one thing failed; the next may succeed.
    NotChecked(WitnessError),
}

/// Two signed statements that can't both be true, and where they are kept.
#[derive(Debug)]
pub struct Contradiction {
    /// Of what.
    pub of: String,
    /// The file of the one that was kept.
    pub kept: PathBuf,
    /// The file of the one that was seen.
    pub seen: PathBuf,
}

/// Why a witness could not look, or not keep.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// Not fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The server says what it should not.
    #[error("{of}: {why}")]
    Answer {
        /// Of what.
        of: String,
        /// What is wrong with it.
        why: String,
    },
    /// A file of the witness.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    /// The files of the witness are not those of its checkpoint.
    #[error("{0}: the files that were kept are damaged: begin again in another directory")]
    Damaged(PathBuf),
}

impl WitnessError {
    pub(super) fn answer(of: &impl ToString, why: impl Into<String>) -> Self {
        Self::Answer { of: of.to_string(), why: why.into() }
    }
}
