//! `/organise/{poll}/publish`: says what it means to publish the ballots of a poll, and does it.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use domain::{Poll, PollChange, PollId, PollState};
use http::StatusCode;
use serde::Serialize;
use web::visitor::Visitor;

use super::changes::to_poll;
use crate::{
    app::App,
    polls,
    refusal::Refusal,
    request::{PollPath, body::PostedForm},
};

/// What of publication a page about a poll shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Publication {
    /// Voters were told of it, and it is too early.
    Later,
    /// It can be done now.
    Possible,
    /// It is done.
    Done,
}

impl Publication {
    /// Of this poll; `None` if its ballots are not to be published.
    pub(super) fn of(poll: &Poll) -> Option<Self> {
        let is_possible = poll.state() == PollState::Closed && !poll.is_hidden();
        match poll.publish() {
            false => None,
            true if poll.is_published() => Some(Self::Done),
            true if is_possible => Some(Self::Possible),
            true => Some(Self::Later),
        }
    }
}

/// The context of the template `organise/publish.html`.
#[derive(Serialize)]
struct PublishView<'a> {
    id: PollId,
    question: &'a str,
    /// The round whose ballots are published.
    round: u32,
}

/// Asks whether the ballots are really to be published. If they can't be, says why.
pub(super) async fn ask_before(
    State(app): State<Arc<App>>,
    path: PollPath,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    let poll = polls::current(&app, path.id()?).await?;
    poll.after(&PollChange::Publish, 0)?;
    if poll.is_published() {
        return Ok(to_poll(poll.id()).into_response());
    }
    let view = PublishView { id: poll.id(), question: poll.question(), round: poll.round() };
    Ok(app.page(&visitor, StatusCode::OK, "organise/publish.html", view))
}

/// Publishes the ballots, if the organiser has said to know what that means, of the round that was shown.
pub(super) async fn publish(
    State(app): State<Arc<App>>,
    path: PollPath,
    visitor: Visitor,
    form: PostedForm,
) -> Result<Response, Refusal> {
    let (id, fields) = (path.id()?, form.fields()?);
    let poll = polls::current(&app, id).await?;
    if fields.get("sure") != "yes" || fields.get("round") != poll.round().to_string() {
        return Ok(Redirect::to(&visitor.path).into_response());
    }
    polls::change(&app, id, PollChange::Publish).await.map(|_| to_poll(id).into_response())
}
