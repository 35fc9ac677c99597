//! Voting codes over the API, for programs that print or mail them.

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};
use web::problem::{PROBLEM_JSON, Problem};

use super::{
    model::{CodeBody, CodesBody},
    organiser::OrganiserProof,
    problems::{CodesProblems, EventProblems, LogProblems, PollProblems, TokenProblems},
};
use crate::{
    app::App,
    events,
    polls::{
        self,
        code_range::{CodeRange, only_by_code},
    },
    refusal::Refusal,
    request::{EventPath, PollPath},
    voter::codes::Code,
};

/// Voting codes of a poll
///
/// Codes are made from the installation's secret: the code with one number is always the same, and nothing is stored
/// until it is used.
#[utoipa::path(
    get, path = "/api/polls/{poll}/codes", tag = "organising", security(("organiser" = [])),
    params(
        ("poll" = String, Path, description = "The poll's id"),
        ("from" = Option<u16>, Query, minimum = 1, description = "The number of the first code; 1 without it"),
        ("count" = Option<u16>, Query, minimum = 1, maximum = 2000, description = "How many codes; 100 without it"),
    ),
    responses(
        (status = 200, description = "The codes, by number", body = CodesBody),
        TokenProblems,
        PollProblems,
        CodesProblems,
        LogProblems,
    )
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    _: OrganiserProof,
    path: PollPath,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let poll = polls::recent(&app, path.id()?).await.map_err(Refusal::when_showing)?;
    let poll = only_by_code(poll.as_ref().clone())?;
    Ok(listed(CodeRange::read(query.as_deref())?.codes(&app, poll.id())))
}

/// Voting codes of an event
///
/// One code gives one ballot in each of the event's polls that need codes, also in those that come in later.
#[utoipa::path(
    get, path = "/api/events/{event}/codes", tag = "organising", security(("organiser" = [])),
    params(
        ("event" = String, Path, description = "The event's id"),
        ("from" = Option<u16>, Query, minimum = 1, description = "The number of the first code; 1 without it"),
        ("count" = Option<u16>, Query, minimum = 1, maximum = 2000, description = "How many codes; 100 without it"),
    ),
    responses(
        (status = 200, description = "The codes, by number", body = CodesBody),
        TokenProblems,
        EventProblems,
        (status = 422, description = "No such numbers, or too many at once", body = Problem,
            content_type = PROBLEM_JSON),
        LogProblems,
    )
)]
pub(crate) async fn of_event(
    State(app): State<Arc<App>>,
    _: OrganiserProof,
    path: EventPath,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let event = events::current(&app, path.id()?).await?;
    Ok(listed(CodeRange::read(query.as_deref())?.codes(&app, event.id())))
}

fn listed(codes: impl Iterator<Item = Code>) -> Response {
    let codes = codes.map(|code| CodeBody { number: code.number().get(), code: code.to_string() }).collect();
    let mut response = Json(CodesBody { codes }).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
