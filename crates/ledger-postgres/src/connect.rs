//! Connections with their session set up: limits on the server's side, so that it notices a dead worker within seconds.

use std::time::Duration;

use tokio_postgres::Client;

use crate::{
    database_error::DatabaseError,
    database_url::{ConnectionUse, DatabaseUrl},
    migrations, pooler,
    primary::{self, PrimaryConnection},
};

/// Settings of every session. A release of PostgreSQL that does not know one of them goes without it.
///
/// The keepalives are the server's own: with them it releases the lock of a worker whose machine is gone. The
/// transaction limit releases the lock of a worker that hangs during a batch. JIT compilation takes longer than any of
/// our statements.
const SESSION: [(&str, &str); 6] = [
    ("tcp_keepalives_idle", "3"),
    ("tcp_keepalives_interval", "1"),
    ("tcp_keepalives_count", "2"),
    ("tcp_user_timeout", "5000"),
    ("idle_in_transaction_session_timeout", "10000"),
    ("jit", "off"),
];

/// Further settings of a writer's session: each voter is looked up by key. Without them, a plan that was made while the
/// table was small could later read the whole table for every voter.
const WRITER_SESSION: [(&str, &str); 2] = [("enable_seqscan", "off"), ("enable_bitmapscan", "off")];

/// The longest a statement of a writer may run.
const WRITER_STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);

const SET_SESSION: &str = "
    SELECT count(set_config(known.name, wanted.setting, false))
    FROM unnest($1::text[], $2::text[]) AS wanted (name, setting)
    JOIN pg_settings AS known ON known.name = wanted.name";

/// Opens a connection to the primary and sets up its session. It ends when the client is dropped.
pub(crate) async fn connect(
    database: &DatabaseUrl,
    usage: ConnectionUse,
    statement_timeout: Duration,
) -> Result<Client, DatabaseError> {
    let PrimaryConnection { client, connection, place } = primary::open(database, usage).await?;
    // The client sees when it ends.
    tokio::spawn(connection);
    pooler::refuse_shared(database, &place, &client).await?;
    set_session(&client, usage, statement_timeout).await?;
    Ok(client)
}

/// Opens a connection for writing to tables of this release: migrations come first.
pub(crate) async fn for_writing(database: &DatabaseUrl) -> Result<Client, DatabaseError> {
    let client = connect(database, ConnectionUse::Write, WRITER_STATEMENT_TIMEOUT).await?;
    migrations::migrate(&client).await?;
    Ok(client)
}

/// Sets up a session.
pub(crate) async fn set_session(
    client: &Client,
    usage: ConnectionUse,
    statement_timeout: Duration,
) -> Result<(), tokio_postgres::Error> {
    let limit = statement_timeout.as_millis().to_string();
    let further: &[_] = if usage == ConnectionUse::Write { &WRITER_SESSION } else { &[] };
    let limit = [("statement_timeout", limit.as_str())];
    let (names, settings): (Vec<&str>, Vec<&str>) = SESSION.iter().chain(further).chain(&limit).copied().unzip();
    client.query_one(SET_SESSION, &[&names, &settings]).await?;
    Ok(())
}
