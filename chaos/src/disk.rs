//! A small disk that can be filled up.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::PathBuf,
};

/// How much is written at a time. The last pages of a disk are filled, too, or a small write would still fit.
const CHUNKS: [usize; 2] = [1 << 20, 1 << 10];
/// What is taken for a small disk, in bytes: a mistaken path must not fill a large one.
const MOST_BYTES: u64 = 2 << 30;

/// A disk of its own, such as a tmpfs.
pub struct Disk {
    directory: PathBuf,
}

impl Disk {
    /// The disk that is mounted on this directory.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Writes until nothing fits any more.
    ///
    /// # Panics
    /// If it is no small disk.
    pub fn fill(&self) {
        let mut file = File::create(self.ballast()).expect("the disk can be written");
        let mut written = 0;
        for chunk in CHUNKS {
            let zeros = vec![0; chunk];
            loop {
                match file.write(&zeros) {
                    Ok(length @ 1..) => written += length as u64,
                    Ok(_) => break,
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("filling {}: {error}", self.directory.display()),
                }
                assert!(written < MOST_BYTES, "{} is no small disk", self.directory.display());
            }
        }
    }

    /// Makes room again.
    ///
    /// # Panics
    /// If it was not filled.
    pub fn free(&self) {
        fs::remove_file(self.ballast()).expect("it was filled before");
    }

    fn ballast(&self) -> PathBuf {
        self.directory.join("ballast")
    }
}
