//! The buttons of the run page. Each names the version that the page showed, so a doubled press takes one step.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use domain::{EventId, PollChange, PollId, Way};
use http::HeaderMap;
use web::visitor::Visitor;

use super::run_page::page;
use crate::{
    addresses,
    app::App,
    events::{
        self,
        press::{Pressed, press},
    },
    polls::{self, countdown},
    refusal::Refusal,
    request::{EventPath, body::PostedForm},
};

/// A version that no event has: of a form that names none that can be read, which takes no step of its own.
const NO_VERSION: u64 = 0;

/// Answers a `GET` at the address of a button.
pub(super) async fn to_run(path: EventPath) -> Result<Redirect, Refusal> {
    path.id().map(run)
}

fn run(id: EventId) -> Redirect {
    Redirect::to(&addresses::run_page(id))
}

/// The large button.
pub(super) async fn next(
    State(app): State<Arc<App>>,
    path: EventPath,
    visitor: Visitor,
    headers: HeaderMap,
    form: PostedForm,
) -> Result<Response, Refusal> {
    step(&app, path.id()?, Way::Next, &visitor, &headers, &form).await
}

/// The way back.
pub(super) async fn back(
    State(app): State<Arc<App>>,
    path: EventPath,
    visitor: Visitor,
    headers: HeaderMap,
    form: PostedForm,
) -> Result<Response, Refusal> {
    step(&app, path.id()?, Way::Back, &visitor, &headers, &form).await
}

async fn step(
    app: &App,
    id: EventId,
    way: Way,
    visitor: &Visitor,
    headers: &HeaderMap,
    form: &PostedForm,
) -> Result<Response, Refusal> {
    let fields = form.fields()?;
    let seen = fields.get("version").parse().unwrap_or(NO_VERSION);
    let seconds = countdown::of_field(fields.get("seconds"))?;
    let Pressed { event, polls, is_underway } = press(app, id, way, Some(seen), seconds).await?;
    if is_underway {
        return Ok(page(app, visitor, headers, &event, &polls, true).await);
    }
    Ok(run(id).into_response())
}

/// Shows or hides the votes of the poll that is on, outside of the event's steps.
pub(super) async fn votes(
    State(app): State<Arc<App>>,
    path: EventPath,
    visitor: Visitor,
    headers: HeaderMap,
    form: PostedForm,
) -> Result<Response, Refusal> {
    let (id, fields) = (path.id()?, form.fields()?);
    let poll = PollId::parse(fields.get("poll")).map_err(|_| Refusal::InvalidId)?;
    let change = match fields.get("does") {
        "reveal" => PollChange::Reveal,
        "hide" => PollChange::Hide,
        _ => return Err(Refusal::NoSuchPage),
    };
    // Another organiser may have gone on since the page was made: then this is not the poll that is seen.
    if events::current(&app, id).await?.progress().poll() != Some(poll) {
        return Ok(run(id).into_response());
    }
    match polls::change(&app, poll, change).await {
        Err(Refusal::Underway(_)) => {
            let event = events::current(&app, id).await?;
            let polls = events::polls_of(&app, &event).await?;
            Ok(page(&app, &visitor, &headers, &event, &polls, true).await)
        }
        changed => changed.map(|_| run(id).into_response()),
    }
}
