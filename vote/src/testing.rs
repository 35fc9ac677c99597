//! Shared by the unit tests of this crate.

#[expect(dead_code, reason = "tests over HTTP use the rest")]
#[path = "../tests/http/support/memory_ballot_box.rs"]
mod memory_ballot_box;

use domain::{Partitions, Secret};
use web::counterpart::Counterpart;

pub(crate) use self::memory_ballot_box::{MemoryBallotBox, Mishap};
use crate::config::Config;

/// A configuration without an organiser.
pub(crate) fn config() -> Config {
    Config {
        partitions: Partitions::ONE,
        secret: Secret::parse(&"x".repeat(32)).expect("32 bytes are enough"),
        organiser_token: None,
        result: Counterpart::Port(8081),
        vote_url: None,
        trusted_proxies: listener::TrustedProxies::default(),
        instance: "test".into(),
    }
}
