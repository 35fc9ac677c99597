//! Reading polls, and managing them with the organiser's token.

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use domain::{Poll, PollChange, PollId};
use http::{HeaderMap, StatusCode, header};
use web::problem::{PROBLEM_JSON, Problem};

use super::{
    model::{NewPoll, Opening, PollBody, PollPatch, PollsBody},
    organiser::OrganiserProof,
    problems::{BodyProblems, ChangeProblems, DescribedPollProblems, LogProblems, PollProblems, TokenProblems},
};
use crate::{
    addresses,
    app::App,
    polls::{self, create::create as create_poll},
    refusal::{Refusal, not_shown},
    request::{
        LastWord, PollPath,
        body::{MAX_BALLOT_BYTES, MAX_POLL_BYTES, OptionalJson, PostedJson},
        form::Fields,
        idempotency_key,
    },
};

/// Read a poll
#[utoipa::path(
    get, path = "/api/polls/{poll}", tag = "voting",
    params(("poll" = String, Path, description = "The poll's id")),
    responses(
        (status = 200, description = "The poll; with `accepted`, unless a part of the log can't be asked",
            body = PollBody),
        PollProblems,
        LogProblems,
    )
)]
pub(crate) async fn read(State(app): State<Arc<App>>, path: PollPath) -> Result<Response, Refusal> {
    let poll = polls::recent(&app, path.id()?).await.map_err(Refusal::when_showing)?;
    let accepted = app.ballots.accepted(poll.id()).await.map_err(not_shown(&app)).ok();
    Ok(Json(PollBody::new(&poll, accepted, app.ballots.log_millis(poll.id()))).into_response())
}

/// List all polls
#[utoipa::path(
    get, path = "/api/polls", tag = "organising", security(("organiser" = [])),
    params(("archived" = Option<bool>, Query, description = "`true`: those that were archived, and only those")),
    responses(
        (status = 200, description = "All polls that are not archived, by id", body = PollsBody),
        TokenProblems,
        LogProblems,
    )
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    _: OrganiserProof,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let query = query.unwrap_or_default();
    let archived = Fields::read(query.as_bytes()).map_err(Refusal::from)?.get("archived") == "true";
    let polls = app.ballots.polls().await.map_err(not_shown(&app))?;
    let polls = polls.iter().filter(|poll| poll.archived() == archived);
    let polls = polls.map(|poll| body(&app, poll)).collect();
    Ok(Json(PollsBody { polls }).into_response())
}

/// Create a poll
///
/// With an `Idempotency-Key`, which a program makes up and sends again when it tries again, the same poll is made once.
#[utoipa::path(
    post, path = "/api/polls", tag = "organising", security(("organiser" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Any text, another one for each poll")),
    request_body = NewPoll,
    responses(
        (status = 201, description = "Created; `Location` is its address", body = PollBody),
        TokenProblems,
        (status = 409, description = "The id is taken", body = Problem, content_type = PROBLEM_JSON),
        BodyProblems,
        DescribedPollProblems,
        ChangeProblems,
    )
)]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    _: OrganiserProof,
    headers: HeaderMap,
    PostedJson(mut new): PostedJson<NewPoll, MAX_POLL_BYTES>,
) -> Result<Response, Refusal> {
    let wanted = new.id.take();
    let poll = create_poll(&app, wanted.as_deref(), idempotency_key(&headers).as_deref(), new.into()).await?;
    let location = [(header::LOCATION, addresses::api_poll(poll.id()))];
    Ok((StatusCode::CREATED, location, Json(body(&app, &poll))).into_response())
}

fn body(app: &App, poll: &Poll) -> PollBody {
    PollBody::new(poll, None, app.ballots.log_millis(poll.id()))
}

