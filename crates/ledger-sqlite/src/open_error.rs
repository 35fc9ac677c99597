//! Why a ledger can't be opened.

use std::path::{Path, PathBuf};

/// Why a ledger can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{} is in use by another process", path.display())]
    InUse {
        /// The ledger's file.
        path: PathBuf,
    },
    /// The same file has another name: a program that opens it by that name would use other files beside it.
    #[error(
        "{} has {links} names (hard links), and a program that opens it by another one would be a second writer: \
         remove the others, or make a copy of it", path.display()
    )]
    HardLinked {
        /// The file.
        path: PathBuf,
        /// How many names it has.
        links: u64,
    },
    /// Several machines can write there, and none of them knows of the others' locks.
    #[error(
        "{} is on a file system that other machines may use as well ({kind}), so that two programs could write to one \
         ledger: move it to a disk of this machine", path.display()
    )]
    SharedFileSystem {
        /// The ledger's file.
        path: PathBuf,
        /// The file system's name.
        kind: String,
    },
    /// A newer release has changed its tables.
    #[error(
        "{} was written by a newer release (its tables are version {found}, this release knows {known})",
        path.display()
    )]
    Newer {
        /// The ledger's file.
        path: PathBuf,
        /// How many migrations it has had.
        found: usize,
        /// How many this release knows.
        known: usize,
    },
    /// It was opened for reading, and its tables are not brought up to date by that.
    #[error("{} has tables of version {found}, this release knows {known}: start the server once", path.display())]
    Older {
        /// The ledger's file.
        path: PathBuf,
        /// How many migrations it has had.
        found: usize,
        /// How many this release knows.
        known: usize,
    },
    /// It can't be made, read or written.
    #[error("{}: {source}", path.display())]
    Failed {
        /// The ledger's file, or its lock's.
        path: PathBuf,
        /// What the system or SQLite said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl OpenError {
    /// For `map_err`.
    pub(crate) fn failed<E: Into<Box<dyn std::error::Error + Send + Sync>>>(path: &Path) -> impl FnOnce(E) -> Self {
        let path = path.to_owned();
        |source| Self::Failed { path, source: source.into() }
    }
}
