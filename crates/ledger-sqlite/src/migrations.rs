//! The numbered files that create the tables, and which of them were applied to a database.
//!
//! A released file is never changed; later changes are new files.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::store::StoreError;

/// In order; the first is number 1.
const MIGRATIONS: [&str; 8] = [
    include_str!("../migrations/0001_tables.sql"),
    include_str!("../migrations/0002_count_times.sql"),
    include_str!("../migrations/0003_installation.sql"),
    include_str!("../migrations/0004_ended_sessions.sql"),
    include_str!("../migrations/0005_missing.sql"),
    include_str!("../migrations/0006_spread_voters.sql"),
    include_str!("../migrations/0007_events.sql"),
    include_str!("../migrations/0008_trees.sql"),
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

#[cfg(test)]
mod tests {
    use domain::{Partition, PollId};

    use super::*;
    use crate::{connection, store};

    /// What the release before voters were spread wrote.
    const OLDER_ROWS: &str = r#"
        INSERT INTO polls VALUES (7, 'main', 0, '{"id":"main","state":"closed","changes":true,"round":2,"version":5,
            "question":"Tea?","options":["Yes","No"],"max_choices":1,"results":"live","access":"anyone"}',
            'closed', 0, 2, 40, 60);
        INSERT INTO polls VALUES (9, 'first', 0, '{"id":"first","state":"open","changes":true,"round":1,
            "question":"Tea?","options":["Yes","No"],"max_choices":1,"results":"live","access":"anyone"}',
            'open', 1, 1, 0, 0);
        INSERT INTO ballots VALUES (7, zeroblob(16), 50, 2);
        INSERT INTO tallies VALUES (7, 0, 0), (7, 1, 1), (9, 0, 0), (9, 1, 0);
        INSERT INTO turnout VALUES (7, 1, 3), (9, 0, 0);
        INSERT INTO log VALUES (0, 'log', 60, 3);
        INSERT INTO installation VALUES (1, 'one', 1, 1, 'aa', '');"#;

    #[test]
    fn polls_of_an_older_file_get_their_versions_and_keep_their_figures() {
        let directory = tempfile::tempdir().unwrap();
        let mut conn = Connection::open(directory.path().join("ledger.db")).unwrap();
        connection::set_up_for_writing(&conn).unwrap();
        conn.execute_batch("CREATE TABLE migrations (number INTEGER PRIMARY KEY) STRICT").unwrap();
        for (number, sql) in (1_i64..).zip(MIGRATIONS).take(5) {
            conn.execute_batch(sql).unwrap();
            conn.execute("INSERT INTO migrations (number) VALUES (?1)", [number]).unwrap();
        }
        conn.execute_batch(OLDER_ROWS).unwrap();
        migrate(&mut conn).unwrap();

        let main = store::poll(&conn, Partition::new(0), PollId::MAIN).unwrap().unwrap();
        assert_eq!((main.number, main.round, main.poll.version()), (7, 2, 5));
        assert_eq!(main.figures(&conn).unwrap().votes, [0, 1]);
        let versions = "SELECT group_concat(version, ' ') FROM (SELECT version FROM polls ORDER BY number)";
        assert_eq!(conn.query_row(versions, (), |row| row.get::<_, String>(0)).unwrap(), "5 1");
        let dangling = conn.query_row("PRAGMA foreign_key_check", (), |_| Ok(())).optional().unwrap();
        assert_eq!(dangling, None);
        // Rows that refer to a poll still do.
        assert!(conn.execute("DELETE FROM polls WHERE number = 7", ()).is_err());
        assert!(conn.execute("INSERT INTO tallies VALUES (8, 0, 0)", ()).is_err());
        assert_eq!(crate::installation::identity(&conn).unwrap().unwrap().layout, domain::LedgerLayout::Polls);
    }
}
