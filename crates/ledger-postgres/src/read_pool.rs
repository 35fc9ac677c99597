//! The few connections by which `result` reads. Each leads to the primary, has its session set up, and keeps the
//! statements that it has prepared.

use std::{collections::HashMap, time::Duration};

use deadpool::{
    Runtime,
    managed::{Manager, Metrics, Object, Pool, RecycleError, RecycleResult},
};
use tokio::task::AbortHandle;
use tokio_postgres::{Client, Row, Statement, types::ToSql};

use crate::{
    connect::set_session,
    database_error::DatabaseError,
    database_url::{ConnectionUse, DatabaseUrl},
    primary,
};

/// Connections of one instance; a tally takes well below a millisecond.
const POOL_SIZE: usize = 8;
/// The longest a statement may run.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that reads. When the value is dropped it ends, even if the server does not answer any more.
#[derive(Debug)]
pub(crate) struct ReadConnection {
    client: Client,
    statements: HashMap<&'static str, Statement>,
    task: AbortHandle,
}

impl ReadConnection {
    /// Asks for rows. The statement is prepared at its first use.
    pub(crate) async fn query(
        &mut self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, DatabaseError> {
        if !self.statements.contains_key(sql) {
            self.statements.insert(sql, self.client.prepare(sql).await?);
        }
        Ok(self.client.query(&self.statements[sql], parameters).await?)
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }
}

impl Drop for ReadConnection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Opens connections to the primary.
#[derive(Debug)]
pub(crate) struct ReadConnections(DatabaseUrl);

impl Manager for ReadConnections {
    type Type = ReadConnection;
    type Error = DatabaseError;

    async fn create(&self) -> Result<ReadConnection, DatabaseError> {
        let open = primary::open(&self.0, ConnectionUse::Read).await?;
        // The client sees when it ends.
        let task = tokio::spawn(open.connection).abort_handle();
        let connection = ReadConnection { client: open.client, statements: HashMap::new(), task };
        set_session(&connection.client, ConnectionUse::Read, STATEMENT_TIMEOUT).await?;
        Ok(connection)
    }

    async fn recycle(&self, connection: &mut ReadConnection, _: &Metrics) -> RecycleResult<DatabaseError> {
        if connection.client.is_closed() { Err(RecycleError::message("it was closed")) } else { Ok(()) }
    }
}

/// The pool of one instance of `result`.
#[derive(Debug)]
pub(crate) struct ReadPool(Pool<ReadConnections>);

impl ReadPool {
    /// Nothing is connected yet. `limit` is the longest wait for a connection.
    pub(crate) fn new(database: DatabaseUrl, limit: Duration) -> Self {
        let pool = Pool::builder(ReadConnections(database))
            .max_size(POOL_SIZE)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(limit))
            .create_timeout(Some(limit))
            .recycle_timeout(Some(limit));
        Self(pool.build().expect("a pool with a runtime may have timeouts"))
    }

    pub(crate) async fn get(&self) -> Result<Object<ReadConnections>, DatabaseError> {
        self.0.get().await.map_err(|error| match error {
            deadpool::managed::PoolError::Backend(error) => error,
            other => DatabaseError::Pool(other.to_string()),
        })
    }
}
