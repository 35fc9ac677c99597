//! The organiser over the API: the token is sent as a bearer token (RFC 6750).

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::Response,
};
use http::request::Parts;
use web::{
    language::Language,
    organiser::{NotOrganiser, bearer_token},
};

use crate::{app::App, request::client_of};

/// Proof that the organiser sent the request.
pub(crate) struct OrganiserProof(());

impl FromRequestParts<Arc<App>> for OrganiserProof {
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        check(parts, app).map_err(|refused| refused.answer(Language::of(&parts.headers)))
    }
}

/// Where everybody may ask: the proof, if there is a token; a wrong one is refused.
impl OptionalFromRequestParts<Arc<App>> for OrganiserProof {
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Option<Self>, Response> {
        match check(parts, app) {
            Err(_) if bearer_token(&parts.headers).is_none() => Ok(None),
            checked => checked.map(Some).map_err(|refused| refused.answer(Language::of(&parts.headers))),
        }
    }
}

fn check(parts: &Parts, app: &App) -> Result<OrganiserProof, NotOrganiser> {
    if app.organiser.reveal().is_none() {
        return Err(NotOrganiser::NoOrganiser);
    }
    let sent = bearer_token(&parts.headers).ok_or(NotOrganiser::NoToken)?;
    app.organiser.check(&sent, client_of(app, parts)).map(|()| OrganiserProof(()))
}
