//! Detects a pooler that shares sessions (PgBouncer with `pool_mode=transaction` or `statement`).
//!
//! Behind one, the next statement may run on a connection without the lock that was just taken, notifications are lost
//! and prepared statements disappear. So such a connection is not used, and the error names the reason. A pooler in
//! session mode is fine.

use std::{collections::BTreeSet, time::Duration};

use tokio_postgres::{Client, SimpleQueryMessage};

use crate::{
    database_error::DatabaseError,
    database_url::{ConnectionUse, DatabaseUrl},
    primary,
    server_name::ServerPlace,
};

/// How often both connections are asked: other clients may come in between.
const ROUNDS: usize = 3;
/// The longest wait for the second connection: a pooler in session mode may have none left, and that is no fault.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
/// Without parameters, which would need a prepared statement.
const BACKEND: &str = "SELECT pg_backend_pid()";

/// Refuses a connection whose server process serves others between its statements.
///
/// A second connection to the same server is made for it: where sessions are shared, the two are served by one process
/// in turn. Alone, a connection may get the same process each time although it is shared.
pub(crate) async fn refuse_shared(
    database: &DatabaseUrl,
    place: &ServerPlace,
    client: &Client,
) -> Result<(), DatabaseError> {
    let mut own = BTreeSet::from([backend(client).await?]);
    let mut of_others = BTreeSet::new();
    let probe = async {
        let (other, connection) = primary::at(database, ConnectionUse::Probe, place).await?;
        tokio::spawn(connection);
        for _ in 0..ROUNDS {
            of_others.insert(backend(&other).await?);
            own.insert(backend(client).await?);
        }
        Ok::<_, DatabaseError>(())
    };
    // What the probe could not see (no connection left, a slow server) is not held against the connection.
    let _ = tokio::time::timeout(PROBE_TIMEOUT, probe).await;
    if own.len() > 1 || !own.is_disjoint(&of_others) { Err(DatabaseError::Pooled) } else { Ok(()) }
}

/// The process that serves this connection.
async fn backend(client: &Client) -> Result<String, DatabaseError> {
    let messages = client.simple_query(BACKEND).await?;
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    row.map(str::to_owned).ok_or(DatabaseError::Unreadable("the number of a process"))
}
