//! Casting a ballot over the API.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use domain::{Choices, PollId, Receipt};
use http::StatusCode;

use super::{
    model::{NewBallot, RecordedBallot},
    problems::{BallotProblems, BodyProblems, PollProblems},
};
use crate::{
    app::App,
    polls,
    refusal::Refusal,
    request::{PollPath, body, client_of},
    voter::cookies::VotingBrowser,
    voting::cast::{self, Attempt, StoredBallot, counted},
};

/// Cast a ballot
///
/// The voter is whoever the cookie `voter-…` names; without a valid one it is a new voter, and the answer sets the
/// cookie. In polls with voting codes the voter is whoever holds the code: one of the poll, or one of an event that the
/// poll belongs to.
/// After 503 with the code `not-recorded` or `full` (there is no memory for more votes) the ballot is certainly not
/// recorded. After 503 with the code `outcome-unknown` the ballot may be recorded or not: casting it again **with the
/// cookie that the answer set** is harmless.
#[utoipa::path(
    post, path = "/api/polls/{poll}/ballots", tag = "voting",
    params(("poll" = String, Path, description = "The poll's id")),
    request_body = NewBallot,
    responses(
        (status = 201, description = "Recorded", body = RecordedBallot),
        BallotProblems,
        PollProblems,
        BodyProblems,
    )
)]
pub(crate) async fn cast(State(app): State<Arc<App>>, path: PollPath, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let read = async {
        let ballot: NewBallot = body::json(&parts.headers, body, body::MAX_BALLOT_BYTES).await?;
        let choices = Choices::parse(ballot.choices.iter().map(String::as_str)).map_err(Refusal::Choices)?;
        let browser = VotingBrowser::of(&parts.headers, &app.cookies)?;
        Ok((polls::recent(&app, path.id()?).await?, choices, browser, ballot))
    };
    let (poll, choices, mut browser, NewBallot { revision, code, .. }) = read.await.map_err(counted)?;
    let code = code.as_deref().filter(|code| !code.trim().is_empty());
    let attempt =
        Attempt { choices: Ok(choices), revision, code, event: None, turn: None, from: client_of(&app, &parts) };
    let mut response = match cast::cast(&app, &poll, &mut browser, attempt).await {
        Ok(recorded) => (StatusCode::CREATED, Json(body_of(&app, poll.id(), &recorded))).into_response(),
        Err(refusal) => refusal.into_response(),
    };
    cast::set_cookies(&app, &browser, &poll, response.headers_mut());
    Ok(response)
}

fn body_of(app: &App, poll: PollId, recorded: &StoredBallot) -> RecordedBallot {
    let receipt = Receipt { position: recorded.position, voter: recorded.voter };
    RecordedBallot {
        receipt: receipt.encode(&app.config.secret, poll),
        position: recorded.position.to_string(),
        replaces: recorded.replaces.map(|position| position.to_string()),
    }
}
