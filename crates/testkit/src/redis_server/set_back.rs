//! A server that comes back with what it had some time ago, and with a clock that is behind: restored from a backup, or
//! another machine that took over.

use std::{fs, path::Path, process::Command, time::Duration};

use tempfile::TempDir;

use super::RedisServer;

/// The files of a server as they were at one moment.
#[derive(Debug)]
pub struct RedisFiles(TempDir);

/// A clock that a server is shown: a library that is preloaded into it.
#[derive(Debug)]
pub(super) struct ClockBehind {
    library: TempDir,
    behind: Duration,
}

impl ClockBehind {
    fn new(behind: Duration) -> Self {
        let library = TempDir::with_prefix("scrutin-clock-").expect("a temporary directory");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/redis_server/clock_behind.c");
        let mut compile = Command::new("cc");
        compile.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(library.path().join("clock.so"));
        let compiled = compile.arg(source).status().expect("cc runs (Debian package: gcc)");
        assert!(compiled.success(), "{source} can't be compiled");
        Self { library, behind }
    }

    pub(super) fn environment(&self) -> [(&'static str, String); 2] {
        let library = self.library.path().join("clock.so").display().to_string();
        [("LD_PRELOAD", library), ("CLOCK_BEHIND_MS", self.behind.as_millis().to_string())]
    }
}

impl RedisFiles {
    /// The files that were kept in this directory, such as those of an earlier release.
    ///
    /// # Panics
    /// If they can't be copied.
    pub fn kept(directory: &Path) -> Self {
        let copy = TempDir::with_prefix("scrutin-redis-copy-").expect("a temporary directory");
        copy_all(directory, copy.path());
        Self(copy)
    }
}

impl RedisServer {
    /// A copy of the server's files as they are now. It may go on writing meanwhile: the copy then ends somewhere.
    ///
    /// # Panics
    /// If they can't be copied.
    pub fn files(&self) -> RedisFiles {
        let copy = TempDir::with_prefix("scrutin-redis-copy-").expect("a temporary directory");
        copy_all(self.directory.path(), copy.path());
        RedisFiles(copy)
    }

    /// Kills the server and starts it on these files, with a clock that is so much behind.
    ///
    /// # Panics
    /// If it does not come back.
    pub async fn set_back(&mut self, files: &RedisFiles, behind: Duration) {
        self.kill();
        let data = self.directory.path().join("appendonlydir");
        if data.exists() {
            fs::remove_dir_all(&data).expect("the server is gone");
        }
        copy_all(files.0.path(), self.directory.path());
        self.clock = (behind > Duration::ZERO).then(|| ClockBehind::new(behind));
        self.restart().await;
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
