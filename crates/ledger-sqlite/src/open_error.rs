//! Why a ledger cannot be opened.

use std::path::{Path, PathBuf};

/// Why a ledger cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the ledger open.
    #[error("{} is in use by another process", path.display())]
    InUse {
        /// The ledger's file.
        path: PathBuf,
    },
    /// The same file has another name: a program that opens it by that name would use other files next to it.
    #[error(
        "{} has {links} names (hard links), and a program that opens it by another one would be a second writer: \
         remove the others, or make a copy of it", path.display()
    )]
    HardLinked {
        /// The file.
        path: PathBuf,
        /// The number of names.
        links: u64,
    },
    /// Several machines can write there without seeing each other's locks.
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
    /// A newer release has changed the tables.
    #[error(
        "{} was written by a newer release (its tables are version {found}, this release knows {known})",
        path.display()
    )]
    Newer {
        /// The ledger's file.
        path: PathBuf,
        /// The number of migrations applied.
        found: usize,
        /// The number of migrations in this release.
        known: usize,
    },
    /// The ledger was opened for reading, which does not migrate its tables.
    #[error("{} has tables of version {found}, this release knows {known}: start the server once", path.display())]
    Older {
        /// The ledger's file.
        path: PathBuf,
        /// The number of migrations applied.
        found: usize,
        /// The number of migrations in this release.
        known: usize,
    },
    /// The ledger cannot be created, read or written.
    #[error("{}: {source}", path.display())]
    Failed {
        /// The ledger's file, or its lock file.
        path: PathBuf,
        /// The error of the system or of SQLite.
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
