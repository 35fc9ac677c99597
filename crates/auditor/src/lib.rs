//! Fetches what is public of a poll and checks it: once, when its ballots are published, or all the time, as a
//! witness.
//!
//! It has no secret and asks for nothing that is not public.
//!
//! May import: `attest`, `domain`.

mod address;
mod client;
mod printable;
mod report;
mod source;
mod witness;

pub use address::{PollAddress, PollAddressError};
pub use client::{FetchError, PublicClient};
pub use printable::printable;
pub use report::{as_json, write_table};
pub use source::{PublishedSource, SourceError};
pub use witness::{Contradiction, PollWitness, WitnessError, WitnessNews};
