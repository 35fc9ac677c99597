//! The service as a website: its security headers, and its answers to refused requests. They are in the language of the
//! request: a problem below `/api` and `/.well-known`, a page elsewhere.

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};
use minijinja::context;
use web::{headers::SecurityHeaders, shell::Website, visitor::Visitor};

use crate::{app::App, refusal::ResultRefusal};

/// After how many seconds a page that could not be made loads itself again.
const RELOAD_SECONDS: u32 = 5;

/// The pages to which mistyped addresses are redirected.
const PAGES: [&str; 9] = [
    "/p/{poll}",
    "/p/{poll}/check",
    "/p/{poll}/embed",
    "/p/{poll}/join",
    "/e/{event}",
    "/e/{event}/embed",
    "/e/{event}/join",
    "/e/{event}/print",
    "/polls",
];

impl Website for App {
    fn security_headers(&self, _: &Visitor, _: &Response) -> Option<&SecurityHeaders> {
        Some(&self.headers)
    }

    fn page_paths(&self) -> &'static [&'static str] {
        &PAGES
    }

    fn refused(&self, _: &Request) -> Option<Response> {
        None
    }

    fn panicked(&self) -> Response {
        ResultRefusal::Panicked.into_response()
    }

    fn complete(&self, visitor: &Visitor, response: Response) -> Response {
        let Some(&refusal) = response.extensions().get::<ResultRefusal>() else { return response };
        let is_api = ["/api/", "/.well-known/"].iter().any(|below| visitor.path.starts_with(below));
        let mut answer = if is_api { refusal.problem(visitor.language) } else { page(self, visitor, refusal) };
        // What the handler has set, such as who may frame the page.
        answer.headers_mut().extend(response.headers().clone());
        answer
    }
}

fn page(app: &App, visitor: &Visitor, refusal: ResultRefusal) -> Response {
    let (title, text) = refusal.texts();
    let reload_seconds = (refusal == ResultRefusal::Unavailable).then_some(RELOAD_SECONDS);
    let (title, text, instance) = (title.key(), text.key(), app.instance.as_str());
    let context = context! { instance, path => visitor.path.as_str(), title, text, reload_seconds };
    let mut response = app.pages.respond(refusal.status(), visitor.language, "error.html", context);
    if let Some(seconds) = reload_seconds {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
