//! What the root address of both hosts shows.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use domain::{EventId, FrontPage, PollId};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web::problem::{PROBLEM_JSON, Problem};

use super::{
    organiser::OrganiserProof,
    problems::{BodyProblems, ChangeProblems, LogProblems, TokenProblems},
};
use crate::{
    app::App,
    polls,
    refusal::Refusal,
    request::body::{MAX_BALLOT_BYTES, PostedJson},
};

/// What the root address shows: a poll or an event, one of them.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FrontPageBody {
    /// The id of a poll; `main`, the default poll, to begin with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "main")]
    poll: Option<String>,
    /// The id of an event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<String>,
}

impl FrontPageBody {
    fn of(page: Option<FrontPage>) -> Self {
        match page.unwrap_or(FrontPage::Poll(PollId::MAIN)) {
            FrontPage::Poll(poll) => Self { poll: Some(poll.to_string()), event: None },
            FrontPage::Event(event) => Self { poll: None, event: Some(event.to_string()) },
        }
    }

    fn page(&self) -> Result<FrontPage, Refusal> {
        match (self.poll.as_deref().map(PollId::parse), self.event.as_deref().map(EventId::parse)) {
            (Some(poll), None) => poll.map(FrontPage::Poll).map_err(|_| Refusal::UnknownPoll),
            (None, Some(event)) => event.map(FrontPage::Event).map_err(|_| Refusal::UnknownEvent),
            _ => Err(Refusal::JsonShape("name a poll or an event, one of them".into())),
        }
    }
}

/// Read what the root address shows
#[utoipa::path(
    get, path = "/api/front-page", tag = "voting",
    responses(
        (status = 200, description = "A poll or an event", body = FrontPageBody),
        (status = 404, description = "Not even the default poll is there yet", body = Problem,
            content_type = PROBLEM_JSON),
        LogProblems,
    )
)]
pub(crate) async fn read(State(app): State<Arc<App>>) -> Result<Response, Refusal> {
    let main = polls::recent(&app, PollId::MAIN).await.map_err(Refusal::when_showing)?;
    Ok(Json(FrontPageBody::of(main.front_page())).into_response())
}

/// Let the root address of both hosts show a poll or an event
///
/// So one printed address serves for ever. The default poll keeps its own address, `/p/main`.
#[utoipa::path(
    put, path = "/api/front-page", tag = "organising", security(("organiser" = [])),
    request_body = FrontPageBody,
    responses(
        (status = 200, description = "Done; what the root address shows now", body = FrontPageBody),
        (status = 202, description = "Decided; not every partition could be told yet", body = FrontPageBody),
        (status = 400, description = "Not JSON", body = Problem, content_type = PROBLEM_JSON),
        TokenProblems,
        (status = 404, description = "No such poll or event", body = Problem, content_type = PROBLEM_JSON),
        (status = 422, description = "Not one of both", body = Problem, content_type = PROBLEM_JSON),
        BodyProblems,
        ChangeProblems,
    )
)]
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    _: OrganiserProof,
    PostedJson(body): PostedJson<FrontPageBody, MAX_BALLOT_BYTES>,
) -> Result<Response, Refusal> {
    let (status, page) = match polls::front_page::put(&app, body.page()?).await {
        Ok(page) => (StatusCode::OK, page),
        Err(Refusal::Underway(poll)) => (StatusCode::ACCEPTED, poll.front_page()),
        Err(refusal) => return Err(refusal),
    };
    Ok((status, Json(FrontPageBody::of(page))).into_response())
}
