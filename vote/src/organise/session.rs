//! The organiser's session: a signed cookie that ends by itself, and with the token that opened it.
//!
//! | cookie | holds, in URL-safe base64 |
//! |---|---|
//! | `organiser` | when it ends, in milliseconds since 1970 (8) ‖ MAC (16) over that and the organiser's token |
//!
//! Nothing is kept by the service: any instance knows the session, and a new token ends all sessions at once.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::Secret;
use http::{HeaderMap, Method, Uri};
use subtle::ConstantTimeEq;

use crate::{
    app::{App, Asked},
    refusal::Refusal,
};

/// How long a session lasts: an evening, and the clearing up.
pub(crate) const VALID_SECONDS: u64 = 12 * 60 * 60;
const MAC_BYTES: usize = 16;
const COOKIE_BYTES: usize = 8 + MAC_BYTES;

/// Middleware: lets pass who is signed in. Others are led to the sign-in page, and what they posted is not done.
pub(crate) async fn signed_in_only(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let asked = Asked::of(request.uri(), request.headers());
    if app.organiser.reveal().is_none() {
        return app.refuse(&asked, &Refusal::NoOrganiser);
    }
    if is_signed_in(&app, request.headers()) {
        return next.run(request).await;
    }
    match *request.method() {
        Method::GET | Method::HEAD if ["/tickets", "/new-voters"].iter().any(|end| asked.path.ends_with(end)) => {
            Refusal::SignInNeeded.problem().into_response()
        }
        Method::GET | Method::HEAD => Redirect::to(&sign_in_address(request.uri())).into_response(),
        _ => app.refuse(&asked, &Refusal::SignInNeeded),
    }
}

/// Whether the request comes with a session that still lasts.
pub(crate) fn is_signed_in(app: &App, headers: &HeaderMap) -> bool {
    let Some(token) = app.organiser.reveal() else { return false };
    let now = service::now_millis();
    app.session_cookie.values(headers).any(|value| is_valid(value, &app.config.secret, token, now))
}

/// Begins a session.
pub(crate) fn begin(app: &App, headers: &mut HeaderMap) {
    let Some(token) = app.organiser.reveal() else { return };
    let value = issue(&app.config.secret, token, service::now_millis());
    app.session_cookie.set(headers, &value, VALID_SECONDS);
}

/// Ends the session in this browser.
pub(crate) fn end(app: &App, headers: &mut HeaderMap) {
    app.session_cookie.set(headers, "", 0);
}

/// The sign-in page that leads on to this page, with its query: which voting codes were asked for, say.
fn sign_in_address(uri: &Uri) -> String {
    match local(uri.path_and_query().map_or("/organise", |whole| whole.as_str())) {
        "/organise" => "/organise/sign-in".into(),
        // The only one of its letters that would end the value.
        to => format!("/organise/sign-in?to={}", to.replace('&', "%26")),
    }
}

/// The path, perhaps with a query, if it is one of the organiser's pages; else the first of them.
pub(crate) fn local(path: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-.?=&".contains(&byte);
    let ours = path.strip_prefix("/organise/").is_some_and(|rest| rest.bytes().all(plain) && !rest.contains(".."));
    if ours { path } else { "/organise" }
}

fn issue(secret: &Secret, token: &str, now_millis: u64) -> String {
    let until = now_millis.saturating_add(VALID_SECONDS * 1_000);
    let mut bytes = [0; COOKIE_BYTES];
    bytes[..8].copy_from_slice(&until.to_be_bytes());
    bytes[8..].copy_from_slice(&mac(secret, token, until));
    URL_SAFE_NO_PAD.encode(bytes)
}

fn is_valid(value: &str, secret: &Secret, token: &str, now_millis: u64) -> bool {
    let mut bytes = [0; COOKIE_BYTES];
    if URL_SAFE_NO_PAD.decode_slice(value, &mut bytes) != Ok(COOKIE_BYTES) {
        return false;
    }
    let (until, signature) = bytes.split_first_chunk::<8>().expect("a session is longer than its time");
    let until = u64::from_be_bytes(*until);
    let signed: bool = signature.ct_eq(&mac(secret, token, until)).into();
    signed && now_millis < until
}

fn mac(secret: &Secret, token: &str, until: u64) -> [u8; MAC_BYTES] {
    let signed = secret.sign("cookie.organiser", &[token.as_bytes(), &until.to_be_bytes()]);
    *signed.first_chunk().expect("a signature is longer than what is kept of it")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "the-organisers-token";

    fn secret() -> Secret {
        Secret::parse(&"x".repeat(32)).unwrap()
    }

    #[test]
    fn a_session_lasts_twelve_hours_and_as_long_as_its_token() {
        let cookie = issue(&secret(), TOKEN, 1_000);
        let valid = |token, now| is_valid(&cookie, &secret(), token, now);
        let twelve_hours = 12 * 60 * 60 * 1_000;
        assert!(valid(TOKEN, 1_000) && valid(TOKEN, 999 + twelve_hours));
        assert!(!valid(TOKEN, 1_000 + twelve_hours));
        assert!(!valid("another-organisers-token", 1_000));
        assert!(!is_valid(&cookie, &Secret::parse(&"y".repeat(32)).unwrap(), TOKEN, 1_000));
    }

    #[test]
    fn a_forged_or_prolonged_session_is_none() {
        let cookie = issue(&secret(), TOKEN, 1_000);
        let mut bytes = URL_SAFE_NO_PAD.decode(&cookie).unwrap();
        bytes[3] ^= 1;
        let prolonged = URL_SAFE_NO_PAD.encode(bytes);
        for bad in ["", "x", "é", &cookie[1..], &format!("{cookie}A"), &prolonged] {
            assert!(!is_valid(bad, &secret(), TOKEN, 1_000), "{bad:?}");
        }
    }

    #[test]
    fn signing_in_leads_nowhere_else() {
        for own in ["/organise/lunch/codes", "/organise/lunch/codes?from=101&count=300"] {
            assert_eq!(local(own), own);
        }
        for bad in
            ["", "/", "//evil.example", "/organise/../x", "/organise//\\evil", "/organisex", "https://evil.example"]
        {
            assert_eq!(local(bad), "/organise", "{bad:?}");
        }
    }
}
