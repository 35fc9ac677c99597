//! Brings the tables up to this release.
//!
//! Migrations are numbered files and never change once released. Each is one transaction, and each leaves
//! the tables so that the previous release still works: releases run side by side during an update.
//! A database that is already ahead (a later release has been here) is left alone.

use tokio_postgres::Client;
use tracing::info;

use crate::{database_error::DatabaseError, locks};

const MIGRATIONS: [(i32, &str); 9] = [
    (1, include_str!("../migrations/0001_ledger.sql")),
    (2, include_str!("../migrations/0002_count_times.sql")),
    (3, include_str!("../migrations/0003_heartbeat.sql")),
    (4, include_str!("../migrations/0004_installation.sql")),
    (5, include_str!("../migrations/0005_missing.sql")),
    (6, include_str!("../migrations/0006_spread_voters.sql")),
    (7, include_str!("../migrations/0007_events.sql")),
    (8, include_str!("../migrations/0008_log_ahead.sql")),
    (9, include_str!("../migrations/0009_trees.sql")),
];

const TABLE_EXISTS: &str = "SELECT to_regclass('migrations') IS NOT NULL";
const CREATE_TABLE: &str = "
    CREATE TABLE IF NOT EXISTS migrations (
        number  integer     PRIMARY KEY,
        applied timestamptz NOT NULL DEFAULT now()
    )";
const APPLIED: &str = "SELECT coalesce(max(number), 0) FROM migrations";
const NOTE: &str = "INSERT INTO migrations (number) VALUES ($1)";
const ENCODING: &str = "SELECT current_setting('server_encoding')";

/// Applies what is missing. Callers at the same time wait for one another, up to the session's statement limit.
pub(crate) async fn migrate(client: &Client) -> Result<(), DatabaseError> {
    let last = MIGRATIONS[MIGRATIONS.len() - 1].0;
    if exists(client).await? && applied(client).await? >= last {
        return Ok(());
    }
    let encoding: String = client.query_one(ENCODING, &[]).await?.try_get(0)?;
    if encoding != "UTF8" {
        return Err(DatabaseError::Encoding(encoding));
    }
    // In a statement of its own: a lock taken inside another comes after that one's snapshot. On an error the
    // caller drops the connection, and the lock with it.
    client.execute(locks::LOCK, &[&locks::CLASS, &locks::MIGRATIONS]).await?;
    client.batch_execute(CREATE_TABLE).await?;
    let done = applied(client).await?;
    for (number, sql) in MIGRATIONS.into_iter().filter(|&(number, _)| number > done) {
        client.batch_execute("BEGIN; SET LOCAL statement_timeout = 0").await?;
        client.batch_execute(sql).await?;
        client.execute(NOTE, &[&number]).await?;
        client.batch_execute("COMMIT").await?;
        info!(
            event = "ledger.migrated",
            migration.number = number,
            "the ledger's tables were changed for this release"
        );
    }
    client.execute(locks::UNLOCK, &[&locks::CLASS, &locks::MIGRATIONS]).await?;
    Ok(())
}

async fn exists(client: &Client) -> Result<bool, DatabaseError> {
    Ok(client.query_one(TABLE_EXISTS, &[]).await?.try_get(0)?)
}

async fn applied(client: &Client) -> Result<i32, DatabaseError> {
    Ok(client.query_one(APPLIED, &[]).await?.try_get(0)?)
}

#[cfg(test)]
mod tests {
    use super::MIGRATIONS;

    #[test]
    fn migrations_are_numbered_without_holes() {
        let numbers: Vec<i32> = MIGRATIONS.iter().map(|&(number, _)| number).collect();
        assert_eq!(numbers, (1..).take(MIGRATIONS.len()).collect::<Vec<_>>());
    }
}
