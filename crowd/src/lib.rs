//! Simulated voters and viewers. They measure a server from outside, and hold it to its promise: a ballot that
//! was acknowledged is counted exactly once.
//!
//! It knows of Scrutin what any visitor knows: two addresses, the pages and the API behind them. It must not
//! look into the log or the ledger.

mod address;
mod casting;
mod check;
mod client;
mod figures;
mod host;
mod probe;
mod progress;
pub mod promise;
mod report;
mod run;
mod screen;
mod screens;
mod settings;
mod voter;
mod voting;

pub use crate::{
    address::AddressError,
    figures::Latency,
    report::{Ballots, Check, Report, Viewers},
    run::{Unable, run},
    settings::Settings,
};
