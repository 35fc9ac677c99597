//! The way to the voting page: its address as text and as a QR code.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use domain::PollId;
use http::StatusCode;
use minijinja::{context, value::Serde};
use serde::Serialize;
use web::{
    counterpart::{self, CameBy, Counterpart, Invitation},
    language::Language,
    poll_address,
    qr::Qr,
};

use crate::{app::App, poll_parameter::PollParameter, refusal::ResultRefusal};

/// Where to vote.
#[derive(Debug, Serialize)]
pub(crate) struct Join {
    /// The address.
    url: String,
    /// The address as people read and type it: without the scheme.
    text: String,
    /// The QR code; `None` if the address is too long for one, or phones don't reach it.
    qr: Option<Qr>,
    /// The key of the text that says why phones don't reach it.
    unreachable: Option<&'static str>,
}

impl Join {
    /// The voting page of a poll, for this browser; `None` if the host is not known.
    pub(crate) fn new(vote: &Counterpart, came_by: &CameBy, poll: PollId) -> Option<Self> {
        vote.invitation(came_by).map(|invitation| Self::of(&invitation, poll))
    }

    fn of(invitation: &Invitation, poll: PollId) -> Self {
        let url = poll_address::url(&invitation.url, poll);
        let text = poll_address::without_scheme(&url).to_owned();
        let qr = if invitation.unreachable.is_none() { Qr::new(&url) } else { None };
        Self { url, text, qr, unreachable: invitation.unreachable.map(counterpart::text_key) }
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
    let context = context! {
        instance => app.instance.as_str(),
        path => format!("/p/{poll}/join"),
        question => score.poll().question(),
        join => Join::new(&app.vote, &came_by, poll).map(Serde),
        result_path => poll_address::path(poll),
    };
    Ok(app.pages.respond(StatusCode::OK, language, "join.html", context))
}

#[cfg(test)]
mod tests {
    use listener::reach::Unreachable;

    use super::*;

    fn join(url: &str, unreachable: Option<Unreachable>, poll: PollId) -> Join {
        Join::of(&Invitation { url: url.parse().unwrap(), unreachable }, poll)
    }

    #[test]
    fn the_default_poll_is_at_the_root_and_others_below_p() {
        let at = "https://vote.example.org";
        assert_eq!(join(at, None, PollId::MAIN).text, "vote.example.org");
        assert_eq!(join(at, None, PollId::parse("lunch").unwrap()).url, "https://vote.example.org/p/lunch");
        assert_eq!(join("http://10.0.0.7:8080", None, PollId::MAIN).qr, Qr::new("http://10.0.0.7:8080"));
    }

    #[test]
    fn an_address_that_no_phone_reaches_has_no_code_and_says_why() {
        let join = join("http://localhost:8080", Some(Unreachable::NoNetwork), PollId::MAIN);
        assert_eq!((join.qr, join.unreachable), (None, Some("reach.no-network")));
        assert_eq!(join.url, "http://localhost:8080", "a browser on this machine can follow it");
    }
}
