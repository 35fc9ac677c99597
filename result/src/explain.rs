//! Answers requests that were refused, in the language of the request: a problem below `/api`, a page elsewhere. Leads
//! visits at no page of ours to the page that can only be meant.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderValue, header};
use minijinja::context;
use web::{language::Language, poll_address::Visit};

use crate::{app::App, refusal::ResultRefusal};

/// After how many seconds a page that could not be made loads itself again.
const RELOAD_SECONDS: u32 = 5;

/// The pages that an address may be meant for which somebody typed or pasted a little differently.
const PAGES: [&str; 4] = ["/p/{poll}", "/p/{poll}/embed", "/p/{poll}/join", "/polls"];

/// Middleware, see the head of this file.
pub(crate) async fn explain(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let visit = Visit::of(request.method(), request.uri());
    let language = Language::of(request.headers());
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    if let Some(redirect) = visit.and_then(|visit| visit.redirect(response.status(), &PAGES)) {
        return redirect;
    }
    let Some(&refusal) = response.extensions().get::<ResultRefusal>() else { return response };
    let mut explained =
        if path.starts_with("/api/") { refusal.problem(language) } else { page(&app, language, &path, refusal) };
    // What the handler has set beside it, such as who may frame the page.
    explained.headers_mut().extend(response.headers().clone());
    explained
}

/// What is at no route.
pub(crate) async fn no_such_page() -> ResultRefusal {
    ResultRefusal::NoSuchPage
}

fn page(app: &App, language: Language, path: &str, refusal: ResultRefusal) -> Response {
    let (title, text) = refusal.texts();
    let reload_seconds = (refusal == ResultRefusal::Unavailable).then_some(RELOAD_SECONDS);
    let (title, text, instance) = (title.key(), text.key(), app.instance.as_str());
    let context = context! { instance, path, title, text, reload_seconds };
    let mut response = app.pages.respond(refusal.status(), language, "error.html", context);
    if let Some(seconds) = reload_seconds {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
