//! Recognises the organiser's projector among the screens, since it is admitted beyond the limit. The organiser's page
//! links to the live page with a ticket. The ticket is exchanged for a cookie, which the Socket.IO handshake sends.

use axum::response::{IntoResponse, Redirect, Response};
use domain::{PollId, Secret};
use http::{HeaderMap, HeaderValue, header};
use web::{
    cookies::{self, CookieScope},
    signed_link::{self, LinkSubject, Purpose},
};

const COOKIE: &str = "projector";
/// How long the cookie is valid: longer than an evening.
const VALID_SECONDS: u64 = 12 * 60 * 60;

/// Whether the request comes from a projector that the organiser opened.
pub(crate) fn is_projector(headers: &HeaderMap, secret: &Secret, now_millis: u64) -> bool {
    let is_valid = |value| signed_link::is_valid(value, secret, PollId::MAIN, Purpose::Projector, now_millis);
    cookies::values(headers, COOKIE).any(is_valid)
}

/// The answer to a request for the live page of a poll or an event with a valid ticket: sets the cookie and redirects
/// to `path`, the page without the ticket.
pub(crate) fn exchange_ticket(
    query: &str,
    secret: &Secret,
    subject: impl Into<LinkSubject>,
    path: &str,
    scope: CookieScope,
) -> Option<Response> {
    let now = program::now_millis();
    let ticket = query.split('&').find_map(|pair| pair.strip_prefix("ticket="))?;
    if !signed_link::is_valid(ticket, secret, subject, Purpose::Projector, now) {
        return None;
    }
    let until = now.saturating_add(VALID_SECONDS * 1_000);
    let value = signed_link::until(secret, PollId::MAIN, Purpose::Projector, until);
    let secure = scope.attribute();
    let cookie = format!("{COOKIE}={value}; Path=/socket.io/; Max-Age={VALID_SECONDS}; HttpOnly; SameSite=Lax{secure}");
    let mut response = Redirect::to(path).into_response();
    let cookie = HeaderValue::try_from(cookie).expect("base64 and attributes are header text");
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projector_is_recognised_beside_cookies_of_any_bytes() {
        let secret = Secret::parse(&"x".repeat(32)).unwrap();
        let value = signed_link::until(&secret, PollId::MAIN, Purpose::Projector, 2_000);
        let lines = |cookie: Vec<u8>| {
            HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_bytes(&cookie).expect("a header's bytes"))])
        };
        let beside_others = lines([b"theme=\xff; projector=", value.as_bytes()].concat());
        assert!(is_projector(&beside_others, &secret, 1_000));
        assert!(!is_projector(&beside_others, &secret, 2_001), "its time is over");
        assert!(!is_projector(&lines([b"projectors=", value.as_bytes()].concat()), &secret, 1_000));
    }
}
