//! Who votes: what a browser's cookies say, whose turn it is at a shared device, voting codes.
//!
//! May import: nothing.

pub(crate) mod codes;
pub(crate) mod cookies;
mod turns;
