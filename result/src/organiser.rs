//! Who may fetch what is not public: whoever sends the organiser's token as a bearer token (RFC 6750), or follows
//! a link that the organiser's page signed a few minutes ago ([`web::signed_link`]).

use std::net::IpAddr;

use axum::{
    extract::Query,
    response::{IntoResponse, Response},
};
use domain::PollId;
use http::{HeaderValue, StatusCode, header, request::Parts};
use listener::TrustedProxies;
use serde::Deserialize;
use web::{
    organiser::{NotOrganiser, OrganiserToken, bearer_token},
    problem::Problem,
    signed_link::{self, Purpose},
};

/// Proof that the one who asks may see what is not public. Nothing outside of this file can make one.
#[derive(Debug)]
pub(crate) struct Organiser(());

/// Who has access as the organiser.
pub(crate) struct OrganiserAccess {
    token: OrganiserToken,
    trusted_proxies: TrustedProxies,
}

/// What a request sent to prove that it is the organiser's. It proves nothing yet.
#[derive(Debug)]
pub(crate) struct Credentials {
    token: Option<String>,
    ticket: Option<String>,
    /// From which address, for the limit on wrong tokens.
    from: IpAddr,
}

/// The signed part of a link.
#[derive(Debug, Deserialize)]
struct Ticket {
    ticket: Option<String>,
}

/// Why somebody is not let in.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The token does not open the door.
    Token(NotOrganiser),
    /// Neither token nor ticket was sent.
    NothingShown,
    /// The ticket is for something else, or too old, or none.
    WrongTicket,
}

impl OrganiserAccess {
    /// Access with this token; wrong ones are counted by the address of the client, which these proxies may tell.
    pub(crate) fn new(token: OrganiserToken, trusted_proxies: TrustedProxies) -> Self {
        Self { token, trusted_proxies }
    }

    /// The organiser's token.
    pub(crate) fn token(&self) -> &OrganiserToken {
        &self.token
    }
}

impl Credentials {
    /// What the request sent.
    pub(crate) fn of(parts: &Parts, access: &OrganiserAccess) -> Self {
        let ticket = match Query::<Ticket>::try_from_uri(&parts.uri) {
            Ok(Query(Ticket { ticket })) => ticket,
            // A query that can't be read might hold one: it is refused as a wrong one, not passed over.
            Err(_) => Some(String::new()),
        };
        let from = access.trusted_proxies.client_of(parts);
        Self { token: bearer_token(&parts.headers), ticket, from }
    }

    /// Lets the organiser in. Everybody else is refused, also who shows nothing.
    pub(crate) fn require(
        &self,
        access: &OrganiserAccess,
        poll: PollId,
        purposes: &[Purpose],
    ) -> Result<Organiser, Refused> {
        self.check(access, poll, purposes)?.ok_or(Refused::NothingShown)
    }

    /// The organiser, or `None` if nothing was shown. A token or ticket that is wrong is refused rather than
    /// passed over, so that the organiser's page comes to know that it needs a new one.
    pub(crate) fn check(
        &self,
        access: &OrganiserAccess,
        poll: PollId,
        purposes: &[Purpose],
    ) -> Result<Option<Organiser>, Refused> {
        if let Some(sent) = &self.token {
            return match access.token.check(sent, self.from) {
                Ok(()) => Ok(Some(Organiser(()))),
                Err(refused) => Err(Refused::Token(refused)),
            };
        }
        let Some(ticket) = &self.ticket else { return Ok(None) };
        let now = program::now_millis();
        let valid =
            purposes.iter().any(|&purpose| signed_link::is_valid(ticket, access.token.links(), poll, purpose, now));
        if valid { Ok(Some(Organiser(()))) } else { Err(Refused::WrongTicket) }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Token(refused) => refused.into_response(),
            Self::WrongTicket => {
                let detail =
                    "this link is for another poll or purpose, or is too old; the organiser's page has new ones";
                Problem::new(StatusCode::FORBIDDEN, "ticket-refused", detail).into_response()
            }
            Self::NothingShown => {
                let detail = "the organiser's bearer token or a link of the organiser's page is needed";
                let mut response = Problem::new(StatusCode::UNAUTHORIZED, "not-organiser", detail).into_response();
                let challenge = HeaderValue::from_static("Bearer realm=\"scrutin\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
                response
            }
        }
    }
}
