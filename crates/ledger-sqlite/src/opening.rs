//! Opens the ledger's files: checks that this process may write them and that this release understands them, and counts
//! the ballots that a killed process left in the ring file.

use std::{
    fs::File,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use domain::Position;
use rusqlite::{Connection, TransactionBehavior};

use crate::{
    apply, connection,
    files::{self, LedgerFiles, LockedFiles},
    ledger_path::LedgerPath,
    migrations,
    open_error::OpenError,
    open_mark,
    ring_file::{self, Accepted, DamagedSlot, RingFile, name_all},
    store::{self, PARTITION, StoreError},
    uncounted,
};

/// How long a start searches for ballots that the ledger has passed over; a recount finds all of them.
const LOOK_BACK: Duration = Duration::from_millis(20);
/// The open files of a process that writes.
pub(crate) struct OpenLedger {
    /// The ledger with all its tables; it has counted all accepted ballots.
    pub(crate) ledger: Connection,
    /// The ring file.
    pub(crate) ring: RingFile,
    /// Everything up to this position is counted.
    pub(crate) counted_through: Position,
    /// Locks the files, and checks that they are at their paths. Dropped last.
    pub(crate) files: Arc<LedgerFiles>,
    /// Where the files are.
    pub(crate) path: LedgerPath,
}

/// Opens a ledger's files, and counts the ballots that a killed process had accepted but not counted.
pub(crate) fn open_for_writing(given: &Path) -> Result<OpenLedger, OpenError> {
    let place = LedgerPath::resolve(given).map_err(OpenError::failed(given))?;
    let path = place.ledger.as_path();
    if let Some(kind) = place.shared_file_system() {
        return Err(OpenError::SharedFileSystem { path: path.to_owned(), kind });
    }
    let locked = LockedFiles::lock(&place)?;
    let was_empty = locked.ring_is_empty().map_err(OpenError::failed(&place.ring()))?;
    let mut ledger = Connection::open(path).map_err(OpenError::failed(path))?;
    refuse_other_releases(path, &ledger, 0)?;
    connection::set_up_for_writing(&ledger).map_err(OpenError::failed(path))?;
    migrations::migrate(&mut ledger).map_err(OpenError::failed(path))?;
    files::tighten(&place);
    let ring_path = place.ring();
    let ring = locked.ring().map_err(StoreError::from).and_then(|file| open_ring(file, &place));
    let ring = ring.map_err(OpenError::failed(&ring_path))?;
    let older = locked.ring_beside_link().map_err(StoreError::from);
    let older = older.and_then(|file| file.map(|file| open_ring(file, &place)).transpose());
    let older = older.map_err(OpenError::failed(&ring_path))?;
    if was_empty && open_mark::is_set(&ledger).map_err(OpenError::failed(path))? {
        note_missing_ring(&mut ledger, &ring_path).map_err(OpenError::failed(path))?;
    }
    let counted_through = count_left(&mut ledger, &ring, older).map_err(OpenError::failed(&ring_path))?;
    open_mark::set(&ledger).map_err(OpenError::failed(path))?;
    let files = locked.watch(&place).map_err(OpenError::failed(path))?;
    Ok(OpenLedger { ledger, ring, counted_through, files: Arc::new(files), path: place })
}

fn open_ring(file: File, place: &LedgerPath) -> Result<RingFile, StoreError> {
    RingFile::new(file, || place.sync_directory())
}

/// Records a gap: the ledger is a copy without its ring file, or the ring file was removed. Which ballots it held is
/// unknown.
fn note_missing_ring(ledger: &mut Connection, ring: &Path) -> Result<(), StoreError> {
    let after = store::counted_through(ledger, PARTITION)?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let through = after.following(u64::try_from(now).unwrap_or(0));
    tracing::warn!(event = "ring.missing",
        ring = %ring.display(), %after, %through,
        "the ledger was not closed, and the ring file that belongs to it is missing. The ballots \
         in it are not counted; a gap is noted. If you still have the file, stop this program now and put it \
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

/// Counts the ballots in the ring file, and those in an earlier release's ring file, which it then empties.
fn count_left(ledger: &mut Connection, ring: &RingFile, older: Option<RingFile>) -> Result<Position, StoreError> {
    let counted = store::counted_through(ledger, PARTITION)?;
    let mut left: Vec<Accepted> = Vec::new();
    for ring in [Some(ring), older.as_ref()].into_iter().flatten() {
        let content = uncounted::split(ledger, ring.content()?, LOOK_BACK)?;
        report_damaged(&content.damaged);
        report_passed_over(&content.passed_over);
        left.extend(content.ballots);
    }
    left.sort_unstable_by_key(|&(position, _)| position);
    if left.is_empty() {
        return Ok(counted);
    }
    tracing::info!(
        event = "ring.counting",
        ballots = left.len(),
        "counting ballots that were accepted before the last stop"
    );
    let outcome = apply::apply_and_commit(ledger, left.iter().map(ring_file::entry).collect())?;
    apply::report_rejected(&outcome);
    older.map_or(Ok(()), RingFile::close)?;
    Ok(outcome.applied.position)
}

/// Logs damaged slots. A ballot in one is not counted, unless it was counted before. If a power cut or a kill tore the
/// slot, its ballot was not acknowledged. If the disk lost the slot later, the ballot was acknowledged.
fn report_damaged(damaged: &[DamagedSlot]) {
    metrics::gauge!("scrutin_ledger_damaged_slots").set(u32::try_from(damaged.len()).unwrap_or(u32::MAX));
    if damaged.is_empty() {
        return;
    }
    tracing::warn!(
        event = "ring.damaged",
        slots = damaged.len(),
        damaged = name_all(damaged),
        "slots of the ring file can't be read. A ballot in them that was acknowledged and not counted \
         yet is lost, unless the end was a power cut or a kill in the middle of a write; compare with the voters' \
         receipts"
    );
}

/// Logs ballots whose positions are not after the ledger's, so that they can no longer be counted.
fn report_passed_over(positions: &[Position]) {
    if !positions.is_empty() {
        tracing::error!(
            event = "ring.passed_over",
            ballots = positions.len(),
            positions = name_all(positions),
            "ballots were acknowledged by one program while another wrote to the ledger, whose \
             position is beyond them. They are not counted, and a recount names them as long as the ring file has them"
        );
    }
}

/// Checks that this release can read the file. Changes nothing.
pub(crate) fn check_for_reading(given: &Path) -> Result<LedgerPath, OpenError> {
    let place = LedgerPath::resolve(given).map_err(OpenError::failed(given))?;
    let conn = connection::open_for_reading(&place.ledger).map_err(OpenError::failed(&place.ledger))?;
    refuse_other_releases(&place.ledger, &conn, migrations::KNOWN)?;
    Ok(place)
}

/// Refuses tables of a newer release, and tables with fewer than `needed` migrations.
fn refuse_other_releases(path: &Path, conn: &Connection, needed: usize) -> Result<(), OpenError> {
    let (path, known) = (path.to_owned(), migrations::KNOWN);
    match migrations::applied(conn).map_err(OpenError::failed(&path))? {
        found if found > known => Err(OpenError::Newer { path, found, known }),
        found if found < needed => Err(OpenError::Older { path, found, known }),
        _ => Ok(()),
    }
}
