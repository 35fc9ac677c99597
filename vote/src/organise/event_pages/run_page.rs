//! `/events/{event}/run`: what is on, how many vote, and the large button that goes on.

use std::sync::Arc;

use axum::response::IntoResponse;
use axum::{Json, extract::State, response::Response};
use domain::{Event, Poll};
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use web::{
    signed_link::{self, Purpose},
    visitor::Visitor,
};

use super::run_view::{EventGlance, RunView, key, poll_on};
use crate::{
    app::App,
    events,
    organise::poll_view::{PollFacts, ResultAddresses},
    refusal::{Refusal, not_shown},
    request::EventPath,
};

/// Shows the page.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    path: EventPath,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let event = events::current(&app, path.id()?).await?;
    let polls = events::polls_of(&app, &event).await?;
    Ok(page(&app, &visitor, &headers, &event, &polls, false).await)
}

/// The page of this event as it is, perhaps while the change of a poll is not carried out everywhere.
pub(super) async fn page(
    app: &App,
    visitor: &Visitor,
    headers: &HeaderMap,
    event: &Event,
    polls: &[Poll],
    underway: bool,
) -> Response {
    let result = app.config.result.url(headers);
    let on = poll_on(event, polls);
    let figures =
        |poll: &Poll| signed_link::ticket(app.organiser.links(), poll.id(), Purpose::Figures, program::now_millis());
    let view = RunView {
        event: EventGlance::of(event, polls),
        on: on.map(PollFacts::of),
        accepted: accepted(app, on).await,
        closes_in_ms: closes_in_ms(app, on),
        result: on.zip(result.as_ref()).map(|(poll, at)| ResultAddresses::of(at, poll)).unwrap_or_default(),
        has_result: result.is_some(),
        ticket: on.map(figures).unwrap_or_default(),
        underway,
    };
    let status = if underway { StatusCode::ACCEPTED } else { StatusCode::OK };
    app.page_with_result(visitor, result.as_ref(), status, "organise/run.html", view)
}

async fn accepted(app: &App, on: Option<&Poll>) -> Option<u64> {
    app.ballots.accepted(on?.id()).await.map_err(not_shown(app)).ok()
}

fn closes_in_ms(app: &App, on: Option<&Poll>) -> Option<u64> {
    on.and_then(|on| on.closes_in_millis(app.ballots.log_millis(on.id())))
}

/// What the page's script asks every second.
#[derive(Debug, Serialize)]
struct Now {
    /// Another one than the page's own means that the page is out of date.
    key: String,
    /// Ballots accepted in the poll that is on; absent while a part of the log can't be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<u64>,
    /// In how many milliseconds that poll closes by itself, counted from this answer; absent without a countdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    closes_in_ms: Option<u64>,
}

/// `GET /events/{event}/now`.
pub(super) async fn now(State(app): State<Arc<App>>, path: EventPath) -> Result<Response, Refusal> {
    let event = events::current(&app, path.id()?).await?;
    let polls = events::polls_of(&app, &event).await?;
    let on = poll_on(&event, &polls);
    let accepted = accepted(&app, on).await;
    let body = Now { key: key(&event, &polls), accepted, closes_in_ms: closes_in_ms(&app, on) };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}
