//! The present score of a poll, for programs.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::header;
use web::signed_link::Purpose;

use crate::{
    app::App,
    live::scores::TallyBody,
    organiser::Credentials,
    problems::{self, ProblemBody},
};

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
        (status = 429, description = "`too-many-tries`: wrong tokens; wait as `Retry-After` says", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`: the ledger does not answer", body = ProblemBody,
         content_type = "application/problem+json"),
    ),
    security((), ("organiser" = []), ("ticket" = []))
)]
pub(crate) async fn tally(
    State(app): State<Arc<App>>,
    Path(poll): Path<String>,
    credentials: Credentials,
) -> Result<Response, Response> {
    let poll = problems::poll_id(&poll).map_err(IntoResponse::into_response)?;
    let purposes = [Purpose::Figures, Purpose::Export];
    let organiser = credentials.check(&app.organiser, poll, &purposes).map_err(IntoResponse::into_response)?;
    match app.board.present(poll).await {
        Ok(Some(present)) => {
            let body = organiser.map_or_else(|| present.body(), |organiser| present.body_for(&organiser));
            Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
        }
        Ok(None) => Err(problems::unknown_poll(poll).into_response()),
        // The board has told the operator.
        Err(_) => Err(problems::unavailable().into_response()),
    }
}
