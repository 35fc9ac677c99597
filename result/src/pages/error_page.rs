//! Pages that say to people why there is nothing to see.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use minijinja::context;
use web::{language::Language, poll_address::Visit, problem::Problem};

use crate::{app::App, texts::ResultText};

/// After how many seconds a page that could not be made loads itself again.
pub(crate) const RELOAD_SECONDS: u32 = 5;

/// The pages that an address may be meant for which somebody typed or pasted a little differently.
const PAGES: [&str; 4] = ["/p/{poll}", "/p/{poll}/embed", "/p/{poll}/join", "/polls"];

/// Middleware: leads a visit at no page of ours on to the page that can only be meant.
pub(crate) async fn lead_on(request: Request, next: Next) -> Response {
    let visit = Visit::of(request.method(), request.uri());
    let response = next.run(request).await;
    visit.and_then(|visit| visit.redirect(response.status(), &PAGES)).unwrap_or(response)
}

/// There is no poll at this address.
pub(crate) fn unknown_poll(app: &App, language: Language, path: &str) -> Response {
    page(app, StatusCode::NOT_FOUND, language, path, ResultText::UnknownTitle, ResultText::UnknownText, false)
}

/// This is no receipt of this poll.
pub(crate) fn unknown_receipt(app: &App, language: Language, path: &str) -> Response {
    page(app, StatusCode::NOT_FOUND, language, path, ResultText::ReceiptUnknown, ResultText::ReceiptUnknownText, false)
}

/// The ledger does not answer. The page loads itself again.
pub(crate) fn unavailable(app: &App, language: Language, path: &str) -> Response {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let mut response =
        page(app, status, language, path, ResultText::UnavailableTitle, ResultText::UnavailableText, true);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RELOAD_SECONDS));
    response
}

/// What is at no route: a problem below `/api`, a page elsewhere.
pub(crate) async fn no_such_page(State(app): State<Arc<App>>, language: Language, request: Request) -> Response {
    if request.uri().path().starts_with("/api/") {
        return Problem::new(StatusCode::NOT_FOUND, "not-found", "there is nothing at this address").into_response();
    }
    page(&app, StatusCode::NOT_FOUND, language, "/", ResultText::PageTitle, ResultText::UnknownText, false)
}

fn page(
    app: &App,
    status: StatusCode,
    language: Language,
    path: &str,
    title: ResultText,
    text: ResultText,
    reload: bool,
) -> Response {
    let reload_seconds = reload.then_some(RELOAD_SECONDS);
    let (title, text) = (title.key(), text.key());
    let context = context! { instance => app.instance.as_str(), path, title, text, reload_seconds };
    app.pages.respond(status, language, "error.html", context)
}
