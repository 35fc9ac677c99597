//! What requests hold: the poll or event in an address, a posted form or JSON, the client's address.
//!
//! May import: app, refusal.

pub(crate) mod body;
pub(crate) mod form;
mod multipart;

use std::{borrow::Cow, convert::Infallible, net::IpAddr, sync::Arc};

use axum::extract::{FromRequestParts, RawPathParams};
use domain::{EventId, PollId};
use http::{HeaderMap, request::Parts};

use crate::{app::App, refusal::Refusal};

/// Which poll an address names: `{poll}` in the path, or the default poll where the path has none.
pub(crate) struct PollPath {
    id: Option<PollId>,
    /// Whether the path names none.
    pub(crate) is_root: bool,
}

impl PollPath {
    /// Its id. A text that is no id names no poll.
    pub(crate) fn id(&self) -> Result<PollId, Refusal> {
        self.id.ok_or(Refusal::UnknownPoll)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PollPath {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let Ok(parameters) = RawPathParams::from_request_parts(parts, state).await else {
            return Ok(Self { id: None, is_root: false });
        };
        let named = parameters.iter().find(|(name, _)| *name == "poll");
        let id = named.map_or(Some(PollId::MAIN), |(_, id)| PollId::parse(id).ok());
        Ok(Self { id, is_root: named.is_none() })
    }
}

/// The text that a program makes up, and sends again when it tries again: the header `Idempotency-Key`, unless it is
/// empty.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    let key = headers.get("idempotency-key").map(|key| String::from_utf8_lossy(key.as_bytes()));
    key.filter(|key| !key.is_empty())
}

/// Which event an address names: `{event}` in the path.
pub(crate) struct EventPath(Option<EventId>);

impl EventPath {
    /// Its id. A text that is no id names no event.
    pub(crate) fn id(&self) -> Result<EventId, Refusal> {
        self.0.ok_or(Refusal::UnknownEvent)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for EventPath {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let Ok(parameters) = RawPathParams::from_request_parts(parts, state).await else { return Ok(Self(None)) };
        let named = parameters.iter().find(|(name, _)| *name == "event");
        Ok(Self(named.and_then(|(_, id)| EventId::parse(id).ok())))
    }
}

/// The last parameter of an address: the name of a change or of a file. Empty if it is not UTF-8.
pub(crate) struct LastWord(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for LastWord {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let parameters = RawPathParams::from_request_parts(parts, state).await.ok();
        let last = parameters.as_ref().and_then(|parameters| parameters.iter().last());
        Ok(Self(last.map_or_else(String::new, |(_, word)| word.to_owned())))
    }
}

/// The address that a request comes from, for limits.
pub(crate) fn client_of(app: &App, parts: &Parts) -> IpAddr {
    app.config.trusted_proxies.client_of(parts)
}

/// The same as an extractor.
pub(crate) struct Client(pub(crate) IpAddr);

impl FromRequestParts<Arc<App>> for Client {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        Ok(Self(client_of(app, parts)))
    }
}
