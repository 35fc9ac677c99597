//! The organiser's session: a signed cookie that ends by itself, with the token that opened it, and by signing out.
//!
//! | cookie | holds, in URL-safe base64 |
//! |---|---|
//! | `organiser` | when it ends, in milliseconds since 1970 (8) ‖ which session it is (16 random bytes) ‖ MAC (16) over
//! both and the organiser's token |
//!
//! Any instance knows the session, and a new token ends all sessions at once. Which sessions were ended by signing out
//! is kept beside the polls ([`domain::BallotBox::end_session`]), for every copy of the cookie; other browsers in which
//! the organiser signed in, a phone beside the laptop, have sessions of their own and go on.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use domain::{KeyPurpose, Secret, SessionId, Unavailable, decode_base64, encode_base64};
use http::{HeaderMap, Method, Uri};

use crate::{
    app::App,
    refusal::{Refusal, is_for_program, not_shown, not_told},
};

/// How long a session lasts: a day. One of less than 20 hours would need a warning and a way to extend it (WCAG 2.2.1).
pub(crate) const VALID_SECONDS: u64 = 24 * 60 * 60;
const TAG_BYTES: usize = 16;
/// How many session cookies of one request are read.
const MAX_SESSIONS: usize = 4;
const ID_BYTES: usize = 16;
const COOKIE_BYTES: usize = 8 + ID_BYTES + TAG_BYTES;

/// Middleware: passes on only requests of a signed-in organiser. Other visits are redirected to the sign-in page, and
/// what others posted is not done.
pub(crate) async fn signed_in_only(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    if app.organiser.reveal().is_none() {
        return Err(Refusal::NoOrganiser);
    }
    let is_visit = matches!(*request.method(), Method::GET | Method::HEAD);
    match is_signed_in(&app, request.headers()).await {
        Ok(true) => Ok(next.run(request).await),
        Ok(false) if is_visit && !is_for_program(request.uri().path()) => {
            Ok(Redirect::to(&sign_in_address(request.uri())).into_response())
        }
        Ok(false) => Err(Refusal::SignInNeeded),
        Err(error) if is_visit => Err(not_shown(&app)(error)),
        Err(error) => Err(not_told(&app)(error)),
    }
}

