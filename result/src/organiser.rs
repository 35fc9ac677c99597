//! Who may fetch what is not public: whoever sends the organiser's token as a bearer token (RFC 6750), or follows
//! a link that the organiser's page signed a few minutes ago ([`service::signed_link`]).

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Query},
    response::{IntoResponse, Response},
};
use domain::PollId;
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use serde::Deserialize;
use service::{
    problem::Problem,
    signed_link::{self, Purpose},
};
use subtle::ConstantTimeEq;

use crate::App;

/// Proof that the one who asks may see what is not public. Nothing outside of this file can make one.
#[derive(Debug)]
pub(crate) struct Organiser(());

/// What a request shows to be let in; it proves nothing yet.
#[derive(Debug)]
pub(crate) struct Shown {
    token: Option<String>,
    ticket: Option<String>,
}

/// The signed part of a link.
#[derive(Debug, Deserialize)]
struct Ticket {
    ticket: Option<String>,
}

/// Why somebody is not let in.
#[derive(Debug)]
pub(crate) enum Refused {
    /// A token was sent, and this installation has no organiser.
    NoOrganiser,
    /// Neither token nor ticket was sent.
    NothingShown,
    /// Another token was sent.
    WrongToken,
    /// The ticket is for something else, or too old, or none.
    WrongTicket,
}

impl FromRequestParts<Arc<App>> for Shown {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Self::Rejection> {
        let ticket = match Query::<Ticket>::try_from_uri(&parts.uri) {
            Ok(Query(Ticket { ticket })) => ticket,
            // A query that can't be read might hold one: it is refused as a wrong one, not passed over.
            Err(_) => Some(String::new()),
        };
        Ok(Self { token: bearer_token(&parts.headers), ticket })
    }
}

impl Shown {
    /// Lets the organiser in. Everybody else is refused, also who shows nothing.
    pub(crate) fn require(&self, app: &App, poll: PollId, purposes: &[Purpose]) -> Result<Organiser, Refused> {
        self.check(app, poll, purposes)?.ok_or(Refused::NothingShown)
    }

    /// The organiser, or `None` if nothing was shown. A token or ticket that is wrong is refused rather than
    /// passed over, so that the organiser's page comes to know that it needs a new one.
    pub(crate) fn check(&self, app: &App, poll: PollId, purposes: &[Purpose]) -> Result<Option<Organiser>, Refused> {
        if let Some(sent) = &self.token {
            let token = app.organiser_token.as_ref().ok_or(Refused::NoOrganiser)?;
            // Compared as signatures, so that the time tells neither the token nor its length.
            let signed = |text: &str| app.secret.sign("organiser.token", &[text.as_bytes()]);
            let same = signed(token.reveal()).ct_eq(&signed(sent));
            return if bool::from(same) { Ok(Some(Organiser(()))) } else { Err(Refused::WrongToken) };
        }
        let Some(ticket) = &self.ticket else { return Ok(None) };
        let now = service::now_millis();
        let valid = purposes.iter().any(|&purpose| signed_link::is_valid(ticket, &app.secret, poll, purpose, now));
        if valid { Ok(Some(Organiser(()))) } else { Err(Refused::WrongTicket) }
    }
}

/// The bearer token of a request. One that is empty or no text is a wrong one; other schemes are not ours to judge.
fn bearer_token(headers: &HeaderMap) -> Option<String> {
    let value = String::from_utf8_lossy(headers.get(header::AUTHORIZATION)?.as_bytes());
    let (scheme, token) = value.split_once(' ').unwrap_or((&value, ""));
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim().to_owned())
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (detail, challenge) = match self {
            Self::NoOrganiser => {
                let detail = "this installation has no organiser: ORGANISER_TOKEN is not set";
                return Problem::new(StatusCode::FORBIDDEN, "no-organiser", detail).into_response();
            }
            Self::WrongTicket => {
                let detail =
                    "this link is for another poll or purpose, or is too old; the organiser's page has new ones";
                return Problem::new(StatusCode::FORBIDDEN, "ticket-refused", detail).into_response();
            }
            Self::NothingShown => {
                ("the organiser's bearer token or a link of the organiser's page is needed", "Bearer realm=\"scrutin\"")
            }
            Self::WrongToken => {
                ("this is not the organiser's token", "Bearer realm=\"scrutin\", error=\"invalid_token\"")
            }
        };
        let mut response = Problem::new(StatusCode::UNAUTHORIZED, "not-organiser", detail).into_response();
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        response
    }
}
