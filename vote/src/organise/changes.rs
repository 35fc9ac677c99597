//! What the organiser does to a poll by pressing a button: each is a form, answered with 303 back to the poll's page.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Redirect, Response},
};
use domain::{Poll, PollChange, PollId};
use http::StatusCode;

use super::{
    poll_form::{LIMIT_FIELD, new_voters_limit},
    poll_page::of_poll,
};
use crate::{
    app::{App, Visitor},
    polls,
    refusal::Refusal,
    request::{LastWord, PollPath, body, form::Fields},
};

/// Does what the last word of the address says.
pub(crate) async fn change(
    State(app): State<Arc<App>>,
    LastWord(word): LastWord,
    path: PollPath,
    visitor: Visitor,
) -> Response {
    let change = match word.as_str() {
        "open" => PollChange::Open,
        "close" => PollChange::Close,
        "hide" => PollChange::Hide,
        "reveal" => PollChange::Reveal,
        "list" => PollChange::List(true),
        "unlist" => PollChange::List(false),
        "kiosk" => PollChange::Kiosk(true),
        "no-kiosk" => PollChange::Kiosk(false),
        "archive" => PollChange::Archive,
        "restore" => PollChange::Restore,
        _ => return app.refuse(&visitor, &Refusal::NoSuchPage),
    };
    done(&app, &visitor, &path, change).await
}

/// Somebody opened the address of a button.
pub(crate) async fn back(State(app): State<Arc<App>>, path: PollPath, visitor: Visitor) -> Response {
    match path.id() {
        Ok(id) => Redirect::to(&format!("/organise/{id}")).into_response(),
        Err(refusal) => app.refuse(&visitor, &refusal),
    }
}

/// Asks whether the poll is really to begin anew.
pub(crate) async fn ask_before_reset(State(app): State<Arc<App>>, path: PollPath, visitor: Visitor) -> Response {
    match current(&app, &path).await {
        Ok(poll) => app.page(&visitor, StatusCode::OK, "organise/reset.html", of_poll(&poll)),
        Err(refusal) => app.refuse(&visitor, &refusal),
    }
}

/// Resets the poll, if the organiser was asked: only that page sends `sure=yes`.
pub(crate) async fn reset(State(app): State<Arc<App>>, path: PollPath, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let visitor = Visitor::of(&parts.uri, &parts.headers);
    let form = match body::form(&parts.headers, body, body::MAX_BALLOT_BYTES).await {
        Ok(form) => form,
        Err(refusal) => return app.refuse(&visitor, &refusal),
    };
    match Fields::read(&form) {
        Ok(fields) if fields.get("sure") == "yes" => reset_once(&app, &visitor, &path, fields.get("round")).await,
        Ok(_) => Redirect::to(&visitor.path).into_response(),
        Err(error) => app.refuse(&visitor, &error.into()),
    }
}

/// Resets the poll, unless the round that the organiser was shown is over: a double click sends the form twice.
async fn reset_once(app: &App, visitor: &Visitor, path: &PollPath, shown: &str) -> Response {
    let is_over = |poll: Poll| poll.round().to_string() != shown;
    match path.id() {
        Ok(id) if !shown.is_empty() && current(app, path).await.is_ok_and(is_over) => {
            Redirect::to(&format!("/organise/{id}")).into_response()
        }
        _ => done(app, visitor, path, PollChange::Reset).await,
    }
}

/// Sets how many new voters a minute one network may bring; an empty field is no limit.
pub(crate) async fn limit(State(app): State<Arc<App>>, path: PollPath, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let visitor = Visitor::of(&parts.uri, &parts.headers);
    let form = match body::form(&parts.headers, body, body::MAX_BALLOT_BYTES).await {
        Ok(form) => form,
        Err(refusal) => return app.refuse(&visitor, &refusal),
    };
    match Fields::read(&form) {
        Ok(fields) => match new_voters_limit(fields.get(LIMIT_FIELD)) {
            Ok(limit) => done(&app, &visitor, &path, PollChange::LimitNewVoters(limit)).await,
            Err(refusal) => app.refuse(&visitor, &refusal),
        },
        Err(error) => app.refuse(&visitor, &error.into()),
    }
}

async fn done(app: &App, visitor: &Visitor, path: &PollPath, change: PollChange) -> Response {
    match try_change(app, path, change).await {
        Ok(id) => Redirect::to(&format!("/organise/{id}")).into_response(),
        Err(refusal) => app.refuse(visitor, &refusal),
    }
}

async fn try_change(app: &App, path: &PollPath, change: PollChange) -> Result<PollId, Refusal> {
    let id = path.id()?;
    polls::change(app, id, change).await.map(|_| id)
}

async fn current(app: &App, path: &PollPath) -> Result<Poll, Refusal> {
    polls::current(app, path.id()?).await
}
