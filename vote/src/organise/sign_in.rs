//! Signing in at `/organise/sign-in`, by a form or the link that the all-in-one prints; signing out.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{RawQuery, State},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use program::settings::cleaned;
use serde::Serialize;
use web::{organiser::NotOrganiser, visitor::Visitor};

use super::session;
use crate::{
    app::App,
    refusal::{Refusal, not_shown},
    request::{Client, body::PostedForm, form::Fields},
    texts::{self, VoteText},
};

/// Shows the form. With `?token=…` it signs in at once, and the token leaves the address bar.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    visitor: Visitor,
    Client(address): Client,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    if app.organiser.reveal().is_none() {
        return Err(Refusal::NoOrganiser);
    }
    let query = query.unwrap_or_default();
    let Ok(fields) = Fields::read(query.as_bytes()) else { return Ok(page(&app, &visitor, "", None)) };
    let to = session::local(fields.get("to"));
    if fields.has("token") {
        if !is_visit(&headers) {
            let text = texts::text(visitor.language, VoteText::SignInNoPage, &[]);
            return Ok(page(&app, &visitor, to, Some((StatusCode::FORBIDDEN, text))));
        }
        return try_token(&app, &visitor, fields.get("token"), to, address);
    }
    if session::is_signed_in(&app, &headers).await.map_err(not_shown(&app))? {
        return Ok(Redirect::to(to).into_response());
    }
    Ok(page(&app, &visitor, to, None))
}

/// Whether a browser opens the address as a page of its own. A page elsewhere could request it as a picture or frame,
/// again and again with wrong tokens, and so use up the tries of its visitor's network. A client without these headers
/// is no browser, or an old one.
fn is_visit(headers: &HeaderMap) -> bool {
    let says = |name, expected: &str| headers.get(name).is_none_or(|value| value.as_bytes() == expected.as_bytes());
    says("sec-fetch-dest", "document") && says("sec-fetch-mode", "navigate")
}

/// Takes the form.
pub(crate) async fn sign_in(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Client(address): Client,
    form: PostedForm,
) -> Result<Response, Refusal> {
    let fields = form.fields()?;
    try_token(&app, &visitor, fields.get("token"), session::local(fields.get("to")), address)
}

/// Ends the session: in this browser, and for every copy of its cookie. If the log does not answer, nothing is done, so
/// that it can be tried again.
pub(crate) async fn sign_out(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Refusal> {
    if session::end_all(&app, &headers).await? {
        tracing::info!("organiser.signed_out");
    }
    let mut response = Redirect::to("/organise/sign-in").into_response();
    session::end(&app, response.headers_mut());
    Ok(response)
}

/// Answers a `GET` at the address of a form.
pub(crate) async fn back() -> Redirect {
    Redirect::to("/organise")
}

fn try_token(app: &App, visitor: &Visitor, sent: &str, to: &str, address: IpAddr) -> Result<Response, Refusal> {
    let Err(refused) = app.organiser.check(pasted_token(sent), address) else {
        tracing::info!("organiser.signed_in");
        let mut response = Redirect::to(to).into_response();
        session::begin(app, response.headers_mut());
        return Ok(response);
    };
    let refused_with = |status| page(app, visitor, to, Some((status, refused.text(visitor.language))));
    match refused {
        NotOrganiser::NoOrganiser => Err(Refusal::NoOrganiser),
        NotOrganiser::WrongToken | NotOrganiser::NoToken => Ok(refused_with(StatusCode::FORBIDDEN)),
        NotOrganiser::TooMany(seconds) => {
            let mut response = refused_with(StatusCode::TOO_MANY_REQUESTS);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            Ok(response)
        }
    }
}

/// The token in a typed or pasted text: perhaps the whole printed link, with what editors add around it.
fn pasted_token(sent: &str) -> &str {
    let sent = cleaned(sent);
    sent.split_once("/organise/sign-in?token=").map_or(sent, |(_, token)| token)
}

/// The context of the template `organise/sign_in.html`.
#[derive(Serialize)]
struct SignInView<'a> {
    /// Where to go once signed in: a path of the organiser's pages.
    to: &'a str,
    /// Why the last attempt was refused.
    refused: Option<String>,
}

/// The form; after a refused attempt with the reason.
fn page(app: &App, visitor: &Visitor, to: &str, refused: Option<(StatusCode, String)>) -> Response {
    let (status, refused) = refused.map_or((StatusCode::OK, None), |(status, text)| (status, Some(text)));
    app.page(visitor, status, "organise/sign_in.html", SignInView { to, refused })
}
