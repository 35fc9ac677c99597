//! The files of a server, to come back with what it had some time ago: restored from a backup, or another machine that
//! took over.

use std::{fs, path::Path};

use tempfile::TempDir;

/// The files of a server as they were at one moment.
#[derive(Debug)]
pub struct RedisFiles(TempDir);

impl RedisFiles {
    /// A copy of the files in this directory: of an earlier release, or of a server as it is now, which may
    /// go on writing. The copy then ends somewhere.
    ///
    /// # Panics
    /// If they can't be copied.
    pub fn copied(directory: &Path) -> Self {
        let copy = TempDir::with_prefix("scrutin-redis-copy-").expect("a temporary directory");
        copy_all(directory, copy.path());
        Self(copy)
    }

    /// Puts the copy in place of what a server that is stopped has in this directory.
    pub(super) fn put(&self, directory: &Path) {
        let data = directory.join("appendonlydir");
        if data.exists() {
            fs::remove_dir_all(&data).expect("the server is gone");
        }
        copy_all(self.0.path(), directory);
    }
}

/// Copies what a server reads when it starts.
fn copy_all(from: &Path, to: &Path) {
    let name = "appendonlydir";
    fs::create_dir_all(to.join(name)).expect("the directory can be made");
    for file in fs::read_dir(from.join(name)).expect("the server has an append-only file") {
        let file = file.expect("an entry of a directory");
        fs::copy(file.path(), to.join(name).join(file.file_name())).expect("a file can be copied");
    }
}
