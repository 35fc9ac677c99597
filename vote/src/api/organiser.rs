//! Who may manage polls over the API: whoever sends the organiser's token as a bearer token (RFC 6750).

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use service::problem::Problem;

use crate::{
    app::App,
    organise::token::{self, TokenRefused},
    refusal::Refusal,
};

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
    /// Too many wrong tokens were; so many seconds to wait.
    TooMany(u32),
}

impl FromRequestParts<Arc<App>> for Organiser {
    type Rejection = NotOrganiser;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, NotOrganiser> {
        if app.config.organiser_token.is_none() {
            return Err(NotOrganiser::NoOrganiser);
        }
        let sent = bearer_token(&parts.headers).ok_or(NotOrganiser::NoToken)?;
        token::check(app, sent, app.client(parts)).map(|()| Self).map_err(|refused| match refused {
            TokenRefused::NoOrganiser => NotOrganiser::NoOrganiser,
            TokenRefused::Wrong => NotOrganiser::WrongToken,
            TokenRefused::TooMany(seconds) => NotOrganiser::TooMany(seconds),
        })
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
            Self::TooMany(seconds) => return Refusal::TooManyTries(seconds).problem().into_response(),
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
