//! Connections to the ledger's file, and their SQLite settings.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use crate::store::StoreError;

/// How long SQLite waits for a lock. Another program, such as a backup tool, may hold one briefly; readers wait only
/// while the file is recovered or closed.
pub(crate) const LOCK_WAIT: Duration = Duration::from_secs(2);

/// A read-only connection.
pub(crate) fn open_for_reading(path: &Path) -> Result<Connection, StoreError> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(LOCK_WAIT)?;
    keep_plans(&conn)?;
    conn.set_prepared_statement_cache_capacity(32);
    Ok(conn)
}

/// Plans each statement once, independently of its parameters. Otherwise SQLite plans the look-up again for each voter,
/// which takes longer than the look-up itself.
fn keep_plans(conn: &Connection) -> Result<(), StoreError> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Sets up the connection that writes.
pub(crate) fn set_up_for_writing(conn: &Connection) -> Result<(), StoreError> {
    conn.busy_timeout(LOCK_WAIT)?;
    keep_plans(conn)?;
    conn.set_prepared_statement_cache_capacity(64);
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", (), |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(StoreError::Data(format!("no write-ahead log can be kept here (journal mode {mode})")));
    }
    // FULL: each COMMIT is on disk before it returns, so that slots of the ring file may be reused. A checkpoint every
    // 128 MiB instead of every 4 writes pages that many ballots touch less often. The pages of a million ballots fit
    // into the cache, which grows only as it is used.
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
    use crate::{migrations, store};

    #[test]
    fn a_look_up_is_planned_once_and_not_for_each_voter() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.db");
        let mut writing = Connection::open(&path).unwrap();
        set_up_for_writing(&writing).unwrap();
        migrations::migrate(&mut writing).unwrap();
        let reading = open_for_reading(&path).unwrap();
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
