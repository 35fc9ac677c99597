//! Opening the file: who may write it, whether this release understands it, and how SQLite is set up.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use domain::Position;
use rusqlite::{Connection, config::DbConfig};

use crate::{
    casting::PARTITION,
    counting, migrations, readers,
    store::{self, StoreError},
    waiting::{self, WaitingFile},
};

/// How long SQLite waits for a lock that somebody else has, such as a backup tool.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// Why a ledger can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{} is in use by another process", path.display())]
    InUse {
        /// The ledger's file.
        path: PathBuf,
    },
    /// A newer release has changed its tables.
    #[error("{} was written by a newer release (its tables are version {found}, this release knows {known})", path.display())]
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

/// What a process that writes has open.
pub(crate) struct Opened {
    /// The ledger, set up and with all its tables; everything that was accepted is counted.
    pub(crate) ledger: Connection,
    /// The file of what waits to be counted.
    pub(crate) waiting: WaitingFile,
    /// Everything up to here is counted.
    pub(crate) counted: Position,
    /// Keeps other processes from writing.
    pub(crate) lock: File,
}

/// Opens a ledger's files, and counts what a process that was killed had accepted and not counted.
pub(crate) fn open_for_writing(path: &Path) -> Result<Opened, OpenError> {
    let lock = lock(path)?;
    let mut ledger = Connection::open(path).map_err(OpenError::failed(path))?;
    refuse_other_releases(path, &ledger, 0)?;
    set_up(&ledger).map_err(OpenError::failed(path))?;
    migrations::migrate(&mut ledger).map_err(OpenError::failed(path))?;
    let waiting_path = waiting::path_of(path);
    let waiting = WaitingFile::open(&waiting_path).map_err(OpenError::failed(&waiting_path))?;
    let counted = count_what_waits(&mut ledger, &waiting).map_err(OpenError::failed(&waiting_path))?;
    Ok(Opened { ledger, waiting, counted, lock })
}

fn count_what_waits(ledger: &mut Connection, waiting: &WaitingFile) -> Result<Position, StoreError> {
    let left = waiting.after(store::counted_through(ledger, PARTITION)?)?;
    if !left.is_empty() {
        tracing::info!(ballots = left.len(), "counting what was accepted before the last end");
    }
    let outcome = counting::apply_in_a_transaction(ledger, left.iter().map(waiting::entry).collect())?;
    counting::report_rejected(&outcome);
    Ok(outcome.applied.position)
}

/// Makes sure that this release can read the file, and touches nothing.
pub(crate) fn look_for_reading(path: &Path) -> Result<(), OpenError> {
    let conn = readers::connect(path).map_err(OpenError::failed(path))?;
    refuse_other_releases(path, &conn, migrations::KNOWN)
}

/// Refuses tables of a newer release, and those that have not had `needed` migrations.
fn refuse_other_releases(path: &Path, conn: &Connection, needed: usize) -> Result<(), OpenError> {
    let (path, known) = (path.to_owned(), migrations::KNOWN);
    match migrations::applied(conn).map_err(OpenError::failed(&path))? {
        found if found > known => Err(OpenError::Newer { path, found, known }),
        found if found < needed => Err(OpenError::Older { path, found, known }),
        _ => Ok(()),
    }
}

/// The lock is on a file of its own: SQLite's own exclusive mode would shut our readers out as well. The system
/// releases it when the process ends, however it ends.
fn lock(path: &Path) -> Result<File, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let file =
        OpenOptions::new().create(true).truncate(false).write(true).open(&name).map_err(OpenError::failed(&name))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(OpenError::failed::<io::Error>(&name)(error)),
    }
}

/// One plan for each statement, whatever is bound to it. Else SQLite plans a look-up anew for each voter, which takes
/// longer than the look-up.
pub(crate) fn keep_plans(conn: &Connection) -> Result<(), StoreError> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

fn set_up(conn: &Connection) -> Result<(), StoreError> {
    conn.busy_timeout(LOCK_WAIT)?;
    keep_plans(conn)?;
    conn.set_prepared_statement_cache_capacity(64);
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", (), |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(StoreError::Data(format!("no write-ahead log can be kept here (journal mode {mode})")));
    }
    // FULL: each COMMIT is on the disk before it returns, and then what was counted may be forgotten where it waited.
    // A checkpoint every 128 MiB rather than every 4 writes pages that many ballots touch less often, and the pages of a
    // million ballots fit into the cache, which only grows as it is used.
    conn.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA fullfsync = ON; -- what macOS calls fsync does not reach the disk
         PRAGMA foreign_keys = ON;
         PRAGMA wal_autocheckpoint = 32768;
         PRAGMA journal_size_limit = 134217728;
         PRAGMA cache_size = -131072;",
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use domain::VoterId;
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_look_up_is_planned_once_and_not_for_each_voter() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.db");
        let writing = open_for_writing(&path).unwrap().ledger;
        let reading = readers::connect(&path).unwrap();
        for conn in [writing, reading] {
            for voter in 0..10 {
                assert_eq!(store::newest(&conn, voter.into(), VoterId::from_bytes([voter; 16])).unwrap(), None);
            }
            let look_up = conn.prepare_cached(store::NEWEST).unwrap();
            assert_eq!(look_up.get_status(StatementStatus::Run), 10, "this is the statement");
            assert_eq!(look_up.get_status(StatementStatus::RePrepare), 0);
        }
    }
}
