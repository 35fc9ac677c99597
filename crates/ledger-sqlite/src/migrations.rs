//! The numbered files that create the tables, and which of them were applied to a database.
//!
//! A released file is never changed; later changes are new files.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::store::StoreError;

/// In order; the first is number 1.
const MIGRATIONS: [&str; 5] = [
    include_str!("../migrations/0001_tables.sql"),
    include_str!("../migrations/0002_count_times.sql"),
    include_str!("../migrations/0003_installation.sql"),
    include_str!("../migrations/0004_ended_sessions.sql"),
    include_str!("../migrations/0005_missing.sql"),
];

/// The number of migrations in this release.
pub(crate) const KNOWN: usize = MIGRATIONS.len();

/// The number of migrations applied to the database; 0 for an empty one.
pub(crate) fn applied(conn: &Connection) -> Result<usize, StoreError> {
    let there = conn
        .query_row("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'", (), |_| Ok(()))
        .optional()?;
    if there.is_none() {
        return Ok(0);
    }
    let newest: i64 = conn.query_row("SELECT coalesce(max(number), 0) FROM migrations", (), |row| row.get(0))?;
    usize::try_from(newest).map_err(|_| StoreError::Data(format!("migration {newest}")))
}

/// Applies the missing migrations, all or nothing.
pub(crate) fn migrate(conn: &mut Connection) -> Result<(), StoreError> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch("CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY) STRICT")?;
    for (number, sql) in (1_i64..).zip(MIGRATIONS).skip(applied(&tx)?) {
        tx.execute_batch(sql)?;
        tx.execute("INSERT INTO migrations (number) VALUES (?1)", [number])?;
    }
    tx.commit()?;
    Ok(())
}
