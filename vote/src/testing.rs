//! Shared by the unit tests of this crate.

use std::time::Duration;

use async_trait::async_trait;
use domain::{Ballot, BallotBox, CastOutcome, ChangeOutcome, Poll, PollChange, PollId, Secret, SessionId, Unavailable};
use web::counterpart::Counterpart;

use crate::config::Config;

/// A configuration without an organiser.
pub(crate) fn config() -> Config {
    Config {
        secret: Secret::parse(&"x".repeat(32)).expect("32 bytes are enough"),
        organiser_token: None,
        result: Counterpart::Port(8081),
        vote_url: None,
        trusted_proxies: listener::TrustedProxies::default(),
        instance: "test".into(),
    }
}

/// A ballot box that never answers.
pub(crate) struct NoBallotBox;

#[async_trait]
impl BallotBox for NoBallotBox {
    async fn cast(&self, _: Ballot, _: u32) -> Result<CastOutcome, Unavailable> {
        Err(Unavailable::NotBegun)
    }
    async fn poll(&self, _: PollId) -> Result<Option<Poll>, Unavailable> {
        Err(Unavailable::NotBegun)
    }
    async fn polls(&self) -> Result<Vec<Poll>, Unavailable> {
        Err(Unavailable::NotBegun)
    }
    async fn create(&self, _: Poll) -> Result<ChangeOutcome, Unavailable> {
        Err(Unavailable::NotBegun)
    }
    async fn change(&self, _: PollId, _: PollChange) -> Result<ChangeOutcome, Unavailable> {
        Err(Unavailable::NotBegun)
    }
    async fn end_session(&self, _: SessionId, _: Duration) -> Result<(), Unavailable> {
        Err(Unavailable::NotBegun)
    }
    async fn has_ended(&self, _: SessionId) -> Result<bool, Unavailable> {
        Err(Unavailable::NotBegun)
    }
    async fn accepted(&self, _: PollId) -> Result<u64, Unavailable> {
        Err(Unavailable::NotBegun)
    }
    async fn ready(&self) -> Result<(), Unavailable> {
        Err(Unavailable::NotBegun)
    }
}
