//! A clock that is behind, for a server that plays the role of another machine.

use std::{process::Command, time::Duration};

use tempfile::TempDir;

/// A clock for one server: a library that is preloaded into it.
#[derive(Debug)]
pub(super) struct ClockBehind {
    library: TempDir,
    behind: Duration,
}

impl ClockBehind {
    pub(super) fn new(behind: Duration) -> Self {
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
