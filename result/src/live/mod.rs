//! The live result: reads the ledger, keeps what it read, and sends scores to all screens over Socket.IO.
//!
//! `board` keeps what was read, so that reads don't grow with viewers; `event_board` does so for events. `ledger_reads`
//! reads for both. `pace` and `event_pace` decide when to read and to send, and `event_now` says where an event is.
//! `screens` is the Socket.IO endpoint, and `watching` what one viewer sees there. `admission` and `origins` say how
//! many and who may connect, and `projector` whose screen has a place kept. `scores` and `freshness` say what is shown.
//! `late_shares` tells the operator what stands still.
//!
//! May import: `organiser`, `trees`.

mod admission;
pub(crate) mod board;
pub(crate) mod event_board;
pub(crate) mod event_now;
pub(crate) mod event_pace;
mod freshness;
mod late_shares;
mod ledger_reads;
pub(crate) mod origins;
pub(crate) mod pace;
pub(crate) mod projector;
pub(crate) mod scores;
pub(crate) mod screens;
pub(crate) mod watching;

pub(crate) use admission::ViewerLimit;
