//! What the installation signs of a closed poll: the seal, and while the votes are shown the result. And its key.

use std::sync::Arc;

use attest::ResultNote;
use axum::{extract::State, response::Response};

use crate::{
    api::note_answer::{Keep, note, unavailable},
    app::App,
    described_problems::{KeyProblems, SealProblems},
    live::scores::PollScore,
    poll_parameter::PollParameter,
    refusal::ResultRefusal,
    trees::SealedPoll,
};

/// The key that checks what this installation signs, as a C2SP verifier key: one line. It is also on the voting host.
#[utoipa::path(
    get,
    path = "/.well-known/scrutin-key",
    tag = "result",
    responses((status = 200, description = "The key", body = String, content_type = "text/plain"), KeyProblems)
)]
pub(crate) async fn key(State(app): State<Arc<App>>) -> Result<Response, ResultRefusal> {
    let key = app.trees.verifier().await.map_err(|error| unavailable(&error))?.ok_or(ResultRefusal::NoKey)?;
    Ok(note(Keep::AMinute, format!("{key}\n")))
}

/// The seal of a closed poll, once all partitions have counted the close: a signed note of what the trees are, and how
/// many voted. It says nothing of votes.
#[utoipa::path(
    get,
    path = "/api/polls/{poll}/seal",
    tag = "result",
    params(("poll" = String, Path, description = "The poll's id")),
    responses((status = 200, description = "A signed note", body = String, content_type = "text/plain"), SealProblems)
)]
pub(crate) async fn seal(
    State(app): State<Arc<App>>,
    PollParameter(poll): PollParameter,
) -> Result<Response, ResultRefusal> {
    let (_, sealed) = sealed(&app, poll).await?;
    Ok(note(Keep::ASecond, sealed.note.clone()))
}

/// The votes of a sealed poll as a signed note, while everybody may see them.
#[utoipa::path(
    get,
    path = "/api/polls/{poll}/result",
    tag = "result",
    params(("poll" = String, Path, description = "The poll's id")),
    responses((status = 200, description = "A signed note", body = String, content_type = "text/plain"), SealProblems)
)]
pub(crate) async fn result(
    State(app): State<Arc<App>>,
    PollParameter(poll): PollParameter,
) -> Result<Response, ResultRefusal> {
    let (score, sealed) = sealed(&app, poll).await.map_err(|refusal| match refusal {
        ResultRefusal::NotSealed => ResultRefusal::NoResult,
        other => other,
    })?;
    let result = result_of(&score, &sealed)?;
    Ok(note(Keep::ASecond, app.trees.sign(&sealed.seal.round.installation, &result)))
}

/// The score of a poll, and its seal.
async fn sealed(app: &App, poll: domain::PollId) -> Result<(Arc<PollScore>, Arc<SealedPoll>), ResultRefusal> {
    let score = app.score(poll).await?;
    let sealed = seal_of(app, &score).await?;
    Ok((score, sealed))
}

/// The seal of the poll as it was when this score was read.
pub(crate) async fn seal_of(app: &App, score: &PollScore) -> Result<Arc<SealedPoll>, ResultRefusal> {
    let sealed = app.trees.seal(score.tally()).await.map_err(|error| unavailable(&error))?;
    sealed.ok_or(ResultRefusal::NotSealed)
}

/// What is signed of the votes; none while they are hidden, or a ballot may still be counted.
pub(crate) fn result_of(score: &PollScore, sealed: &SealedPoll) -> Result<ResultNote, ResultRefusal> {
    let votes = score.votes().filter(|_| score.is_final()).ok_or(ResultRefusal::NoResult)?;
    Ok(sealed.result(votes))
}
