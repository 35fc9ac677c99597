//! A recount and a complete copy of a ledger, including the ballots that are only in its ring file.

use std::{collections::BTreeMap, fs::OpenOptions, io::ErrorKind, os::unix::fs::OpenOptionsExt, path::Path};

use domain::{Audit, PollId, Position, Unavailable};
use rusqlite::Connection;

use crate::{
    apply,
    ledger_path::LedgerPath,
    open_mark, recount,
    ring_file::{self, RingContent, name_all},
    scoreboard::{AUDIT_WITHIN, SqliteScoreboard},
    store::{self, PARTITION, StoreError},
    uncounted,
};

/// What a ledger's ring file holds that the ledger does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RingReport {
    /// Polls with ballots waiting to be counted, and the number of these.
    pub waiting: Vec<(PollId, u64)>,
    /// Slots of the ring file that cannot be read.
    pub damaged: usize,
    /// Their positions, or their slot numbers where the positions cannot be read.
    pub damaged_slots: String,
    /// Positions, not after the ledger's, of acknowledged ballots that the ledger does not have: another program has
    /// written to it. These ballots are never counted.
    pub passed_over: Vec<Position>,
    /// The ledger was open when it was copied or when its program was killed, and its ring file is missing.
    pub ring_missing: bool,
}

impl SqliteScoreboard {
    /// Counts every poll again from its ballots, and reports what is only in the ring file. All from one snapshot.
    pub async fn recount(&self) -> Result<(Audit, RingReport), Unavailable> {
        let place = self.readers.path().clone();
        let read = move |conn: &Connection| {
            let content = uncounted::of_ledger(conn, &place)?;
            let report = RingReport { waiting: by_poll(&content), ..lacking(conn, &place, content)? };
            Ok((recount::audit(conn, &[])?, report))
        };
        self.readers.read("counting again", AUDIT_WITHIN, read).await
    }

    /// Writes a copy to `file`, which must not exist, and counts the ballots that are only in the ring file into the
    /// copy. The original may be open for writing.
    pub async fn back_up(&self, file: &Path) -> Result<RingReport, Unavailable> {
        let (place, file) = (self.readers.path().clone(), file.to_owned());
        let copy = move |conn: &Connection| {
            // Created here, so that only its owner can read it; SQLite accepts an empty file.
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file)?;
            let content = uncounted::of_ledger(conn, &place)?;
            let name = file.to_str().ok_or_else(|| StoreError::Io(ErrorKind::InvalidFilename.into()))?;
            conn.execute("VACUUM INTO ?1", [name])?;
            let mut copy = Connection::open(&file)?;
            copy.execute_batch("PRAGMA synchronous = EXTRA; PRAGMA fullfsync = ON")?;
            let counted = store::counted_through(&copy, PARTITION)?;
            let left = content.ballots.iter().filter(|(position, _)| *position > counted).map(ring_file::entry);
            let outcome = apply::apply_and_commit(&mut copy, left.collect())?;
            apply::report_rejected(&outcome);
            open_mark::clear(&copy)?;
            copy.close().map_err(|(_, error)| error)?;
            LedgerPath::resolve(&file)?.sync_directory()?;
            lacking(conn, &place, content)
        };
        self.readers.read_without_transaction("copying the ledger", AUDIT_WITHIN, copy).await
    }
}

/// What a ledger lacks, apart from the ballots still to be counted.
fn lacking(conn: &Connection, place: &LedgerPath, content: RingContent) -> Result<RingReport, StoreError> {
    Ok(RingReport {
        waiting: Vec::new(),
        damaged: content.damaged.len(),
        damaged_slots: name_all(&content.damaged),
        passed_over: content.passed_over,
        ring_missing: open_mark::is_set(conn)? && !has_ring(place),
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
