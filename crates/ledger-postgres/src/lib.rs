//! The ledger on PostgreSQL, from 9.4 on.
//!
//! # Who does what
//!
//! [`PostgresLedgers`] is the worker's side: it leads a partition and writes. [`PostgresScoreboard`] is the side of
//! `result`: it reads, and hears what moved. They meet only in the database.
//!
//! | table | holds | written |
//! |---|---|---|
//! | `polls` | each poll as JSON, its number, the round that counts and where it began | when a poll changes |
//! | `ballots` | every ballot counted: poll, voter, position, choices | rows are only added |
//! | `tallies`, `turnout` | the figures of the present round | with each batch |
//! | `log` | the position of each partition | with each batch |
//! | `gaps`, `rejected` | what could not be counted, and why | when it happens |
//! | `installation` | which installation the ledger belongs to | once, by the first leader |
//! | `migrations` | which migrations were applied | by whoever writes, first |
//!
//! # One writer
//!
//! A partition has one writer: whoever holds its advisory lock. The lock is taken on the very connection that
//! writes, and the connection is dropped after any error, so nobody writes who has lost the lock. As a second
//! line, each transaction first takes the partition's row in `log` and compares the position with what
//! the writer knows; a pooler between us and the server that broke the lock can't make a ballot count twice.
//!
//! # A batch
//!
//! One transaction, two round trips. First `BEGIN`, the row of `log`, and one read of the newest ballot of each
//! voter in the batch. Then, after [`domain::count`], one statement for each table that changes, the new
//! position, one `NOTIFY` with the polls that moved, and `COMMIT`, all sent together. If the answer to
//! `COMMIT` is lost, the next writer reads the position and goes on from there.
//!
//! # What it needs
//!
//! A database of encoding UTF8, in which the user may create tables (from PostgreSQL 15 on: that the user owns); a
//! direct connection or a pooler in session mode (`pooler` notices others); no extension. There is no TLS.

mod apply;
mod audit;
mod connect;
mod entries;
mod failure;
mod installation;
mod listen;
mod locks;
mod migrations;
mod pooler;
mod rows;
mod scoreboard;
mod standbys;
mod statements;
mod writer;

pub use connect::{DatabaseUrl, DatabaseUrlError};
pub use scoreboard::PostgresScoreboard;
pub use writer::PostgresLedgers;
