//! The log as a file of lines, and what a recount says: for the commands of `worker` and of the all-in-one.
//!
//! May import: `domain`.

mod format;
pub mod recount;

pub use format::*;
