//! The tellers against a log and a ledger in memory, in virtual time.
//!
//! `stories` tells what happens in each single trouble; `faults` strikes at any call, in any order.

#![expect(clippy::unwrap_used, reason = "what a test can't have makes it fail, helpers included")]

mod fake_copies;
mod fake_ledger;
mod fake_log;
mod faults;
mod promotions;
mod set_backs;
mod spreading;
mod stories;
mod world;
