//! The result host's API: the present score of a poll.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use domain::{PollId, Unavailable};
use http::{StatusCode, header};
use web::{problem::Problem, signed_link::Purpose};

use crate::{App, openapi::ProblemBody, organiser::Shown, scores::TallyBody};

/// After how many seconds to ask again while the ledger does not answer.
const RETRY_AFTER_SECONDS: u32 = 2;

/// The present score of a poll: votes by option key, turnout, and how far the count is. With the organiser's token or
/// a ticket also the votes that are hidden from everybody else.
#[utoipa::path(
    get,
    path = "/api/polls/{poll}/tally",
    tag = "result",
    params(("poll" = String, Path, description = "The poll's id")),
    responses(
        (status = 200, description = "The tally", body = TallyBody),
        (status = 401, description = "`not-organiser`: another token was sent", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "`ticket-refused`: the ticket is for something else or too old; `no-organiser`: \
                                      this installation has none", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 404, description = "`unknown-poll`: there is no such poll", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 429, description = "`too-many-tries`: wrong tokens; try again after `Retry-After`", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`: the ledger does not answer", body = ProblemBody,
         content_type = "application/problem+json"),
    ),
    security((), ("organiser" = []), ("ticket" = []))
)]
pub(crate) async fn tally(
    State(app): State<Arc<App>>,
    Path(poll): Path<String>,
    shown: Shown,
) -> Result<Response, Response> {
    let poll = poll_id(&poll).map_err(IntoResponse::into_response)?;
    let purposes = [Purpose::Figures, Purpose::Export];
    let organiser = shown.check(&app, poll, &purposes).map_err(IntoResponse::into_response)?;
    match app.board.present(poll).await {
        Ok(Some(present)) => {
            let body = organiser.map_or_else(|| present.body(), |organiser| present.body_for(&organiser));
            Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
        }
        Ok(None) => Err(unknown_poll(poll).into_response()),
        // The board has told the operator.
        Err(_) => Err(unavailable().into_response()),
    }
}

/// The id in an address; what is no id is no poll.
pub(crate) fn poll_id(text: &str) -> Result<PollId, Problem> {
    PollId::parse(text)
        .map_err(|error| Problem::new(StatusCode::NOT_FOUND, "unknown-poll", format!("{text:?}: {error}")))
}

/// There is no such poll.
pub(crate) fn unknown_poll(poll: PollId) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "unknown-poll", format!("there is no poll {poll}"))
}

/// The ledger did not answer this one read.
pub(crate) fn not_read(error: &Unavailable) -> Problem {
    tracing::warn!(%error, "the ledger could not be read for the organiser");
    unavailable()
}

/// The ledger does not answer.
pub(crate) fn unavailable() -> Problem {
    let detail = "the ledger does not answer at present; nothing is lost, please ask again";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(RETRY_AFTER_SECONDS)
}
