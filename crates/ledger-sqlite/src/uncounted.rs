//! What was accepted and is not in the ledger: for the recount, and for copies that are complete.

use std::{
    collections::BTreeMap, fs::OpenOptions, io::ErrorKind, os::unix::fs::OpenOptionsExt, path::Path, thread,
    time::Duration,
};

use domain::{Audit, PollId, Unavailable};
use rusqlite::Connection;

use crate::{
    SqliteScoreboard,
    casting::PARTITION,
    counting,
    ledger_path::LedgerPath,
    opening::{self, name_slots},
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
    /// The ledger was open when it was copied, or when its program was killed, and its ring file is not beside it.
    pub ring_missing: bool,
}

impl SqliteScoreboard {
    /// Counts every poll again from its ballots, and tells what is not among these yet. All of it is of one moment.
    pub async fn recount(&self) -> Result<(Audit, Uncounted), Unavailable> {
        let place = self.readers.path().clone();
        let read = move |conn: &Connection| {
            let content = what_waits(conn, &place)?;
            let uncounted = Uncounted {
                waiting: by_poll(&content),
                damaged: content.damaged.len(),
                damaged_slots: name_slots(&content.damaged),
                ring_missing: opening::is_marked_open(conn)? && !has_ring(&place),
            };
            Ok((recount::audit(conn, &[])?, uncounted))
        };
        self.readers.read("counting again", AUDIT_WITHIN, read).await
    }

    /// Writes a ledger to `file`, which must not be there yet: all that is counted and all that waits, counted as well. The
    /// original may be open for writing. What is damaged in its ring file is told.
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
            Ok(Uncounted {
                waiting: Vec::new(),
                damaged: content.damaged.len(),
                damaged_slots: name_slots(&content.damaged),
                ring_missing: opening::is_marked_open(conn)? && !has_ring(&place),
            })
        };
        self.readers.read_without_transaction("copying the ledger", AUDIT_WITHIN, copy).await
    }
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
    let counted = store::counted_through(conn, PARTITION)?;
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
