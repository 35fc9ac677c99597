//! The files of a ledger that this process has open: locked, readable only by their owner, and still at their paths.
//!
//! A process can go on writing to a file that was deleted, moved or replaced, but nobody will ever read it. So the
//! paths are compared with the open files after each fsync and before a ballot is acknowledged. If a path leads to
//! another file, nothing more is accepted until the next start.

use std::{
    fs::{self, File, Metadata, OpenOptions, Permissions, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use crate::{ledger_path::LedgerPath, open_error::OpenError, store::StoreError};

/// For the owner only: a ledger records what each pseudonym chose.
const OWNER_ONLY: u32 = 0o600;

/// The files whose locks make this process the only writer; closing them releases the locks.
#[derive(Debug)]
pub(crate) struct LockedFiles {
    /// The lock files of this and of earlier releases.
    _locks: Vec<File>,
    /// The ring file, and the one that an earlier release kept next to a link to the ledger.
    ring: File,
    ring_beside_link: Option<File>,
    /// Opened before SQLite opens the file and closed after it: closing any handle on the file releases all of SQLite's
    /// locks.
    ledger: File,
}

/// The files of a ledger, while they are open.
#[derive(Debug)]
pub(crate) struct LedgerFiles {
    /// The ring file is first; all others hold the ledger.
    watched: Vec<OpenFile>,
    /// Why no ballots are accepted any more.
    stopped: OnceLock<String>,
    /// Why nothing is written to the ledger any more.
    ledger_stopped: OnceLock<String>,
    _locked: LockedFiles,
}

/// A file, identified by properties that stay the same while it is open.
#[derive(Debug)]
struct OpenFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl LockedFiles {
    /// Locks every file that any release uses as a sign that the ledger is in use.
    pub(crate) fn lock(path: &LedgerPath) -> Result<Self, OpenError> {
        let locks = path.locks().map(|name| lock(path, &name)).collect::<Result<_, _>>()?;
        let ring = lock(path, &path.ring())?;
        let ring_beside_link = match path.ring_beside_link() {
            Some(name) if name.exists() => Some(lock(path, &name)?),
            _ => None,
        };
        let ledger = open(&path.ledger)?;
        // On other systems this kind of lock would conflict with SQLite's own.
        if cfg!(target_os = "linux") {
            try_lock(path, &path.ledger, &ledger)?;
        }
        for (name, file) in [(&path.ring(), &ring), (&path.ledger, &ledger)] {
            let links = file.metadata().map_err(OpenError::failed(name))?.nlink();
            if links > 1 {
                return Err(OpenError::HardLinked { path: name.clone(), links });
            }
        }
        Ok(Self { _locks: locks, ring, ring_beside_link, ledger })
    }

    /// Whether the ring file was never used, or was closed.
    pub(crate) fn ring_is_empty(&self) -> io::Result<bool> {
        Ok(self.ring.metadata()?.len() == 0)
    }

    /// Another handle on the ring file.
    pub(crate) fn ring(&self) -> io::Result<File> {
        self.ring.try_clone()
    }

    /// Another handle on the ring file of an earlier release.
    pub(crate) fn ring_beside_link(&self) -> io::Result<Option<File>> {
        self.ring_beside_link.as_ref().map(File::try_clone).transpose()
    }

    /// Watches the files from now on. SQLite must already have opened its own.
    pub(crate) fn watch(self, path: &LedgerPath) -> io::Result<LedgerFiles> {
        let mut watched = vec![
            OpenFile::new(path.ring(), &self.ring.metadata()?),
            OpenFile::new(path.ledger.clone(), &self.ledger.metadata()?),
        ];
        for name in path.beside_ledger() {
            let found = fs::metadata(&name)?;
            watched.push(OpenFile::new(name, &found));
        }
        let files = LedgerFiles { watched, stopped: OnceLock::new(), ledger_stopped: OnceLock::new(), _locked: self };
        files.check().map_err(io::Error::other)?;
        Ok(files)
    }
}

/// Removes access for other users, where an earlier release left the files open to them.
pub(crate) fn tighten(path: &LedgerPath) {
    let names = [path.ledger.clone(), path.ring()].into_iter();
    let names = names.chain(path.beside_ledger()).chain(path.locks()).chain(path.ring_beside_link());
    let open_to_others = |name: &PathBuf| fs::metadata(name).is_ok_and(|found| found.mode() & 0o077 != 0);
    let tightened = names.filter(open_to_others).filter(|name| {
        fs::set_permissions(name, Permissions::from_mode(OWNER_ONLY))
            .inspect_err(|error| {
                let path = name.display();
                tracing::warn!(
                    event = "files.open",
                    %path,
                    %error,
                    "others on this machine can read this file, and that can't be changed"
                );
            })
            .is_ok()
    });
    let count = tightened.count();
    if count > 0 {
        tracing::info!(
            event = "files.tightened",
            files = count,
            ledger = %path.ledger.display(),
            "others on this machine could read the ledger's files; now only their owner can"
        );
    }
}

impl LedgerFiles {
    /// Checks that all files are at their paths. If so, the next start finds everything that was synced before this
    /// call.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.accepting()?;
        self.look()?;
        self.accepting()
    }

    /// Like [`check`](Self::check), for the files that hold the ledger.
    pub(crate) fn check_ledger(&self) -> Result<(), StoreError> {
        self.counting()?;
        self.look()?;
        self.counting()
    }

    fn look(&self) -> io::Result<()> {
        for (index, file) in self.watched.iter().enumerate() {
            if let Some(what) = file.is_elsewhere()? {
                self.stop(index > 0, &what);
            }
        }
        Ok(())
    }

    /// Whether ballots may still be accepted. Does not look at the files.
    pub(crate) fn accepting(&self) -> Result<(), StoreError> {
        self.stopped.get().map_or(Ok(()), |reason| Err(StoreError::Stopped(reason.clone())))
    }

    /// Whether the ledger may still be written. Does not look at the files.
    pub(crate) fn counting(&self) -> Result<(), StoreError> {
        self.ledger_stopped.get().map_or(Ok(()), |reason| Err(StoreError::Stopped(reason.clone())))
    }

    /// Stops all writes to the ledger and refuses ballots, because another program writes to the ledger too.
    pub(crate) fn stop_for_another_writer(&self, what: &str) {
        let reason = format!("another program writes to the ledger ({what})");
        if self.ledger_stopped.set(reason.clone()).is_ok() {
            tracing::error!(
                event = "ledger.foreign",
                what,
                "another program writes to this ledger. No ballot is taken or counted any more, and \
                 the ring file keeps what waits. Find the other program (lsof scrutin.db), stop it, copy the directory \
                 away, then start this one again and look at its recount"
            );
        }
        _ = self.stopped.set(reason);
    }

    fn stop(&self, ledger: bool, what: &str) {
        let told = if ledger { self.ledger_stopped.set(what.to_owned()) } else { Ok(()) };
        let first = self.stopped.set(what.to_owned());
        if first.is_err() && (told.is_err() || !ledger) {
            return;
        }
        tracing::error!(
            event = "files.gone",
            what,
            pid = std::process::id(),
            "no ballot is taken any more, and what waits stays in the ring file. Put the very same files \
             back at their places, all of them, and start this program again. If they were deleted, copy them from \
             /proc/PID/fd before it ends"
        );
    }
}

impl OpenFile {
    fn new(path: PathBuf, found: &Metadata) -> Self {
        Self { path, device: found.dev(), inode: found.ino() }
    }

    /// What is wrong with the path, if it no longer leads to this file.
    fn is_elsewhere(&self) -> io::Result<Option<String>> {
        let path = self.path.display();
        match fs::metadata(&self.path) {
            Ok(found) if (found.dev(), found.ino()) == (self.device, self.inode) => Ok(None),
            Ok(_) => Ok(Some(format!("{path} was replaced by another file"))),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Ok(Some(format!("{path} was deleted or moved")))
            }
            Err(error) => Err(error),
        }
    }
}

fn open(name: &Path) -> Result<File, OpenError> {
    let mut how = OpenOptions::new();
    how.create(true).truncate(false).read(true).write(true).mode(OWNER_ONLY);
    how.open(name).map_err(OpenError::failed(name))
}

fn lock(path: &LedgerPath, name: &Path) -> Result<File, OpenError> {
    let file = open(name)?;
    try_lock(path, name, &file)?;
    Ok(file)
}

/// The system releases the lock when the process ends, in whatever way.
fn try_lock(path: &LedgerPath, name: &Path, file: &File) -> Result<(), OpenError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.ledger.clone() }),
        Err(TryLockError::Error(error)) => Err(OpenError::failed::<io::Error>(name)(error)),
    }
}
