//! The live result: reads the ledger, keeps what it read, and sends scores to all screens over Socket.IO.
//!
//! `board` keeps what was read, so that reads don't grow with viewers. `pace` decides when to read and to send.
//! `screens` is the Socket.IO endpoint; `admission` and `origins` say how many and who may connect, and `projector`
//! whose screen has a place kept. `scores` and `freshness` say what is shown. `late_shares` tells the operator what
//! stands still.
//!
//! May import: `organiser`.

mod admission;
pub(crate) mod board;
mod freshness;
mod late_shares;
pub(crate) mod origins;
pub(crate) mod pace;
pub(crate) mod projector;
pub(crate) mod scores;
pub(crate) mod screens;

pub(crate) use admission::ViewerLimit;
