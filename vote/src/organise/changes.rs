//! What the organiser does to a poll by pressing a button: each is a form, answered with 303 back to the poll's page.

use std::{num::NonZeroU16, sync::Arc};

use axum::{
    extract::{Path, Request, State},
    response::{IntoResponse, Redirect, Response},
};
use domain::{ChangeOutcome, Poll, PollChange};
use http::StatusCode;

use super::poll_page::{find, of_poll};
use crate::{
    app::{App, Asked, PollPath},
    body,
    form::Fields,
    refusal::Refusal,
};

/// Does what the last word of the address says.
pub(crate) async fn change(
    State(app): State<Arc<App>>,
    Path((_, word)): Path<(String, String)>,
    path: PollPath,
    asked: Asked,
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
        _ => return app.refuse(&asked, &Refusal::NoSuchPage),
    };
    done(&app, &asked, &path, change).await
}

/// Somebody opened the address of a button.
pub(crate) async fn back(State(app): State<Arc<App>>, path: PollPath, asked: Asked) -> Response {
    match path.id() {
        Ok(id) => Redirect::to(&format!("/organise/{id}")).into_response(),
        Err(refusal) => app.refuse(&asked, &refusal),
    }
}

/// Asks whether the poll is really to begin anew.
pub(crate) async fn ask_before_reset(State(app): State<Arc<App>>, path: PollPath, asked: Asked) -> Response {
    match find(&app, &path).await {
        Ok(poll) => app.page(&asked, StatusCode::OK, "organise/reset.html", of_poll(&poll)),
        Err(refusal) => app.refuse(&asked, &refusal),
    }
}

/// Resets the poll, if the organiser was asked: only that page sends `sure=yes`.
pub(crate) async fn reset(State(app): State<Arc<App>>, path: PollPath, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let asked = Asked::of(&parts.uri, &parts.headers);
    let form = match body::form(&parts.headers, body, body::MAX_BALLOT_BYTES).await {
        Ok(form) => form,
        Err(refusal) => return app.refuse(&asked, &refusal),
    };
    match Fields::read(&form) {
        Ok(fields) if fields.get("sure") == "yes" => reset_once(&app, &asked, &path, fields.get("round")).await,
        Ok(_) => Redirect::to(&asked.path).into_response(),
        Err(error) => app.refuse(&asked, &error.into()),
    }
}

/// Resets the poll, unless the round that the organiser was shown is over: a double click sends the form twice.
async fn reset_once(app: &App, asked: &Asked, path: &PollPath, shown: &str) -> Response {
    let is_over = |poll: Poll| poll.round().to_string() != shown;
    match path.id() {
        Ok(id) if !shown.is_empty() && find(app, path).await.is_ok_and(is_over) => {
            Redirect::to(&format!("/organise/{id}")).into_response()
        }
        _ => done(app, asked, path, PollChange::Reset).await,
    }
}

/// Sets how many new voters a minute one network may bring; an empty field is no limit.
pub(crate) async fn limit(State(app): State<Arc<App>>, path: PollPath, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let asked = Asked::of(&parts.uri, &parts.headers);
    let form = match body::form(&parts.headers, body, body::MAX_BALLOT_BYTES).await {
        Ok(form) => form,
        Err(refusal) => return app.refuse(&asked, &refusal),
    };
    match Fields::read(&form) {
        Ok(fields) => match new_voters_limit(fields.get(LIMIT_FIELD)) {
            Ok(limit) => done(&app, &asked, &path, PollChange::LimitNewVoters(limit)).await,
            Err(refusal) => app.refuse(&asked, &refusal),
        },
        Err(error) => app.refuse(&asked, &error.into()),
    }
}

/// The name of the field for the limit on new voters.
pub(super) const LIMIT_FIELD: &str = "new_voters_per_minute";

/// A limit on new voters as it was typed; none if it was left empty.
pub(super) fn new_voters_limit(typed: &str) -> Result<Option<NonZeroU16>, Refusal> {
    match typed.trim() {
        "" => Ok(None),
        typed => typed.parse().map(Some).map_err(|_| Refusal::NewVotersLimit),
    }
}

async fn done(app: &App, asked: &Asked, path: &PollPath, change: PollChange) -> Response {
    match try_change(app, path, change).await {
        Ok(id) => Redirect::to(&format!("/organise/{id}")).into_response(),
        Err(refusal) => app.refuse(asked, &refusal),
    }
}

async fn try_change(app: &App, path: &PollPath, change: PollChange) -> Result<domain::PollId, Refusal> {
    let id = path.id()?;
    match app.ballots.change(id, change).await.map_err(|error| app.not_told(error))? {
        ChangeOutcome::Done(poll) => {
            app.polls.put(poll);
            Ok(id)
        }
        // None of these changes can be refused by the rules of polls.
        ChangeOutcome::UnknownPoll | ChangeOutcome::Exists | ChangeOutcome::Refused(_) => Err(Refusal::UnknownPoll),
    }
}
