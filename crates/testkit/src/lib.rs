//! Shared by the tests of this workspace: private servers on free ports, the contract of both ledgers, the naive count,
//! the real programs as processes, and a real browser.
//!
//! Dropping a value kills what it started and removes what it wrote. If a server is not installed, starting it panics
//! with the name of the missing package: a test that cannot run has failed.
//!
//! May import: `attest`, `domain`.

#![expect(clippy::print_stdout, reason = "a failing test says what its programs said")]

pub mod address;
pub mod all_in_one;
pub mod browser;
pub mod certificates;
pub mod ledger_contract;
pub mod moving_address;
pub mod naive_count;
pub mod poll_server;
pub mod postgres_server;
pub mod programs;
pub mod published_poll;
pub mod redis_cluster;
pub mod redis_sentinels;
pub mod redis_server;
pub mod steady_voters;
pub mod tallies;
pub mod texts;
pub mod wait;
