//! Read-only connections, on threads that may block.
//!
//! Each read is one transaction, so it sees one snapshot. It never blocks the writer.

use std::{sync::Arc, time::Duration};

use domain::Unavailable;
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use crate::{connection, files::LedgerFiles, ledger_path::LedgerPath, store::StoreError};

/// How many reads run at the same time; more wait.
const MAX_READERS: usize = 4;
/// The pool.
pub(crate) struct Readers {
    path: LedgerPath,
    idle: Mutex<Vec<Connection>>,
    turns: Arc<Semaphore>,
    /// `None` if another process writes. Dropped after the connections.
    files: Option<Arc<LedgerFiles>>,
}

impl Readers {
    /// Readers of this file. The first connection is opened at once, so that errors show now.
    pub(crate) fn open(path: LedgerPath, files: Option<Arc<LedgerFiles>>) -> Result<Arc<Self>, StoreError> {
        let first = connection::open_for_reading(&path.ledger)?;
        let idle = Mutex::new(vec![first]);
        Ok(Arc::new(Self { path, idle, turns: Arc::new(Semaphore::new(MAX_READERS)), files }))
    }

    /// Where the ledger is.
    pub(crate) fn path(&self) -> &LedgerPath {
        &self.path
    }

    /// Reads in one snapshot. After `limit` the caller gets an error, but the read continues to its end.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        what: &'static str,
        limit: Duration,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let read = |conn: &mut Connection| {
            let tx = conn.transaction()?;
            read(&tx)
        };
        self.with_connection(what, limit, read).await
    }

    /// For reads that handle their own snapshot.
    pub(crate) async fn read_without_transaction<T: Send + 'static>(
        self: &Arc<Self>,
        what: &'static str,
        limit: Duration,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Unavailable> {
        self.with_connection(what, limit, |conn: &mut Connection| read(conn)).await
    }

    async fn with_connection<T: Send + 'static>(
        self: &Arc<Self>,
        what: &'static str,
        limit: Duration,
        read: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let readers = Arc::clone(self);
        let reading = async move {
            let turn = Arc::clone(&readers.turns).acquire_owned().await.expect("the semaphore is never closed");
            spawn_blocking(move || {
                let result = readers.blocking_read(read);
                drop(turn);
                result
            })
            .await
        };
        match timeout(limit, reading).await {
            Ok(Ok(read)) => read.map_err(|error| Unavailable::failed(what, error)),
            Ok(Err(panic)) => Err(Unavailable::failed(what, panic)),
            Err(_) => Err(Unavailable::Timeout { what, after: limit }),
        }
    }

    /// A connection that failed is not used again.
    fn blocking_read<T>(&self, read: impl FnOnce(&mut Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.files.as_ref().map_or(Ok(()), |files| files.counting())?;
        let idle = self.idle.lock().pop();
        let mut conn = match idle {
            Some(conn) => conn,
            None => connection::open_for_reading(&self.path.ledger)?,
        };
        let result = read(&mut conn)?;
        self.idle.lock().push(conn);
        Ok(result)
    }
}
