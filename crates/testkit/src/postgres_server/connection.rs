//! Shared by the PostgreSQL servers for tests.

use std::time::Duration;

use tokio_postgres::{Client, NoTls};

/// How long a server may take to start, to stop or to die.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);

/// Connects, or fails the test.
pub(super) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("connecting to the test's PostgreSQL");
    tokio::spawn(connection);
    client
}
