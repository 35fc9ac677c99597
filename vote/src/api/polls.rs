//! Reading polls, and managing them with the organiser's token.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Request, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use domain::{Change, ChangeRefused, Poll, PollChange, PollId, Unavailable};
use http::{HeaderValue, StatusCode, header};
use service::problem::Problem;

use super::{
    PathText,
    model::{NewPoll, PollBody, PollPatch, PollsBody, ProblemBody},
    organiser::Organiser,
    path_poll, poll_id,
};
use crate::{app::App, body, made_up_id::made_up_id, organise::RESERVED_IDS, refusal::Refusal};

/// How often an id is made up before giving up; one in 2^40 is taken.
const ID_ATTEMPTS: usize = 3;

/// Read a poll
#[utoipa::path(
    get, path = "/api/polls/{poll}", tag = "voting",
    params(("poll" = String, Path, description = "The poll's id")),
    responses(
        (status = 200, description = "The poll, with `accepted`", body = PollBody),
        (status = 404, description = "Unknown poll", body = ProblemBody),
        (status = 503, description = "The log does not answer; try again", body = ProblemBody),
    )
)]
pub(crate) async fn read(State(app): State<Arc<App>>, path: PathText) -> Result<Response, Problem> {
    let poll = crate::booth::poll(&app, path_poll(path)?).await?;
    let accepted = app.ballots.accepted(poll.id()).await.map_err(|error| unavailable(&app, &error))?;
    Ok(Json(PollBody::new(&poll, Some(accepted))).into_response())
}

/// List all polls
#[utoipa::path(
    get, path = "/api/polls", tag = "organising", security(("organiser" = [])),
    responses(
        (status = 200, description = "All polls, by id", body = PollsBody),
        (status = 401, description = "Not the organiser", body = ProblemBody),
        (status = 403, description = "This installation has no organiser", body = ProblemBody),
        (status = 503, description = "The log does not answer; try again", body = ProblemBody),
    )
)]
pub(crate) async fn list(State(app): State<Arc<App>>, _: Organiser) -> Result<Response, Problem> {
    let polls = app.ballots.polls().await.map_err(|error| unavailable(&app, &error))?;
    let polls = polls.iter().map(|poll| PollBody::new(poll, None)).collect();
    Ok(Json(PollsBody { polls }).into_response())
}

/// Create a poll
#[utoipa::path(
    post, path = "/api/polls", tag = "organising", security(("organiser" = [])),
    request_body = NewPoll,
    responses(
        (status = 201, description = "Created; `Location` is its address", body = PollBody),
        (status = 400, description = "Not JSON", body = ProblemBody),
        (status = 401, description = "Not the organiser", body = ProblemBody),
        (status = 403, description = "This installation has no organiser", body = ProblemBody),
        (status = 409, description = "The id is taken", body = ProblemBody),
        (status = 413, description = "Over 128 KiB", body = ProblemBody),
        (status = 415, description = "Not application/json", body = ProblemBody),
        (status = 422, description = "It breaks a limit, which the detail names", body = ProblemBody),
        (status = 429, description = "Too many wrong tokens; try again after `Retry-After`", body = ProblemBody),
        (status = 503, description = "The log does not answer; look whether it was created", body = ProblemBody),
    )
)]
pub(crate) async fn create(State(app): State<Arc<App>>, _: Organiser, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let mut new: NewPoll = body::json(&parts.headers, body, body::MAX_POLL_BYTES).await?;
    let wanted = new.id.take().map(|id| PollId::parse(&id)).transpose();
    let wanted = wanted.map_err(|error| invalid("invalid-id", format!("id: {error}")))?;
    if wanted.is_some_and(|id| RESERVED_IDS.contains(&id.as_str())) {
        return Err(invalid("invalid-id", "id: the organiser's pages have this name already".into()));
    }
    let spec = domain::PollSpec::from(new);
    for _ in 0..ID_ATTEMPTS {
        let id = wanted.unwrap_or_else(made_up_id);
        let poll = Poll::new(id, spec.clone()).map_err(|error| invalid("invalid-poll", error.to_string()))?;
        match app.ballots.create(poll).await.map_err(|error| unavailable(&app, &error))? {
            Change::Exists if wanted.is_none() => {}
            outcome => return changed(&app, outcome, StatusCode::CREATED),
        }
    }
    Err(Problem::new(StatusCode::CONFLICT, "poll-exists", "no free id was found; please try again"))
}

