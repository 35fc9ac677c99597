//! Opening the file: who may write it, whether this release understands it, and how SQLite is set up.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use domain::Position;
use rusqlite::{Connection, TransactionBehavior, config::DbConfig};

use crate::{
    casting::PARTITION,
    counting,
    files::{self, LedgerFiles, LockedFiles},
    ledger_path::LedgerPath,
    migrations, readers,
    store::{self, StoreError},
    uncounted,
    waiting::{self, Accepted, DamagedSlot, WaitingFile},
};

/// How long SQLite waits for a lock that somebody else has, such as a backup tool.
pub(crate) const LOCK_WAIT: Duration = Duration::from_secs(2);

/// The mark of a ledger that a program has open, in SQLite's `user_version`.
const OPEN: i64 = 1;
/// How long a start looks for ballots that are passed over; a recount finds all of them.
const LOOK_BACK: Duration = Duration::from_millis(20);
/// How many slots or positions are named in a line.
const MAX_NAMED: usize = 20;

/// Why a ledger can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{} is in use by another process", path.display())]
    InUse {
        /// The ledger's file.
        path: PathBuf,
    },
    /// Another name leads to the same file: whoever opens that one would keep other files beside it.
    #[error(
        "{} has {links} names (hard links), and a program that opens it by another one would be a second writer: \
         remove the others, or make a copy of it", path.display()
    )]
    HardLinked {
        /// The file.
        path: PathBuf,
        /// How many names it has.
        links: u64,
    },
    /// Several machines can write there, and none of them knows of the others' locks.
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
    /// Keeps other processes from writing, and watches over the files. Dropped last.
    pub(crate) files: Arc<LedgerFiles>,
    /// Where they are.
    pub(crate) place: LedgerPath,
}

/// Opens a ledger's files, and counts what a process that was killed had accepted and not counted.
pub(crate) fn open_for_writing(given: &Path) -> Result<Opened, OpenError> {
    let place = LedgerPath::resolve(given).map_err(OpenError::failed(given))?;
    let path = place.ledger.as_path();
    if let Some(kind) = place.shared_file_system() {
        return Err(OpenError::SharedFileSystem { path: path.to_owned(), kind });
    }
    let locked = LockedFiles::lock(&place)?;
    let was_empty = locked.ring_is_empty().map_err(OpenError::failed(&place.ring()))?;
    let mut ledger = Connection::open(path).map_err(OpenError::failed(path))?;
    refuse_other_releases(path, &ledger, 0)?;
    set_up(&ledger).map_err(OpenError::failed(path))?;
    migrations::migrate(&mut ledger).map_err(OpenError::failed(path))?;
    files::tighten(&place);
    let ring = place.ring();
    let waiting = locked.ring().map_err(StoreError::from).and_then(|file| open_ring(file, &place));
    let waiting = waiting.map_err(OpenError::failed(&ring))?;
    let older = locked.ring_beside_link().map_err(StoreError::from);
    let older = older.and_then(|file| file.map(|file| open_ring(file, &place)).transpose());
    let older = older.map_err(OpenError::failed(&ring))?;
    if was_empty && is_marked_open(&ledger).map_err(OpenError::failed(path))? {
        note_missing_ring(&mut ledger, &ring).map_err(OpenError::failed(path))?;
    }
    let counted = count_what_waits(&mut ledger, &waiting, older).map_err(OpenError::failed(&ring))?;
    mark_open(&ledger).map_err(OpenError::failed(path))?;
    let files = locked.watch(&place).map_err(OpenError::failed(path))?;
    Ok(Opened { ledger, waiting, counted, files: Arc::new(files), place })
}

fn open_ring(file: File, place: &LedgerPath) -> Result<WaitingFile, StoreError> {
    WaitingFile::new(file, || place.sync_directory())
}

/// Whether the program that had the ledger has not closed it: then the ring file belongs to it. Releases before this
/// mark never set it.
pub(crate) fn is_marked_open(conn: &Connection) -> Result<bool, StoreError> {
    let mark: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(mark == OPEN)
}

/// Only once the ring file is whole.
fn mark_open(conn: &Connection) -> Result<(), StoreError> {
    Ok(conn.pragma_update(None, "user_version", OPEN)?)
}

