//! The one place where refusals are answered: a problem for programs, a page for people, in the visitor's language.

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use program::settings::PublicUrl;
use serde::Serialize;
use web::{headers::SecurityHeaders, language_switch::local_path, problem::Problem, shell::Website, visitor::Visitor};

use super::{kinds::Refusal, same_site::is_same_site};
use crate::{
    app::App,
    texts::{self, VoteText},
};

/// The pages to which a mistyped address is redirected.
const PAGES: [&str; 10] = [
    "/p/{poll}",
    "/e/{event}",
    "/organise",
    "/organise/sign-in",
    "/organise/{poll}",
    "/organise/{poll}/edit",
    "/events",
    "/events/{event}",
    "/events/{event}/run",
    "/api",
];
/// The addresses of the organiser's pages that a script asks: where they are, and how they end.
const FOR_SCRIPTS: [(&str, &str); 3] =
    [("/organise/", "/tickets"), ("/organise/", "/new-voters"), ("/events/", "/now")];

impl Website for App {
    fn security_headers(&self, visitor: &Visitor, response: &Response) -> Option<&SecurityHeaders> {
        // The answer to a recorded ballot has no content to protect, and is kept short: there are many of them.
        let is_organisers = ["/organise", "/events"].iter().any(|area| visitor.path.starts_with(area));
        let is_back_to_poll = response.status() == StatusCode::SEE_OTHER && !is_organisers;
        (!is_back_to_poll).then_some(&self.headers)
    }

    fn page_paths(&self) -> &'static [&'static str] {
        &PAGES
    }

    fn refused(&self, request: &Request) -> Option<Response> {
        let public = self.config.vote_url.as_ref().map(PublicUrl::origin);
        let is_allowed = is_same_site(request.method(), request.headers(), public);
        (!is_allowed).then(|| Refusal::CrossSite.into_response())
    }

    fn panicked(&self) -> Response {
        Refusal::Panicked.into_response()
    }

    fn complete(&self, visitor: &Visitor, mut response: Response) -> Response {
        let Some(refusal) = response.extensions_mut().remove::<Refusal>() else { return response };
        let mut answer =
            if is_for_program(&visitor.path) { problem(visitor, &refusal) } else { page(self, visitor, &refusal) };
        if let Some(seconds) = refusal.retry_after_seconds() {
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        // Headers that the handler has set, such as cookies, are kept.
        for (name, value) in response.headers() {
            if *name == header::SET_COOKIE || *name != header::CONTENT_LENGTH && !answer.headers().contains_key(name) {
                answer.headers_mut().append(name, value.clone());
            }
        }
        answer
    }
}

/// Whether the answer is for a program: below `/api/`, and where the organiser's page asks by script.
pub(crate) fn is_for_program(path: &str) -> bool {
    let is_script = |(area, end): &(&str, &str)| path.starts_with(area) && path.ends_with(end);
    path.starts_with("/api/") || FOR_SCRIPTS.iter().any(is_script)
}

fn problem(visitor: &Visitor, refusal: &Refusal) -> Response {
    let problem = Problem::new(refusal.status(), refusal.code(), refusal.text(visitor.language));
    match refusal.retry_after_seconds() {
        Some(seconds) => problem.retry_after(seconds).into_response(),
        None => problem.into_response(),
    }
}

/// The context of the template `message.html`.
#[derive(Serialize)]
struct MessageView<'a> {
    title: String,
    text: String,
    /// The refusal's code, for scripts and tests.
    refused_code: &'static str,
    /// Where the link leads.
    back: &'a str,
    /// The key of the link's text.
    back_text: &'static str,
}

/// A page that shows the refusal and nothing else.
fn page(app: &App, visitor: &Visitor, refusal: &Refusal) -> Response {
    let (back, back_text) = way_back(&visitor.path, refusal);
    let view = MessageView {
        title: texts::text(visitor.language, refusal.title(), &[]),
        text: refusal.text(visitor.language),
        refused_code: refusal.code(),
        back,
        back_text: back_text.key(),
    };
    app.page(visitor, refusal.status(), "message.html", view)
}

/// The link on the page of a refusal: its path and text. The visitor's path may be any that a browser sent.
fn way_back<'a>(path: &'a str, refusal: &Refusal) -> (&'a str, VoteText) {
    let path = local_path(path);
    let is_organisers = path.starts_with("/organise/");
    if path == "/events" || path.starts_with("/events/") {
        return way_back_to_event(path, refusal);
    }
    match refusal {
        Refusal::SignInNeeded => ("/organise/sign-in", VoteText::SignIn),
        Refusal::UnknownPoll | Refusal::UnknownEvent | Refusal::NoSuchPage | Refusal::NoOrganiser => {
            if is_organisers {
                ("/organise", VoteText::Polls)
            } else {
                ("/", VoteText::Home)
            }
        }
        Refusal::Unavailable(_) | Refusal::CannotShow(_) | Refusal::CannotTell(_) | Refusal::Panicked => {
            (path, VoteText::Retry)
        }
        // From an address below a poll's page, `/organise/lunch/codes`, back to that page.
        _ if is_organisers => {
            (path.match_indices('/').nth(2).map_or(path, |(end, _)| &path[..end]), VoteText::PollBack)
        }
        _ => (path, VoteText::Back),
    }
}

/// The same on the pages of events.
fn way_back_to_event<'a>(path: &'a str, refusal: &Refusal) -> (&'a str, VoteText) {
    let page = path.match_indices('/').nth(2).map_or(path, |(end, _)| &path[..end]);
    match refusal {
        Refusal::SignInNeeded => ("/organise/sign-in", VoteText::SignIn),
        Refusal::UnknownEvent | Refusal::NoSuchPage | Refusal::NoOrganiser => ("/events", VoteText::Events),
        Refusal::Unavailable(_) | Refusal::CannotShow(_) | Refusal::CannotTell(_) | Refusal::Panicked => {
            (path, VoteText::Retry)
        }
        _ if path == "/events" => (path, VoteText::Events),
        _ => (page, VoteText::EventBack),
    }
}
