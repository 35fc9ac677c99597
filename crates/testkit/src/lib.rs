//! What the tests of this workspace share: private servers on free ports, the contract that both
//! ledgers keep, the naive count, the real programs as processes, and a real browser.
//!
//! Everything started here is killed, and everything written is removed, when its value is dropped.
//! Where a server is not installed, starting it panics and says which package is missing: a test
//! that can't run has failed.
//!
//! May import: `domain`.

#![expect(clippy::print_stdout, reason = "a failing test says what its programs said")]

pub mod address;
pub mod all_in_one;
pub mod browser;
pub mod crowd;
pub mod ledger_contract;
pub mod moving_address;
pub mod naive_count;
pub mod postgres_server;
pub mod programs;
pub mod redis_server;
pub mod texts;
pub mod wait;
