//! Simulated voters and viewers. They measure a server from outside and check its promise: an acknowledged ballot is
//! counted exactly once.
//!
//! A crowd knows what any visitor knows: two addresses, the pages and the API there. `program` reads its settings.
//!
//! May import: `attest`, `auditor`, `program`.

mod address;
mod check;
mod host;
mod http_client;
mod measurements;
mod probe;
mod progress;
pub mod promise;
mod publication;
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
