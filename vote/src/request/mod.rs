//! What comes in: which poll an address names, what was posted, and in which form.
//!
//! May import: refusal.

pub(crate) mod body;
pub(crate) mod form;
mod multipart;

use axum::extract::{FromRequestParts, RawPathParams};
use domain::PollId;
use http::request::Parts;

use crate::refusal::Refusal;

/// Which poll an address names: `{poll}` in the path, or the default poll where the path has none.
pub(crate) struct PollPath(Option<PollId>);

impl PollPath {
    /// Its id; a text that is no id names no poll.
    pub(crate) fn id(&self) -> Result<PollId, Refusal> {
        self.0.ok_or(Refusal::UnknownPoll)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PollPath {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let Ok(parameters) = RawPathParams::from_request_parts(parts, state).await else { return Ok(Self(None)) };
        let named = parameters.iter().find(|(name, _)| *name == "poll");
        Ok(Self(named.map_or(Some(PollId::MAIN), |(_, id)| PollId::parse(id).ok())))
    }
}

/// The last parameter of an address: what is to be done, or a file's name. It is empty where it is not UTF-8.
pub(crate) struct LastWord(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for LastWord {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let parameters = RawPathParams::from_request_parts(parts, state).await.ok();
        let last = parameters.as_ref().and_then(|parameters| parameters.iter().last());
        Ok(Self(last.map_or_else(String::new, |(_, word)| word.to_owned())))
    }
}
