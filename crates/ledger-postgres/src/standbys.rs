//! How far the servers are that replicate this one, as far as it shows.

use std::sync::Once;

use domain::ReplicationState;
use tokio_postgres::Client;
use tracing::warn;

use crate::database_error::{DatabaseError, words};

/// The first release with other names for all that has to do with the write-ahead log.
const RENAMED_IN: i32 = 100_000;
/// Asked every few seconds, and logged once.
static TOLD: Once = Once::new();
const VERSION: &str = "SELECT current_setting('server_version_num')::integer";

/// A row without a position is no standby that could be promoted (a backup, a receiver of the write-ahead log), or one
/// that this role may not see.
fn statement(version: i32) -> String {
    let (log, place) = if version < RENAMED_IN { ("xlog", "location") } else { ("wal", "lsn") };
    format!(
        "SELECT pg_{log}_{place}_diff(pg_current_{log}_{place}(), '0/0')::bigint AS written,
            min(pg_{log}_{place}_diff(replay_{place}, '0/0'))::bigint AS standbys
        FROM pg_stat_replication WHERE replay_{place} IS NOT NULL"
    )
}

/// How far this server and the slowest of its standbys are. A server that has no such thing (some managed ones) shows
/// none.
pub(crate) async fn replicated(client: &Client) -> Result<ReplicationState, DatabaseError> {
    let version = client.query_one(VERSION, &[]).await?.try_get(0)?;
    let row = match client.query_one(statement(version).as_str(), &[]).await {
        Ok(row) => row,
        Err(error) if error.as_db_error().is_some() => {
            let error = words(&error);
            TOLD.call_once(|| {
                warn!(
                    event = "ledger.standbys_unknown",
                    error,
                    "PostgreSQL does not say how far its standbys are; the log is trimmed as \
                     if there were none"
                );
            });
            return Ok(ReplicationState::default());
        }
        Err(error) => return Err(error.into()),
    };
    let place =
        |place: i64| u64::try_from(place).map_err(|_| DatabaseError::Unreadable("a place in the write-ahead log"));
    let standbys = row.try_get::<_, Option<i64>>("standbys")?.map(place).transpose()?;
    Ok(ReplicationState { written: place(row.try_get("written")?)?, standbys })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_servers_release() {
        assert!(statement(90_426).contains("pg_xlog_location_diff(pg_current_xlog_location(), '0/0')"));
        assert!(statement(90_624).contains("min(pg_xlog_location_diff(replay_location, '0/0'))"));
        assert!(statement(150_018).contains(concat!("pg_current_", "wal_lsn()")));
        assert!(statement(100_000).contains("replay_lsn IS NOT NULL"));
    }
}
