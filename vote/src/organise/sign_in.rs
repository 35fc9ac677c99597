//! The way in: `/organise/sign-in`, typed or by the link that the all-in-one prints; and the way out.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, Request, State},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use minijinja::context;
use program::settings::cleaned;
use web::organiser::NotOrganiser;

use super::session;
use crate::{
    app::{App, Visitor},
    refusal::Refusal,
    request::{body, form::Fields},
    texts::{self, VoteText},
};

/// Shows the form. With `?token=…` it signs in at once, and the token leaves the address bar.
pub(crate) async fn show(State(app): State<Arc<App>>, RawQuery(query): RawQuery, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let visitor = Visitor::of(&parts.uri, &parts.headers);
    if app.organiser.reveal().is_none() {
        return app.refuse(&visitor, &Refusal::NoOrganiser);
    }
    let query = query.unwrap_or_default();
    let Ok(fields) = Fields::read(query.as_bytes()) else { return page(&app, &visitor, "", None) };
    let to = session::local(fields.get("to"));
    if fields.has("token") {
        if !is_visit(&parts.headers) {
            return page(
                &app,
                &visitor,
                to,
                Some((StatusCode::FORBIDDEN, texts::text(visitor.language, VoteText::SignInNoPage, &[]))),
            );
        }
        return try_token(&app, &visitor, fields.get("token"), to, app.client(&parts));
    }
    match session::is_signed_in(&app, &parts.headers).await {
        Ok(true) => return Redirect::to(to).into_response(),
        Ok(false) => {}
        Err(error) => return app.refuse(&visitor, &app.not_shown(error)),
    }
    page(&app, &visitor, to, None)
}

/// Whether a browser opens the address as a page of its own. A page elsewhere could ask for it as a picture or in a
/// frame, again and again with wrong tokens, and so spend what its visitor's network may get wrong. Who says nothing about
/// it is no browser, or an old one.
fn is_visit(headers: &HeaderMap) -> bool {
    let says = |name, expected: &str| headers.get(name).is_none_or(|value| value.as_bytes() == expected.as_bytes());
    says("sec-fetch-dest", "document") && says("sec-fetch-mode", "navigate")
}

/// Takes the form.
pub(crate) async fn sign_in(State(app): State<Arc<App>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let visitor = Visitor::of(&parts.uri, &parts.headers);
    let form = match body::form(&parts.headers, body, body::MAX_BALLOT_BYTES).await {
        Ok(form) => form,
        Err(refusal) => return app.refuse(&visitor, &refusal),
    };
    match Fields::read(&form) {
        Ok(fields) => {
            let to = session::local(fields.get("to"));
            try_token(&app, &visitor, fields.get("token"), to, app.client(&parts))
        }
        Err(error) => app.refuse(&visitor, &error.into()),
    }
}

/// Ends the session: in this browser, and for every copy of its cookie. Where that can't be noted nothing is done, so
/// that it can be tried again.
pub(crate) async fn sign_out(State(app): State<Arc<App>>, visitor: Visitor, headers: HeaderMap) -> Response {
    match session::end_all(&app, &headers).await {
        Ok(true) => tracing::info!("the organiser signed out"),
        Ok(false) => {}
        Err(refusal) => return app.refuse(&visitor, &refusal),
    }
    let mut response = Redirect::to("/organise/sign-in").into_response();
    session::end(&app, response.headers_mut());
    response
}

/// Somebody opened the address of a form.
pub(crate) async fn back() -> Redirect {
    Redirect::to("/organise")
}

fn try_token(app: &App, visitor: &Visitor, sent: &str, to: &str, address: std::net::IpAddr) -> Response {
    match app.organiser.check(pasted_token(sent), address) {
        Ok(()) => {
            tracing::info!("the organiser signed in");
            let mut response = Redirect::to(to).into_response();
            session::begin(app, response.headers_mut());
            response
        }
        Err(NotOrganiser::NoOrganiser) => app.refuse(visitor, &Refusal::NoOrganiser),
        Err(refused @ (NotOrganiser::WrongToken | NotOrganiser::NoToken)) => {
            page(app, visitor, to, Some((StatusCode::FORBIDDEN, refused.text(visitor.language))))
        }
        Err(refused @ NotOrganiser::TooMany(seconds)) => {
            let text = refused.text(visitor.language);
            let mut response = page(app, visitor, to, Some((StatusCode::TOO_MANY_REQUESTS, text)));
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            response
        }
    }
}

/// The token in what was typed or pasted: perhaps the whole link that the program printed, with what editors leave
/// around it.
fn pasted_token(sent: &str) -> &str {
    let sent = cleaned(sent);
    sent.split_once("/organise/sign-in?token=").map_or(sent, |(_, token)| token)
}

/// The form; after a refused attempt it says why.
fn page(app: &App, visitor: &Visitor, to: &str, refused: Option<(StatusCode, String)>) -> Response {
    let (status, text) = refused.map_or((StatusCode::OK, None), |(status, text)| (status, Some(text)));
    app.page(visitor, status, "organise/sign_in.html", context! { to => to, refused => text })
}