/// Only once all is counted, and before the ring file is emptied.
pub(crate) fn mark_closed(conn: &Connection) -> Result<(), StoreError> {
    Ok(conn.pragma_update(None, "user_version", 0)?)
}

/// The ledger is a copy without its ring file, or that was removed: nobody knows what waited in it. So it is told as a
/// gap.
fn note_missing_ring(ledger: &mut Connection, ring: &Path) -> Result<(), StoreError> {
    let after = store::counted_through(ledger, PARTITION)?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let through = after.following(u64::try_from(now).unwrap_or(0));
    tracing::warn!(
        ring = %ring.display(), %after, %through,
        "ring.missing: the ledger was not closed, and the ring file that belongs to it is not there. Ballots that \
         waited in it are not counted; a gap is noted. If you still have the file, stop this program now and put it \
         back, together with the ledger as it was"
    );
    let tx = ledger.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute(
        "INSERT OR IGNORE INTO gaps (partition, after, through) VALUES (?1, ?2, ?3)",
        (PARTITION.number(), after.as_i64(), through.as_i64()),
    )?;
    tx.execute("UPDATE log SET position = ?2 WHERE partition = ?1", (PARTITION.number(), through.as_i64()))?;
    tx.commit()?;
    Ok(())
}

/// Counts what is in the ring file. What is in the one of an earlier release as well, which is empty afterwards.
fn count_what_waits(
    ledger: &mut Connection,
    waiting: &WaitingFile,
    older: Option<WaitingFile>,
) -> Result<Position, StoreError> {
    let counted = store::counted_through(ledger, PARTITION)?;
    let mut left: Vec<Accepted> = Vec::new();
    for ring in [Some(waiting), older.as_ref()].into_iter().flatten() {
        let content = uncounted::split(ledger, ring.content()?, LOOK_BACK)?;
        report_damaged(&content.damaged);
        report_passed_over(&content.passed_over);
        left.extend(content.ballots);
    }
    left.sort_unstable_by_key(|&(position, _)| position);
    if left.is_empty() {
        return Ok(counted);
    }
    tracing::info!(ballots = left.len(), "counting what was accepted before the last end");
    let outcome = counting::apply_in_a_transaction(ledger, left.iter().map(waiting::entry).collect())?;
    counting::report_rejected(&outcome);
    older.map_or(Ok(()), WaitingFile::close)?;
    Ok(outcome.applied.position)
}

/// What was in a damaged slot is not counted, unless it was before. Nobody was told of what stood in a slot that a
/// power cut or a kill tore; of what a disk lost later somebody was.
fn report_damaged(damaged: &[DamagedSlot]) {
    metrics::gauge!("scrutin_ledger_damaged_slots").set(u32::try_from(damaged.len()).unwrap_or(u32::MAX));
    if damaged.is_empty() {
        return;
    }
    tracing::warn!(
        slots = damaged.len(),
        damaged = name_all(damaged),
        "ring.damaged: slots of the ring file can't be read. A ballot in them that was acknowledged and not counted \
         yet is lost, unless the end was a power cut or a kill in the middle of a write; compare with the voters' \
         receipts"
    );
}

/// They have their places among what is counted, and were not when that was. It is too late to count them.
fn report_passed_over(positions: &[Position]) {
    if !positions.is_empty() {
        tracing::error!(
            ballots = positions.len(),
            positions = name_all(positions),
            "ring.passed_over: ballots were acknowledged by one program while another wrote to the ledger, whose \
             position is beyond them. They are not counted, and a recount names them as long as the ring file has them"
        );
    }
}

/// The first of them, by name.
pub(crate) fn name_all(all: &[impl ToString]) -> String {
    let named: Vec<_> = all.iter().take(MAX_NAMED).map(ToString::to_string).collect();
    let more = all.len().saturating_sub(MAX_NAMED);
    named.join(", ") + &if more > 0 { format!(", and {more} more") } else { String::new() }
}

/// Makes sure that this release can read the file, and touches nothing.
pub(crate) fn look_for_reading(given: &Path) -> Result<LedgerPath, OpenError> {
    let place = LedgerPath::resolve(given).map_err(OpenError::failed(given))?;
    let conn = readers::connect(&place.ledger).map_err(OpenError::failed(&place.ledger))?;
    refuse_other_releases(&place.ledger, &conn, migrations::KNOWN)?;
    Ok(place)
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
