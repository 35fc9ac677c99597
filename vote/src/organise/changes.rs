//! Changes of a poll by a button: each is a form, answered with 303 back to the poll's page.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use domain::{Countdown, PollChange, PollId};
use http::StatusCode;
use serde::Serialize;
use web::visitor::Visitor;

use super::poll_form::{LIMIT_FIELD, new_voters_limit};
use crate::{
    addresses,
    app::App,
    polls::{self, countdown},
    refusal::Refusal,
    request::{LastWord, PollPath, body::PostedForm},
};

/// Makes the change that the last word of the address names.
pub(crate) async fn change(
    State(app): State<Arc<App>>,
    LastWord(word): LastWord,
    path: PollPath,
) -> Result<Redirect, Refusal> {
    let change = match word.as_str() {
        "close" => PollChange::Close,
        "hide" => PollChange::Hide,
        "reveal" => PollChange::Reveal,
        "list" => PollChange::List(true),
        "unlist" => PollChange::List(false),
        "kiosk" => PollChange::Kiosk(true),
        "no-kiosk" => PollChange::Kiosk(false),
        "archive" => PollChange::Archive,
        "restore" => PollChange::Restore,
        _ => return Err(Refusal::NoSuchPage),
    };
    done(&app, path.id()?, change).await
}

/// Opens the poll; for some seconds or until a time, if the form says so.
pub(crate) async fn open(State(app): State<Arc<App>>, path: PollPath, form: PostedForm) -> Result<Redirect, Refusal> {
    let fields = form.fields()?;
    let change = match (countdown::of_moment(fields.get("closes_at"))?, countdown::of_field(fields.get("seconds"))?) {
        (Some(moment), _) => PollChange::OpenFor(moment),
        (None, Some(seconds)) => PollChange::OpenFor(Countdown::For(seconds)),
        (None, None) => PollChange::Open,
    };
    done(&app, path.id()?, change).await
}

/// Answers a `GET` at the address of a button.
pub(crate) async fn back(path: PollPath) -> Result<Redirect, Refusal> {
    path.id().map(to_poll)
}

/// The context of the template `organise/reset.html`.
#[derive(Serialize)]
struct ResetView<'a> {
    id: PollId,
    question: &'a str,
    /// The round that would end.
    round: u32,
}

/// Asks whether the poll is really to be reset.
pub(crate) async fn ask_before_reset(
    State(app): State<Arc<App>>,
    path: PollPath,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    let poll = polls::current(&app, path.id()?).await?;
    let view = ResetView { id: poll.id(), question: poll.question(), round: poll.round() };
    Ok(app.page(&visitor, StatusCode::OK, "organise/reset.html", view))
}

/// Resets the poll, if the organiser was asked: only that page sends `sure=yes`.
pub(crate) async fn reset(
    State(app): State<Arc<App>>,
    path: PollPath,
    visitor: Visitor,
    form: PostedForm,
) -> Result<Response, Refusal> {
    let fields = form.fields()?;
    if fields.get("sure") != "yes" {
        return Ok(Redirect::to(&visitor.path).into_response());
    }
    reset_once(&app, path.id()?, fields.get("round")).await.map(Redirect::into_response)
}

/// Resets the poll, unless the round that the organiser was shown is over: a double click sends the form twice.
async fn reset_once(app: &App, id: PollId, shown: &str) -> Result<Redirect, Refusal> {
    let is_over = |poll: domain::Poll| poll.round().to_string() != shown;
    if !shown.is_empty() && polls::current(app, id).await.is_ok_and(is_over) {
        return Ok(to_poll(id));
    }
    done(app, id, PollChange::Reset).await
}

/// Sets how many new voters a minute one network may bring; an empty field is no limit.
pub(crate) async fn limit(State(app): State<Arc<App>>, path: PollPath, form: PostedForm) -> Result<Redirect, Refusal> {
    let limit = new_voters_limit(form.fields()?.get(LIMIT_FIELD))?;
    done(&app, path.id()?, PollChange::LimitNewVoters(limit)).await
}

async fn done(app: &App, id: PollId, change: PollChange) -> Result<Redirect, Refusal> {
    polls::change(app, id, change).await.map(|_| to_poll(id))
}

/// To the organiser's page of this poll.
pub(super) fn to_poll(id: PollId) -> Redirect {
    Redirect::to(&addresses::organiser_page(id))
}
