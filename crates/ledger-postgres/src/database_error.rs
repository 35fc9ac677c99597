//! Errors of the database, and their form at the port. No error of the driver leaves this crate, and no content of a
//! row: PostgreSQL's details of an error can hold a voter's pseudonym.

use std::{error::Error, future::Future, time::Duration};

use domain::{Partition, PollId, Unavailable};

use crate::certificate_check;

/// Why an operation on the database failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    /// The server or the connection.
    #[error("{}", words(.0))]
    Sql(#[from] tokio_postgres::Error),
    /// None of the servers is a primary that can be used; each with the reason.
    #[error("{0}")]
    NoPrimary(String),
    /// No connection was to be had from the pool.
    #[error("{0}")]
    Pool(String),
    /// It holds something that no release wrote.
    #[error("the ledger is damaged: {0}")]
    Damaged(String),
    /// The partition's position is not where this writer left it.
    #[error("another writer has moved the ledger's position")]
    Overtaken,
    /// This writer failed before.
    #[error("this writer failed before and can't be used again")]
    Spent,
    /// The connection's server process serves others between its statements.
    #[error(
        "there is a pooler in transaction mode before PostgreSQL (PgBouncer, pool_mode=transaction), which breaks \
         locks, notifications and prepared statements: set DATABASE_URL to PostgreSQL itself (no pooler), or \
         pool_mode=session"
    )]
    Pooled,
    /// The ledger was written with other addresses in `DATABASE_URL`, or with them in another order.
    #[error(
        "the database at address {place} of DATABASE_URL holds partition {partition}, which belongs to address \
         {belongs}: set the addresses that it was written with, in their order"
    )]
    Misplaced {
        /// What it holds.
        partition: i32,
        /// Its place, from 1.
        place: i32,
        /// The place of what it holds, from 1.
        belongs: i32,
    },
    /// A row holds what this release can't read.
    #[error("the ledger holds {0} that can't be read")]
    Unreadable(&'static str),
    /// Where what is read goes to.
    #[error("writing what is read: {0}")]
    Output(#[from] std::io::Error),
    /// Not every partition has counted a poll's newest version, so ballots of it may follow.
    #[error(
        "partition {partition} has not counted the newest change of the poll {poll} yet: stop vote, wait until the \
         workers have counted everything, and try again"
    )]
    Unsettled {
        /// The poll.
        poll: PollId,
        /// The partition that has an older version of it, or none.
        partition: Partition,
    },
    /// Text of some languages could not be stored.
    #[error("the database's encoding is {0}, not UTF8")]
    Encoding(String),
}

/// Waits for `work` at most `limit`, and says failures in the port's words.
pub(crate) async fn within<T>(
    what: &'static str,
    limit: Duration,
    work: impl Future<Output = Result<T, DatabaseError>>,
) -> Result<T, Unavailable> {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done.map_err(|failure| Unavailable::failed(what, failure)),
        Err(_) => Err(Unavailable::Timeout { what, after: limit }),
    }
}

/// The driver's error in one line. Of the server's errors only code and message are taken.
pub(crate) fn words(error: &tokio_postgres::Error) -> String {
    if let Some(error) = error.as_db_error() {
        return format!("{} ({})", error.message(), error.code().code());
    }
    if let Some(refusal) = certificate_check::refusal(error) {
        return refusal;
    }
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}
