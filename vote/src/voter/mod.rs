//! Who votes: the cookies of a browser, turns at a shared device, voting codes.
//!
//! May import: nothing.

pub(crate) mod codes;
pub(crate) mod cookies;
mod turns;