/// Whether the request has a valid session. The log is asked only about one that has not expired.
pub(crate) async fn is_signed_in(app: &App, headers: &HeaderMap) -> Result<bool, Unavailable> {
    for session in sessions(app, headers) {
        if !app.ballots.has_ended(session.id).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Ends the sessions of this browser, also in copies of its cookies. Returns whether there were any.
pub(crate) async fn end_all(app: &App, headers: &HeaderMap) -> Result<bool, Refusal> {
    let sessions = sessions(app, headers);
    for session in &sessions {
        let ended = app.ballots.end_session(session.id, session.lasting).await;
        ended.map_err(not_told(app))?;
    }
    Ok(!sessions.is_empty())
}

/// A session that has not expired; it may have been ended.
#[derive(Debug, PartialEq, Eq)]
struct Session {
    id: SessionId,
    /// How much longer it lasts.
    lasting: Duration,
}

/// The first few sessions of a request.
fn sessions(app: &App, headers: &HeaderMap) -> Vec<Session> {
    let Some(token) = app.organiser.reveal() else { return Vec::new() };
    let now = program::now_millis();
    let values = app.session_cookie.values(headers);
    values.filter_map(|value| read(value, &app.config.secret, token, now)).take(MAX_SESSIONS).collect()
}

/// Begins a session.
pub(crate) fn begin(app: &App, headers: &mut HeaderMap) {
    let Some(token) = app.organiser.reveal() else { return };
    let value = issue(&app.config.secret, token, program::random_bytes(), program::now_millis());
    app.session_cookie.set(headers, &value, VALID_SECONDS);
}

/// Ends the session in this browser.
pub(crate) fn end(app: &App, headers: &mut HeaderMap) {
    app.session_cookie.set(headers, "", 0);
}

/// The address of the sign-in page, which goes on to the requested page with its query.
fn sign_in_address(uri: &Uri) -> String {
    match local(uri.path_and_query().map_or("/organise", |whole| whole.as_str())) {
        "/organise" => "/organise/sign-in".into(),
        // The only character that would end the value.
        to => format!("/organise/sign-in?to={}", to.replace('&', "%26")),
    }
}

/// The path, perhaps with a query, if it is one of the organiser's pages; else the first of them.
pub(crate) fn local(path: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-.?=&".contains(&byte);
    let below = ["/organise/", "/events/"].iter().find_map(|area| path.strip_prefix(area));
    let ours = below.is_some_and(|rest| rest.bytes().all(plain) && !rest.contains(".."));
    if ours || path == "/events" { path } else { "/organise" }
}

fn issue(secret: &Secret, token: &str, id: SessionId, now_millis: u64) -> String {
    let until = now_millis.saturating_add(VALID_SECONDS * 1_000);
    let until = until.to_be_bytes();
    let tag: [u8; TAG_BYTES] = secret.signer(KeyPurpose::OrganiserCookie).tag(&[token.as_bytes(), &until, &id]);
    encode_base64(&[&until, &id, &tag])
}

/// The session, if its signature is ours and it still lasts.
fn read(value: &str, secret: &Secret, token: &str, now_millis: u64) -> Option<Session> {
    let bytes: [u8; COOKIE_BYTES] = decode_base64(value)?;
    let (until, rest) = bytes.split_first_chunk::<8>()?;
    let (id, tag) = rest.split_first_chunk::<ID_BYTES>()?;
    let tag = tag.first_chunk::<TAG_BYTES>()?;
    let signed = secret.signer(KeyPurpose::OrganiserCookie).verify(tag, &[token.as_bytes(), until, id]);
    let lasting = Duration::from_millis(u64::from_be_bytes(*until).saturating_sub(now_millis));
    (signed && !lasting.is_zero()).then_some(Session { id: *id, lasting })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "the-organisers-token";

    fn secret() -> Secret {
        Secret::parse(&"x".repeat(32)).unwrap()
    }

    const ID: SessionId = [7; ID_BYTES];

    #[test]
    fn a_session_lasts_a_day_and_as_long_as_its_token() {
        let cookie = issue(&secret(), TOKEN, ID, 1_000);
        let read_at = |token, now| read(&cookie, &secret(), token, now);
        let day = 24 * 60 * 60 * 1_000;
        let begun = read_at(TOKEN, 1_000).unwrap();
        assert_eq!((begun.id, begun.lasting), (ID, Duration::from_millis(day)));
        assert!(read_at(TOKEN, 999 + day).is_some());
        assert_eq!(read_at(TOKEN, 1_000 + day), None);
        assert_eq!(read_at("another-organisers-token", 1_000), None);
        assert_eq!(read(&cookie, &Secret::parse(&"y".repeat(32)).unwrap(), TOKEN, 1_000), None);
    }

    #[test]
    fn a_forged_or_prolonged_session_is_none() {
        let cookie = issue(&secret(), TOKEN, ID, 1_000);
        let changed = |at: usize| {
            let mut bytes: [u8; COOKIE_BYTES] = decode_base64(&cookie).unwrap();
            bytes[at] ^= 1;
            encode_base64(&[&bytes])
        };
        for bad in ["", "x", "é", &cookie[1..], &format!("{cookie}A"), &changed(3), &changed(9), &changed(30)] {
            assert_eq!(read(bad, &secret(), TOKEN, 1_000), None, "{bad:?}");
        }
    }

    #[test]
    fn signing_in_leads_nowhere_else() {
        for own in
            ["/organise/lunch/codes", "/organise/lunch/codes?from=101&count=300", "/events", "/events/evening/run"]
        {
            assert_eq!(local(own), own);
        }
        for bad in [
            "",
            "/",
            "//evil.example",
            "/organise/../x",
            "/events/../x",
            "/organise//\\evil",
            "/organisex",
            "/eventsx",
            "https://evil.example",
        ] {
            assert_eq!(local(bad), "/organise", "{bad:?}");
        }
    }
}
