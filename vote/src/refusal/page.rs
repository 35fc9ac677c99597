//! A refusal as an answer: a page for people, a problem for programs.

use axum::response::{IntoResponse, Response};
use domain::Unavailable;
use http::{HeaderValue, header};
use minijinja::context;
use web::language_switch::local_path;

use super::kinds::Refusal;
use crate::{
    app::{App, Visitor},
    texts::{self, VoteText},
};

impl App {
    /// The page that says why a request was not done, and nothing else.
    pub(crate) fn refuse(&self, visitor: &Visitor, refusal: &Refusal) -> Response {
        let (back, back_text) = way_back(&visitor.path, refusal);
        let context = context! {
            title => texts::text(visitor.language, refusal.title(), &[]),
            text => refusal.text(visitor.language),
            refused_code => refusal.code(),
            back => back,
            back_text => back_text.key(),
        };
        let mut response = self.page(visitor, refusal.status(), "message.html", context);
        if let Some(seconds) = refusal.retry_after_seconds() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// The page that says that a poll can't be shown because the log does not answer.
    pub(crate) fn cannot_show(&self, visitor: &Visitor, refusal: &Refusal) -> Response {
        self.refuse(visitor, &refusal.clone().when_showing())
    }

    /// Notes that the log did not answer when something was to be shown, and gives the refusal that says so.
    pub(crate) fn not_shown(&self, error: Unavailable) -> Refusal {
        self.outages.note(&error);
        Refusal::CannotShow(error)
    }

    /// The same where something was to be done.
    pub(crate) fn not_told(&self, error: Unavailable) -> Refusal {
        self.outages.note(&error);
        Refusal::CannotTell(error)
    }

    /// The answer to a refused request at any address: a problem below `/api/`, a page elsewhere.
    pub(crate) fn refuse_anywhere(&self, visitor: &Visitor, refusal: &Refusal) -> Response {
        if visitor.path.starts_with("/api/") {
            self.with_headers(refusal.problem_in(visitor.language).into_response())
        } else {
            self.refuse(visitor, refusal)
        }
    }
}

/// Where the page of a refusal leads, and what the link is called. The path may be any that was asked for.
fn way_back<'a>(path: &'a str, refusal: &Refusal) -> (&'a str, VoteText) {
    let path = local_path(path);
    let is_organisers = path.starts_with("/organise/");
    match refusal {
        Refusal::SignInNeeded => ("/organise/sign-in", VoteText::SignIn),
        Refusal::UnknownPoll | Refusal::NoSuchPage | Refusal::NoOrganiser => {
            if is_organisers {
                ("/organise", VoteText::Polls)
            } else {
                ("/", VoteText::Home)
            }
        }
        Refusal::Unavailable(_) | Refusal::CannotShow(_) | Refusal::CannotTell(_) | Refusal::Panicked => {
            (path, VoteText::Retry)
        }
        // A poll's own page, from what is below it: `/organise/lunch/codes`.
        _ if is_organisers => {
            (path.match_indices('/').nth(2).map_or(path, |(end, _)| &path[..end]), VoteText::PollBack)
        }
        _ => (path, VoteText::Back),
    }
}
