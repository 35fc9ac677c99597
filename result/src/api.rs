//! The result host's API: the present score of a poll.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use domain::PollId;
use http::{StatusCode, header};
use service::problem::Problem;

use crate::{App, openapi::ProblemBody, scores::TallyBody};

/// After how many seconds to ask again while the ledger does not answer.
const RETRY_AFTER_SECONDS: u32 = 2;

/// The present score of a poll: votes by option key, turnout, and how far the count is.
#[utoipa::path(
    get,
    path = "/api/polls/{poll}/tally",
    tag = "result",
    params(("poll" = String, Path, description = "The poll's id")),
    responses(
        (status = 200, description = "The tally", body = TallyBody),
        (status = 404, description = "`unknown-poll`: there is no such poll", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`: the ledger does not answer", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn tally(State(app): State<Arc<App>>, Path(poll): Path<String>) -> Result<Response, Problem> {
    let poll = PollId::parse(&poll)
        .map_err(|error| Problem::new(StatusCode::NOT_FOUND, "unknown-poll", format!("{poll:?}: {error}")))?;
    match app.board.present(poll).await {
        Ok(Some(present)) => Ok(([(header::CACHE_CONTROL, "no-store")], Json(present.body())).into_response()),
        Ok(None) => Err(Problem::new(StatusCode::NOT_FOUND, "unknown-poll", format!("there is no poll {poll}"))),
        Err(_) => Err(unavailable()),
    }
}

/// The ledger does not answer.
pub(crate) fn unavailable() -> Problem {
    let detail = "the ledger does not answer at present; nothing is lost, please ask again";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(RETRY_AFTER_SECONDS)
}
