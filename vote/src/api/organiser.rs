//! Who may manage polls over the API: whoever sends the organiser's token as a bearer token (RFC 6750).

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use service::problem::Problem;
use subtle::ConstantTimeEq;

use crate::app::App;

/// Proof that the request comes from the organiser.
pub(crate) struct Organiser;

/// The request does not come from the organiser.
#[derive(Debug)]
pub(crate) enum NotOrganiser {
    /// This installation has none.
    NoOrganiser,
    /// No bearer token was sent.
    NoToken,
    /// Another token was sent.
    WrongToken,
}

impl FromRequestParts<Arc<App>> for Organiser {
    type Rejection = NotOrganiser;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, NotOrganiser> {
        let token = app.config.organiser_token.as_ref().ok_or(NotOrganiser::NoOrganiser)?;
        let sent = bearer_token(&parts.headers).ok_or(NotOrganiser::NoToken)?;
        // Compared as signatures, so that the time tells neither the token nor its length.
        let signed = |text: &str| app.config.secret.sign("organiser.token", &[text.as_bytes()]);
        let same = signed(token.reveal()).ct_eq(&signed(sent));
        if bool::from(same) { Ok(Self) } else { Err(NotOrganiser::WrongToken) }
    }
}

fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
}

impl IntoResponse for NotOrganiser {
    fn into_response(self) -> Response {
        let (problem, challenge) = match self {
            Self::NoOrganiser => {
                let detail = "this installation has no organiser: ORGANISER_TOKEN is not set";
                return Problem::new(StatusCode::FORBIDDEN, "no-organiser", detail).into_response();
            }
            Self::NoToken => ("the organiser's bearer token is needed", "Bearer realm=\"scrutin\""),
            Self::WrongToken => {
                ("this is not the organiser's token", "Bearer realm=\"scrutin\", error=\"invalid_token\"")
            }
        };
        let mut response = Problem::new(StatusCode::UNAUTHORIZED, "not-organiser", problem).into_response();
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        response
    }
}
