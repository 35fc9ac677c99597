//! A copy of a server's files, to restart it with older data: as after a restore from a backup, or when another machine
//! takes over.

use std::{fs, path::Path};

use tempfile::TempDir;

/// The files of a server as they were at one moment.
#[derive(Debug)]
pub struct RedisFiles(TempDir);

impl RedisFiles {
    /// A copy of the files in this directory: of an earlier release, or of a running server. If the server writes at
    /// the same time, the copy ends at some point.
    ///
    /// # Panics
    /// If they cannot be copied.
    pub fn copied(directory: &Path) -> Self {
        let copy = TempDir::with_prefix("scrutin-redis-copy-").expect("a temporary directory");
        copy_all(directory, copy.path());
        Self(copy)
    }

    /// Replaces the files of a stopped server in this directory with the copy.
    pub(super) fn put(&self, directory: &Path) {
        let data = directory.join("appendonlydir");
        if data.exists() {
            fs::remove_dir_all(&data).expect("the server is gone");
        }
        copy_all(self.0.path(), directory);
    }
}

/// Copies the files that a server reads when it starts.
fn copy_all(from: &Path, to: &Path) {
    let name = "appendonlydir";
    fs::create_dir_all(to.join(name)).expect("the directory can be made");
    for file in fs::read_dir(from.join(name)).expect("the server has an append-only file") {
        let file = file.expect("an entry of a directory");
        fs::copy(file.path(), to.join(name).join(file.file_name())).expect("a file can be copied");
    }
}