/// Open, close, hide, reveal, publish, reset, archive or restore a poll
///
/// `archive` closes the poll and puts it away from the lists; its pages and exports stay, and `restore` brings it back.
/// `reset` begins a new round: the ballots so far stay in the ledger and no longer count. `open` may say when the poll
/// closes by itself; of an open poll it changes that, or without a body takes it away.
///
/// `publish` makes what each ballot chose public, without names, so that anybody can count them again. It needs a poll
/// whose rule `publish` is set, and which is closed and not hidden. It can't be taken back: afterwards the poll can't
/// be opened, hidden, rewritten or corrected, only reset; and what others have fetched stays with them.
#[utoipa::path(
    post, path = "/api/polls/{poll}/{change}", tag = "organising", security(("organiser" = [])),
    params(
        ("poll" = String, Path, description = "The poll's id"),
        ("change" = inline(ChangeWord), Path, description = "What to do"),
    ),
    request_body(content = Option<Opening>, description = "Only to open; may be left out"),
    responses(
        (status = 200, description = "Done; the poll as it is now", body = PollBody),
        (status = 202, description = "Decided, and being carried out: a part of the log can't be reached, and may take \
            ballots by what was before until it is told; the poll as it will be", body = PollBody),
        TokenProblems,
        PollProblems,
        (status = 409, description = "The ballots are published, or can't be; the detail says why", body = Problem,
            content_type = PROBLEM_JSON),
        BodyProblems,
        DescribedPollProblems,
        ChangeProblems,
    )
)]
pub(crate) async fn change(
    State(app): State<Arc<App>>,
    _: OrganiserProof,
    path: PollPath,
    LastWord(word): LastWord,
    OptionalJson(opening): OptionalJson<Opening, MAX_BALLOT_BYTES>,
) -> Result<Response, Refusal> {
    if word != "open" && !opening.is_empty() {
        return Err(Refusal::JsonShape("`seconds` and `closes_at` are for `open` alone".into()));
    }
    let change = match word.as_str() {
        "open" => opening.change()?,
        "close" => PollChange::Close,
        "hide" => PollChange::Hide,
        "reveal" => PollChange::Reveal,
        "publish" => PollChange::Publish,
        "reset" => PollChange::Reset,
        "archive" => PollChange::Archive,
        "restore" => PollChange::Restore,
        _ => return Err(Refusal::NoSuchPage),
    };
    apply(&app, path.id()?, change).await
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
    Publish,
    Reset,
    Archive,
    Restore,
}

/// Rewrite a poll, while there are no ballots; correct its words, list it, limit new voters or make it a
/// kiosk at any time
#[utoipa::path(
    patch, path = "/api/polls/{poll}", tag = "organising", security(("organiser" = [])),
    params(("poll" = String, Path, description = "The poll's id")),
    request_body = PollPatch,
    responses(
        (status = 200, description = "Done; the poll as it is now", body = PollBody),
        (status = 202, description = "Decided, and being carried out: a part of the log can't be reached",
            body = PollBody),
        TokenProblems,
        PollProblems,
        (status = 409, description = "There are ballots, or they are published", body = Problem,
            content_type = PROBLEM_JSON),
        BodyProblems,
        DescribedPollProblems,
        ChangeProblems,
    )
)]
pub(crate) async fn rewrite(
    State(app): State<Arc<App>>,
    _: OrganiserProof,
    path: PollPath,
    PostedJson(patch): PostedJson<PollPatch, MAX_POLL_BYTES>,
) -> Result<Response, Refusal> {
    let id = path.id()?;
    // Read from the log, not the cache: what the patch leaves out must stay as it is now.
    let poll = polls::current(&app, id).await?;
    let mut done = Err(Refusal::EmptyPatch);
    for change in patch.changes(&poll, program::now_millis())? {
        done = Ok(apply(&app, id, change).await?);
    }
    done
}

async fn apply(app: &App, id: PollId, change: PollChange) -> Result<Response, Refusal> {
    let (status, poll) = match polls::change(app, id, change).await {
        Ok(poll) => (StatusCode::OK, poll),
        Err(Refusal::Underway(poll)) => (StatusCode::ACCEPTED, *poll),
        Err(refusal) => return Err(refusal),
    };
    Ok((status, Json(body(app, &poll))).into_response())
}
