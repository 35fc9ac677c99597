//! Noticing a pooler that shares sessions (PgBouncer with `pool_mode=transaction` or `statement`).
//!
//! Behind one, a lock is taken on a connection that the next statement does not have, notifications are lost, and
//! statements that were prepared are gone, each of them now and then. So such a connection is not used, and the reason
//! is named. A pooler in session mode gives each connection one of its own, and is fine.

use std::{collections::BTreeSet, time::Duration};

use tokio_postgres::{Client, SimpleQueryMessage};

use crate::{
    connect::{DatabaseUrl, Purpose},
    failure::Failure,
};

/// How often both connections are asked: somebody else may come between.
const ROUNDS: usize = 3;
/// The longest wait for the second connection: a pooler in session mode may have none left, and that is no fault.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
/// Without parameters, which would need a prepared statement.
const BACKEND: &str = "SELECT pg_backend_pid()";

/// Refuses a connection whose server process serves others between its statements.
///
/// A second connection is made for it: where sessions are shared, the two are served by one process in turn. Alone, a
/// connection may get the same process each time although it is shared.
pub(crate) async fn refuse_shared(database: &DatabaseUrl, client: &Client) -> Result<(), Failure> {
    let mut own = BTreeSet::from([backend(client).await?]);
    let mut of_others = BTreeSet::new();
    let probe = async {
        let (other, connection) = database.open(Purpose::Probe).await?;
        tokio::spawn(connection);
        for _ in 0..ROUNDS {
            of_others.insert(backend(&other).await?);
            own.insert(backend(client).await?);
        }
        Ok::<_, Failure>(())
    };
    // What the probe could not see (no connection left, a slow server) is not held against the connection.
    let _ = tokio::time::timeout(PROBE_TIMEOUT, probe).await;
    if own.len() > 1 || !own.is_disjoint(&of_others) { Err(Failure::Pooled) } else { Ok(()) }
}

/// The process that serves this connection.
async fn backend(client: &Client) -> Result<String, Failure> {
    let messages = client.simple_query(BACKEND).await?;
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    row.map(str::to_owned).ok_or(Failure::Unreadable("the number of a process"))
}
