//! The log as a file of lines, its import into a ledger, and what a recount says: for the commands of `worker` and of
//! the all-in-one.
//!
//! May import: `domain`.

mod files;
mod format;
pub mod import;
pub mod recount;
mod tree_line;

pub use files::{input, output};
pub use format::*;
