//! The way to the voting page: its address as text and as a QR code.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use domain::{EventId, Poll, PollId};
use http::StatusCode;
use minijinja::{context, value::Serde};
use program::settings::PublicUrl;
use serde::Serialize;
use web::{
    counterpart::{self, CameBy, Counterpart, Invitation},
    event_address,
    language::Language,
    poll_address,
    qr::Qr,
};

use crate::{app::App, event_parameter::EventParameter, poll_parameter::PollParameter, refusal::ResultRefusal};

/// Where to vote.
#[derive(Debug, Serialize)]
pub(crate) struct Join {
    /// The address.
    url: String,
    /// The address as people read and type it, without the scheme: up to its last part, where a line may break.
    host: String,
    /// Its last part, such as `/p/lunch`; empty at the root.
    page: String,
    /// The QR code; `None` if the address is too long for one, or phones don't reach it.
    qr: Option<Qr>,
    /// The key of the text that says why phones don't reach it.
    unreachable: Option<&'static str>,
    /// The path of the page that shows the code alone; `None` in a frame, where that page can't be shown.
    alone: Option<String>,
}

/// The path of the page that shows the code of a poll alone.
pub(super) fn path(poll: PollId) -> String {
    format!("/p/{poll}/join")
}

impl Join {
    /// The voting page of a poll, for this browser; `None` if the host is not known.
    pub(super) fn of_poll(vote: &Counterpart, came_by: &CameBy, poll: &Poll) -> Option<Self> {
        Self::at(vote, came_by, path(poll.id()), |at| poll_address::url_of(at, poll))
    }

    /// The same of an event.
    pub(super) fn of_event(vote: &Counterpart, came_by: &CameBy, event: EventId) -> Option<Self> {
        let alone = format!("{}/join", event_address::path(event));
        Self::at(vote, came_by, alone, |at| event_address::url(at, event))
    }

    /// The same, in a frame.
    pub(super) fn framed(self) -> Self {
        Self { alone: None, ..self }
    }

    /// The root address of the voting page, at which the organiser put something.
    pub(super) fn of_root(vote: &Counterpart, came_by: &CameBy, alone: String) -> Option<Self> {
        Self::at(vote, came_by, alone, |at| poll_address::url(at, PollId::MAIN))
    }

    fn at(
        vote: &Counterpart,
        came_by: &CameBy,
        alone: String,
        address: impl FnOnce(&PublicUrl) -> String,
    ) -> Option<Self> {
        let invitation = vote.invitation(came_by)?;
        let url = address(&invitation.url);
        Some(Self::of(&invitation, url, alone))
    }

    fn of(invitation: &Invitation, url: String, alone: String) -> Self {
        let text = poll_address::without_scheme(&url);
        let page = ["/p/", "/e/"].iter().filter_map(|of| text.rfind(of)).max().unwrap_or(text.len());
        let (host, page) = text.split_at(page);
        let (host, page) = (host.to_owned(), page.to_owned());
        let qr = if invitation.unreachable.is_none() { Qr::new(&url) } else { None };
        Self { url, host, page, qr, unreachable: invitation.unreachable.map(counterpart::text_key), alone: Some(alone) }
    }
}

/// `GET /p/{poll}/join`: the QR code alone.
pub(crate) async fn join(
    State(app): State<Arc<App>>,
    PollParameter(poll): PollParameter,
    language: Language,
    came_by: CameBy,
) -> Result<Response, ResultRefusal> {
    let score = app.score(poll).await?;
    let join = Join::of_poll(&app.vote, &came_by, score.poll());
    Ok(alone(&app, language, path(poll), score.poll().question(), join, &poll_address::path_of(score.poll())))
}

/// `GET /e/{event}/join`: the same of an event.
pub(crate) async fn join_event(
    State(app): State<Arc<App>>,
    EventParameter(event): EventParameter,
    language: Language,
    came_by: CameBy,
) -> Result<Response, ResultRefusal> {
    let (known, result_path) = (app.event(event).await?, event_address::path(event));
    let join = Join::of_event(&app.vote, &came_by, event);
    Ok(alone(&app, language, format!("{result_path}/join"), known.title(), join, &result_path))
}

fn alone(
    app: &App,
    language: Language,
    path: String,
    question: &str,
    join: Option<Join>,
    result_path: &str,
) -> Response {
    let join = join.map(Serde);
    let context = context! { instance => app.instance.as_str(), path, question, join, result_path };
    app.pages.respond(StatusCode::OK, language, "join.html", context)
}

#[cfg(test)]
mod tests {
    use listener::reach::Unreachable;

    use super::*;

    fn join(url: &str, unreachable: Option<Unreachable>) -> Join {
        let invitation = Invitation { url: "http://10.0.0.7:8080".parse().unwrap(), unreachable };
        Join::of(&invitation, url.to_owned(), path(PollId::MAIN))
    }

    #[test]
    fn an_address_may_break_before_its_last_part() {
        for (url, host, page) in [
            ("https://vote.example.org", "vote.example.org", ""),
            ("https://vote.example.org/p/lunch", "vote.example.org", "/p/lunch"),
            ("https://example.org/p/vote/e/evening", "example.org/p/vote", "/e/evening"),
        ] {
            let join = join(url, None);
            assert_eq!((join.host.as_str(), join.page.as_str()), (host, page));
            assert_eq!(join.qr, Qr::new(url));
        }
    }

    #[test]
    fn an_address_that_no_phone_reaches_has_no_code_and_says_why() {
        let join = join("http://localhost:8080", Some(Unreachable::NoNetwork));
        assert_eq!((join.qr, join.unreachable), (None, Some("reach.no-network")));
        assert_eq!(join.url, "http://localhost:8080", "a browser on this machine can follow it");
    }
}
