//! Ballots in the ring file that the ledger does not have.

use std::{
    thread,
    time::{Duration, Instant},
};

use rusqlite::Connection;

use crate::{
    ledger_path::LedgerPath,
    ring_file::{self, RingContent},
    store::{self, PARTITION, StoreError},
};

/// The longest time for which a slot can look damaged because it is being written.
const WRITING: Duration = Duration::from_millis(100);

/// Reads the ring file first and then the ledger, whose snapshot begins with the first read, so that no ballot is
/// missed between the two.
pub(crate) fn of_ledger(conn: &Connection, place: &LedgerPath) -> Result<RingContent, StoreError> {
    let mut content = read_rings(place)?;
    if !content.damaged.is_empty() {
        thread::sleep(WRITING);
        let before = content.damaged;
        content = read_rings(place)?;
        content.damaged.retain(|slot| before.contains(slot));
    }
    split(conn, content, Duration::MAX)
}

/// Keeps the ballots that must still be counted, and finds those that the ledger has passed over: newest first, as many
/// as it can check within `limit`.
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
    let mut content = ring_file::read(&place.ring())?;
    if let Some(older) = place.ring_beside_link() {
        let older = ring_file::read(&older)?;
        content.ballots.extend(older.ballots);
        content.damaged.extend(older.damaged);
        content.ballots.sort_unstable_by_key(|&(position, _)| position);
    }
    Ok(content)
}