/// Open, close, hide, reveal or reset a poll
///
/// `reset` begins a new round: the ballots so far stay in the ledger and no longer count.
#[utoipa::path(
    post, path = "/api/polls/{poll}/{change}", tag = "organising", security(("organiser" = [])),
    params(
        ("poll" = String, Path, description = "The poll's id"),
        ("change" = inline(ChangeWord), Path, description = "What to do"),
    ),
    responses(
        (status = 200, description = "Done; the poll as it is now", body = PollBody),
        (status = 401, description = "Not the organiser", body = ProblemBody),
        (status = 403, description = "This installation has no organiser", body = ProblemBody),
        (status = 404, description = "Unknown poll, or no such change", body = ProblemBody),
        (status = 429, description = "Too many wrong tokens; try again after `Retry-After`", body = ProblemBody),
        (status = 503, description = "The log does not answer; look at the poll, then try again", body = ProblemBody),
    )
)]
pub(crate) async fn change(
    State(app): State<Arc<App>>,
    _: Organiser,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    let Path((poll, word)) = path.map_err(|_| Refusal::UnknownPoll)?;
    let change = match word.as_str() {
        "open" => PollChange::Open,
        "close" => PollChange::Close,
        "hide" => PollChange::Hide,
        "reveal" => PollChange::Reveal,
        "reset" => PollChange::Reset,
        _ => return Err(Refusal::NoSuchPage.into()),
    };
    apply(&app, poll_id(&poll)?, change).await
}

/// The words in the address.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "the schema of the path's parameter")]
enum ChangeWord {
    Open,
    Close,
    Hide,
    Reveal,
    Reset,
}

/// Rewrite a poll, while there are no ballots; put it in the public list or take it out at any time
#[utoipa::path(
    patch, path = "/api/polls/{poll}", tag = "organising", security(("organiser" = [])),
    params(("poll" = String, Path, description = "The poll's id")),
    request_body = PollPatch,
    responses(
        (status = 200, description = "Done; the poll as it is now", body = PollBody),
        (status = 400, description = "Not JSON", body = ProblemBody),
        (status = 401, description = "Not the organiser", body = ProblemBody),
        (status = 403, description = "This installation has no organiser", body = ProblemBody),
        (status = 404, description = "Unknown poll", body = ProblemBody),
        (status = 409, description = "There are ballots", body = ProblemBody),
        (status = 413, description = "Over 128 KiB", body = ProblemBody),
        (status = 415, description = "Not application/json", body = ProblemBody),
        (status = 422, description = "It breaks a limit, which the detail names", body = ProblemBody),
        (status = 429, description = "Too many wrong tokens; try again after `Retry-After`", body = ProblemBody),
        (status = 503, description = "The log does not answer; look at the poll, then try again", body = ProblemBody),
    )
)]
pub(crate) async fn rewrite(
    State(app): State<Arc<App>>,
    _: Organiser,
    path: PathText,
    request: Request,
) -> Result<Response, Problem> {
    let id = path_poll(path)?;
    let (parts, body) = request.into_parts();
    let patch: PollPatch = body::json(&parts.headers, body, body::MAX_POLL_BYTES).await?;
    // Asked anew: what is left out of the patch must stay as it is now.
    let poll = app.ballots.poll(id).await.map_err(|error| unavailable(&app, &error))?.ok_or(Refusal::UnknownPoll)?;
    let listing = patch.listed.map(PollChange::List);
    let rewriting = patch.rewrites().then(|| PollChange::Rewrite(Box::new(patch.applied_to(&poll))));
    let mut done = Err(invalid("empty-patch", "nothing is to be changed".into()));
    for change in [rewriting, listing].into_iter().flatten() {
        done = Ok(apply(&app, id, change).await?);
    }
    done
}

async fn apply(app: &App, id: PollId, change: PollChange) -> Result<Response, Problem> {
    let outcome = app.ballots.change(id, change).await.map_err(|error| unavailable(app, &error))?;
    changed(app, outcome, StatusCode::OK)
}

/// The answer to a change, which this instance shows from now on.
fn changed(app: &App, outcome: Change, done: StatusCode) -> Result<Response, Problem> {
    match outcome {
        Change::Done(poll) => {
            let body = PollBody::new(&poll, None);
            let mut response = (done, Json(body)).into_response();
            if done == StatusCode::CREATED
                && let Ok(location) = HeaderValue::try_from(format!("/api/polls/{}", poll.id()))
            {
                response.headers_mut().insert(header::LOCATION, location);
            }
            app.polls.put(poll);
            Ok(response)
        }
        Change::Exists => Err(Problem::new(StatusCode::CONFLICT, "poll-exists", "id: there is a poll with this id")),
        Change::UnknownPoll => Err(Refusal::UnknownPoll.into()),
        Change::Refused(ChangeRefused::Invalid(error)) => Err(invalid("invalid-poll", error.to_string())),
        Change::Refused(refused @ ChangeRefused::HasBallots) => {
            Err(Problem::new(StatusCode::CONFLICT, "has-ballots", refused.to_string()))
        }
    }
}

fn invalid(code: &'static str, detail: String) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
}

/// The organiser's requests are no ballots, so the words differ from [`Refusal::Unavailable`].
fn unavailable(app: &App, error: &Unavailable) -> Problem {
    app.outages.note(error);
    let (code, detail) = if error.nothing_happened() {
        ("unavailable", "nothing was done: the log does not take anything at present")
    } else {
        ("outcome-unknown", "the log did not answer in time; whether it was done is not known")
    };
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).retry_after(2)
}
