//! What was accepted and is not in the ledger: for the recount, and for copies that are complete.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::ErrorKind,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use domain::{Audit, PollId, Position, Unavailable};
use rusqlite::Connection;

use crate::{
    SqliteScoreboard,
    casting::PARTITION,
    counting,
    ledger_path::LedgerPath,
    opening::{self, name_all},
    recount,
    scoreboard::AUDIT_WITHIN,
    store::{self, StoreError},
    waiting::{self, RingContent},
};

/// A slot that is being written while it is read looks damaged for so long at most.
const WRITING: Duration = Duration::from_millis(100);

/// What a ledger's ring file has that the ledger does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uncounted {
    /// Polls with ballots that wait to be counted, and how many these are.
    pub waiting: Vec<(PollId, u64)>,
    /// Slots of the ring file that can't be read.
    pub damaged: usize,
    /// Their positions, or their places in the file.
    pub damaged_slots: String,
    /// Ballots that were acknowledged at positions which the ledger is beyond, and that it does not have: another
    /// program has written to it. They are never counted.
    pub passed_over: Vec<Position>,
    /// The ledger was open when it was copied, or when its program was killed, and its ring file is not beside it.
    pub ring_missing: bool,
}

impl SqliteScoreboard {
    /// Counts every poll again from its ballots, and tells what is not among these yet. All of it is of one moment.
    pub async fn recount(&self) -> Result<(Audit, Uncounted), Unavailable> {
        let place = self.readers.path().clone();
        let read = move |conn: &Connection| {
            let content = what_waits(conn, &place)?;
            let uncounted = Uncounted { waiting: by_poll(&content), ..lacking(conn, &place, content)? };
            Ok((recount::audit(conn, &[])?, uncounted))
        };
        self.readers.read("counting again", AUDIT_WITHIN, read).await
    }

    /// Writes a ledger to `file`, which must not be there yet: all that is counted and all that waits, counted as well.
    /// The original may be open for writing. What is damaged in its ring file is told.
    pub async fn back_up(&self, file: &Path) -> Result<Uncounted, Unavailable> {
        let (place, file) = (self.readers.path().clone(), file.to_owned());
        let copy = move |conn: &Connection| {
            // Made by us, so that it is for its owner only; SQLite takes a file that is empty.
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file)?;
            let content = what_waits(conn, &place)?;
            let name = file.to_str().ok_or_else(|| StoreError::Io(ErrorKind::InvalidFilename.into()))?;
            conn.execute("VACUUM INTO ?1", [name])?;
            let mut copy = Connection::open(&file)?;
            copy.execute_batch("PRAGMA synchronous = EXTRA; PRAGMA fullfsync = ON")?;
            let counted = store::counted_through(&copy, PARTITION)?;
            let left = content.ballots.iter().filter(|(position, _)| *position > counted).map(waiting::entry);
            let outcome = counting::apply_in_a_transaction(&mut copy, left.collect())?;
            counting::report_rejected(&outcome);
            opening::mark_closed(&copy)?;
            copy.close().map_err(|(_, error)| error)?;
            LedgerPath::resolve(&file)?.sync_directory()?;
            lacking(conn, &place, content)
        };
        self.readers.read_without_transaction("copying the ledger", AUDIT_WITHIN, copy).await
    }
}

/// What a ledger lacks, but for what waits.
fn lacking(conn: &Connection, place: &LedgerPath, content: RingContent) -> Result<Uncounted, StoreError> {
    Ok(Uncounted {
        waiting: Vec::new(),
        damaged: content.damaged.len(),
        damaged_slots: name_all(&content.damaged),
        passed_over: content.passed_over,
        ring_missing: opening::is_marked_open(conn)? && !has_ring(place),
    })
}

fn has_ring(place: &LedgerPath) -> bool {
    std::fs::metadata(place.ring()).is_ok_and(|found| found.len() > 0)
}

fn by_poll(content: &RingContent) -> Vec<(PollId, u64)> {
    let mut polls = BTreeMap::<PollId, u64>::new();
    for (_, ballot) in &content.ballots {
        *polls.entry(ballot.poll).or_default() += 1;
    }
    polls.into_iter().collect()
}

/// First what waits, then the ledger, whose moment begins when it is first read: so nothing is between the two.
pub(crate) fn what_waits(conn: &Connection, place: &LedgerPath) -> Result<RingContent, StoreError> {
    let mut content = read_rings(place)?;
    if !content.damaged.is_empty() {
        thread::sleep(WRITING);
        let before = content.damaged;
        content = read_rings(place)?;
        content.damaged.retain(|slot| before.contains(slot));
    }
    split(conn, content, Duration::MAX)
}

/// Leaves what is to be counted, and finds what is passed over, the newest first, as far as it gets in this time.
pub(crate) fn split(conn: &Connection, mut content: RingContent, limit: Duration) -> Result<RingContent, StoreError> {
    let begun = Instant::now();
    let counted = store::counted_through(conn, PARTITION)?;
    let mut is_counted = conn.prepare_cached(
        "SELECT 1 FROM ballots WHERE poll = (SELECT number FROM polls WHERE id = ?1) AND voter = ?2 AND position = ?3",
    )?;
    let mut is_set_aside = conn.prepare_cached("SELECT 1 FROM rejected WHERE partition = ?1 AND position = ?2")?;
    for (position, ballot) in content.ballots.iter().rev().filter(|(position, _)| *position <= counted) {
        if begun.elapsed() > limit {
            break;
        }
        let key = (ballot.poll.as_str(), ballot.voter.as_bytes(), position.as_i64());
        if !is_counted.exists(key)? && !is_set_aside.exists((PARTITION.number(), position.as_i64()))? {
            content.passed_over.push(*position);
        }
    }
    content.ballots.retain(|(position, _)| *position > counted);
    Ok(content)
}

fn read_rings(place: &LedgerPath) -> Result<RingContent, StoreError> {
    let mut content = waiting::read(&place.ring())?;
    if let Some(older) = place.ring_beside_link() {
        let older = waiting::read(&older)?;
        content.ballots.extend(older.ballots);
        content.damaged.extend(older.damaged);
        content.ballots.sort_unstable_by_key(|&(position, _)| position);
    }
    Ok(content)
}
