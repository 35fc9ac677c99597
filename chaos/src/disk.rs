//! A small disk that can be filled up.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::PathBuf,
};

/// Sizes of the writes in bytes, in this order. The last ones fill the last pages, so that no small write fits.
const CHUNKS: [usize; 2] = [1 << 20, 1 << 10];
/// The largest disk that `fill` accepts, in bytes: a wrong path must not fill a large disk.
const MOST_BYTES: u64 = 2 << 30;

/// A separate small disk, such as a tmpfs.
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
    /// If the disk is not small, or a write fails for another reason than a full disk.
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

    /// Frees the space that `fill` took.
    ///
    /// # Panics
    /// If `fill` was not called before.
    pub fn free(&self) {
        fs::remove_file(self.ballast()).expect("it was filled before");
    }

    fn ballast(&self) -> PathBuf {
        self.directory.join("ballast")
    }
}
