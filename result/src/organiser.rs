//! Who may fetch what is not public: a client that sends the organiser's token as a bearer token (RFC 6750), or one
//! that follows a link that the organiser's page signed a few minutes ago ([`web::signed_link`]).

use std::net::IpAddr;

use axum::extract::Query;
use http::request::Parts;
use listener::TrustedProxies;
use serde::Deserialize;
use web::{
    organiser::{NotOrganiser, OrganiserToken, bearer_token},
    signed_link::{self, LinkSubject, Purpose},
};

use crate::refusal::ResultRefusal;

/// Proof that a request may see what is not public. Only this file can make one.
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

impl OrganiserAccess {
    /// Access with this token. Wrong ones are counted by client address, which these proxies may tell.
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
            // A query that can't be read might hold one: it is refused as a wrong one, not ignored.
            Err(_) => Some(String::new()),
        };
        let from = access.trusted_proxies.client_of(parts);
        Self { token: bearer_token(&parts.headers), ticket, from }
    }

    /// Admits the organiser. Everybody else is refused, also a request without credentials.
    pub(crate) fn require(
        &self,
        access: &OrganiserAccess,
        subject: impl Into<LinkSubject>,
        purposes: &[Purpose],
    ) -> Result<Organiser, ResultRefusal> {
        self.check(access, subject, purposes)?.ok_or(ResultRefusal::NotOrganiser(NotOrganiser::NoToken))
    }

    /// The organiser, or `None` if nothing was sent. A wrong token or ticket is refused rather than ignored, so that
    /// the organiser's page learns that it needs a new one.
    pub(crate) fn check(
        &self,
        access: &OrganiserAccess,
        subject: impl Into<LinkSubject>,
        purposes: &[Purpose],
    ) -> Result<Option<Organiser>, ResultRefusal> {
        if let Some(sent) = &self.token {
            return match access.token.check(sent, self.from) {
                Ok(()) => Ok(Some(Organiser(()))),
                Err(refused) => Err(ResultRefusal::NotOrganiser(refused)),
            };
        }
        let Some(ticket) = &self.ticket else { return Ok(None) };
        let (subject, now) = (subject.into(), program::now_millis());
        let is_for = |purpose| signed_link::is_valid(ticket, access.token.links(), subject.clone(), purpose, now);
        let valid = purposes.iter().any(|&purpose| is_for(purpose));
        if valid { Ok(Some(Organiser(()))) } else { Err(ResultRefusal::WrongTicket) }
    }
}
