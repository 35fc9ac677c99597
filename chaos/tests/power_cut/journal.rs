//! What a power cut takes away: everything that was written and not synced. See journal.c, which remembers it.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

const WRITE: u64 = 1;
const HEAD_BYTES: usize = 48;

/// A directory whose files a power cut reaches, with the journal beside it.
pub(crate) struct PowerCut {
    home: TempDir,
}

/// What was written once: where, and what was there before.
struct Written {
    sequence: u64,
    offset: u64,
    size_before: u64,
    replaced: Vec<u8>,
}

impl PowerCut {
    /// # Panics
    /// If there is no C compiler.
    pub(crate) fn prepare() -> Self {
        let home = TempDir::with_prefix("scrutin-power-cut-").unwrap();
        fs::create_dir(home.path().join("data")).unwrap();
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/power_cut/journal.c");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .arg(home.path().join("journal.so"))
            .arg(source)
            .status();
        assert!(compiled.expect("cc runs (Debian package: gcc)").success(), "{source} can't be compiled");
        Self { home }
    }

    /// The directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// The environment of a program that a power cut shall hit.
    pub(crate) fn environment(&self) -> [(&'static str, String); 3] {
        let path = |name: &str| self.home.path().join(name).display().to_string();
        [("LD_PRELOAD", path("journal.so")), ("POWER_CUT_DIR", path("data")), ("POWER_CUT_JOURNAL", path("journal"))]
    }

    /// Takes away what was not synced; how many bytes that were. The program must have been killed before.
    pub(crate) fn cut(&self) -> u64 {
        let journal = self.home.path().join("journal");
        let (writes, synced) = read(&File::open(&journal).expect("the program writes a journal")).unwrap();
        assert!(!synced.is_empty(), "the program syncs nothing, or its syncs are not seen");
        let mut taken = 0;
        for path in files(&self.data()) {
            let inode = path.metadata().unwrap().ino();
            let kept_before = synced.get(&inode).copied().unwrap_or(0);
            let lost = writes.get(&inode).into_iter().flatten().filter(|written| written.sequence >= kept_before);
            let lost: Vec<_> = lost.collect();
            // SQLite's shared memory is no file that anybody relies on after a crash.
            if lost.is_empty() || path.extension().is_some_and(|extension| extension == "db-shm") {
                continue;
            }
            let file = File::options().write(true).open(&path).unwrap();
            for written in lost.into_iter().rev() {
                let size = file.metadata().unwrap().len();
                taken += size.saturating_sub(written.size_before) + written.replaced.len() as u64;
                file.set_len(written.size_before).unwrap();
                file.write_all_at(&written.replaced, written.offset).unwrap();
            }
        }
        // What is there now is on the disk.
        fs::remove_file(journal).unwrap();
        taken
    }
}

type Journal = (HashMap<u64, Vec<Written>>, HashMap<u64, u64>);

/// All writes by inode, and for each inode the first sequence that no sync was sure to have.
fn read(mut journal: &File) -> io::Result<Journal> {
    let mut bytes = Vec::new();
    journal.read_to_end(&mut bytes)?;
    let (mut writes, mut synced) = Journal::default();
    let mut rest = bytes.as_slice();
    while let Some((head, behind)) = rest.split_at_checked(HEAD_BYTES) {
        let mut numbers =
            head.chunks_exact(8).map(|number| u64::from_ne_bytes(number.try_into().expect("eight bytes")));
        let [kind, inode, sequence, offset, size_before, length] =
            std::array::from_fn(|_| numbers.next().expect("six numbers"));
        // The program was killed while it wrote this record, and so before it wrote to the file.
        let Some((replaced, behind)) = behind.split_at_checked(usize::try_from(length).expect("64 bits")) else {
            break;
        };
        rest = behind;
        if kind == WRITE {
            let replaced = replaced.to_vec();
            writes.entry(inode).or_insert_with(Vec::new).push(Written { sequence, offset, size_before, replaced });
        } else {
            let kept: &mut u64 = synced.entry(inode).or_default();
            *kept = sequence.max(*kept);
        }
    }
    Ok((writes, synced))
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
