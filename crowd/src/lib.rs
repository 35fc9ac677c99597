//! Simulated voters and viewers. They measure a server from outside, and hold it to its promise: a ballot that
//! was acknowledged is counted exactly once.
//!
//! It knows of Scrutin what any visitor knows: two addresses, the pages and the API behind them. It must not
//! look into the log or the ledger.

mod address;
mod check;
mod host;
mod http_client;
mod measurements;
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
mod voting_client;

pub use crate::{
    address::AddressError,
    measurements::Latency,
    report::{Ballots, Check, Report, Viewers},
    run::{Unable, run},
    settings::Settings,
};
