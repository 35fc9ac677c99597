//! The present score of a poll, for programs.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::header;
use web::signed_link::Purpose;

use crate::{
    app::App, described_problems::OrganiserProblems, live::scores::TallyBody, organiser::Credentials,
    poll_parameter::PollParameter, refusal::ResultRefusal,
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
        OrganiserProblems,
    ),
    security((), ("organiser" = []), ("ticket" = []))
)]
pub(crate) async fn tally(
    State(app): State<Arc<App>>,
    PollParameter(poll): PollParameter,
    credentials: Credentials,
) -> Result<Response, ResultRefusal> {
    let organiser = credentials.check(&app.organiser, poll, &[Purpose::Figures, Purpose::Export])?;
    let score = app.score(poll).await?;
    let body = organiser.map_or_else(|| score.body(), |organiser| score.body_for(&organiser));
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}
