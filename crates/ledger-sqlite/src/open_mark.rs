//! The mark of a ledger that a program has open: the ring file then belongs to it.

use rusqlite::Connection;

use crate::store::StoreError;

/// The mark, in SQLite's `user_version`. Earlier releases never set it.
const OPEN: i64 = 1;

/// Whether the last program that had the ledger open did not close it.
pub(crate) fn is_set(conn: &Connection) -> Result<bool, StoreError> {
    let mark: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(mark == OPEN)
}

/// Sets the mark. Only once the ring file is complete.
pub(crate) fn set(conn: &Connection) -> Result<(), StoreError> {
    Ok(conn.pragma_update(None, "user_version", OPEN)?)
}

/// Clears the mark. Only once all ballots are counted, and before the ring file is emptied.
pub(crate) fn clear(conn: &Connection) -> Result<(), StoreError> {
    Ok(conn.pragma_update(None, "user_version", 0)?)
}
