//! The log and the ledger of the all-in-one: a ring file of accepted ballots, and a SQLite file.
//!
//! One thread accepts ballots (`acceptor`): it decides whether a poll is open, appends ballots to the ring file
//! (`ring_file`) and acknowledges them after the fsync. Because one thread does this, no ballot is accepted after a
//! close, and positions only grow. A second thread counts the ballots into the ledger's tables (`ledger_thread`):
//! ballots, figures and position in one transaction with `synchronous=FULL`. After a kill, the next start first counts
//! the ballots left in the ring file (`opening`). So a ballot is counted once, whatever is killed. See
//! `docs/adr/0006-accepted-first-counted-a-moment-later.md`.
//!
//! `ballot_box`, `scoreboard` and `leading` implement the ports. The count itself is `domain::count`, as for every
//! ledger.
//!
//! May import: `domain`.

mod accepted;
mod acceptor;
mod acceptor_handle;
mod apply;
mod ballot_box;
mod connection;
mod copies;
mod count_queue;
mod countdowns;
mod decisions;
mod entries;
mod event_box;
mod files;
mod installation;
mod lead_registry;
mod leading;
mod ledger;
mod ledger_path;
mod ledger_tasks;
mod ledger_thread;
mod log_clock;
mod log_tail;
mod migrations;
mod movements;
mod open_error;
mod open_mark;
mod opening;
mod progress;
mod readers;
mod recount;
mod reply;
mod requests;
mod ring_file;
mod scoreboard;
mod store;
mod tree_reading;
mod tree_recount;
mod tree_rows;
mod trees;
mod turn;
mod uncounted;

pub use copies::RingReport;
pub use ledger::SqliteLedger;
pub use log_clock::Clock;
pub use open_error::OpenError;
pub use scoreboard::SqliteScoreboard;
