//! The ledger on PostgreSQL, from 9.4 on.
//!
//! # Who does what
//!
//! [`PostgresLedgers`] is the worker's side: it leads a partition and writes. [`PostgresScoreboard`] is the side of
//! `result`: it reads, and hears what moved; [`SpreadScoreboard`] puts those of several addresses together. They meet
//! only in the database.
//!
//! | table | holds | written |
//! |---|---|---|
//! | `polls` | each poll as JSON, its number, the round that counts and where it began | when a poll changes |
//! | `ballots` | every ballot counted: poll, voter, position, choices | rows are only added |
//! | `events` | each event as JSON | when an event changes |
//! | `tallies`, `turnout` | votes and voters of the present round, ballots of all rounds | with each batch |
//! | `trees`, `tiles` | a tree of each round's ballots, as tiles of digests | with each batch |
//! | `tree_closes`, `terms` | what trees were at closes; for which words ballots were cast | when a poll changes |
//! | `log` | the position of each partition | with each batch |
//! | `gaps`, `rejected` | what could not be counted, and why | when it happens |
//! | `count_times` | when which position was counted, to the second | with batches |
//! | `installation` | which installation the ledger belongs to | by the first leader; by `begin` and `rekey` |
//! | `migrations` | which migrations were applied | by a writer, before anything else |
//!
//! # One writer
//!
//! A partition has one writer: the holder of its advisory lock. The lock is taken on the connection that writes, and
//! the connection is dropped after any error, so a writer that lost the lock can't write. In addition, each transaction
//! first locks the partition's row in `log` and compares its position with the writer's. So a pooler that breaks the
//! lock can't make a ballot count twice.
//!
//! # A batch
//!
//! One transaction, three round trips. First `BEGIN`, the row of `log`, and one read of the newest ballot of each voter
//! in the batch. Then, after [`domain::count`], the ballots; while the server writes them, the leaves of the trees are
//! hashed. Then one statement for each other table that changes, the new position, one `NOTIFY` with the polls that
//! moved, and `COMMIT`, all sent together. If the answer to `COMMIT` is lost, the next
//! writer reads the position and continues from there.
//!
//! # What it needs
//!
//! A database of encoding UTF8, in which the user may create tables (from PostgreSQL 15 on: that the user owns); a
//! direct connection or a pooler in session mode (`pooler` detects others); no extension.
//!
//! May import: `domain`.

mod addresses;
mod apply;
mod audit;
mod certificate_check;
mod connect;
mod connection_text;
mod database_error;
mod database_url;
mod database_url_error;
mod entries;
mod full_tiles;
mod installation;
mod leader_trees;
mod ledgers;
mod listen;
mod locks;
mod migrations;
mod pooler;
mod primary;
mod read_pool;
mod rows;
mod scoreboard;
mod server_name;
mod share_memory;
mod spread_scoreboard;
mod standbys;
mod statements;
mod tls;
mod tree_reading;
mod tree_recount;
mod tree_rows;
mod tree_statements;
mod tree_writing;
mod trees;
mod writer;

pub use addresses::{DatabaseAddressError, DatabaseAddresses};
pub use database_url::DatabaseUrl;
pub use database_url_error::DatabaseUrlError;
pub use entries::LedgerEntries;
pub use ledgers::PostgresLedgers;
pub use scoreboard::PostgresScoreboard;
pub use spread_scoreboard::SpreadScoreboard;
