//! The page on which everybody recounts the published ballots of a poll, in their own browser. The server says the
//! question and where to fetch; the rest is the script's.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use domain::PollId;
use http::StatusCode;
use minijinja::value::Serde;
use serde::Serialize;
use web::{
    counterpart::{CameBy, Invitation},
    language::Language,
    poll_address,
};

use crate::{app::App, poll_parameter::PollParameter, refusal::ResultRefusal};

/// What is checked, in the order of the page: the names by which the script and the texts know it.
const CHECKS: [&str; 11] =
    ["file", "poll", "key", "signed", "terms", "trees", "roots", "chains", "rules", "tally", "shown"];
/// What is checked where there is something to compare with.
const COMPARISONS: [&str; 3] = ["code", "before", "own"];

/// The values of `check.html`.
#[derive(Serialize)]
struct CheckPage<'a> {
    instance: &'a str,
    path: String,
    poll: PollId,
    question: &'a str,
    is_published: bool,
    result_path: String,
    /// What `scrutin verify` is to be given.
    poll_url: Option<String>,
    checks: [&'static str; 11],
    comparisons: [&'static str; 3],
}

/// `GET /p/{poll}/check`.
pub(crate) async fn check(
    State(app): State<Arc<App>>,
    PollParameter(poll): PollParameter,
    language: Language,
    came_by: CameBy,
) -> Result<Response, ResultRefusal> {
    let score = app.score(poll).await?;
    let here = Invitation::here(app.result_url.as_ref(), &came_by);
    let page = CheckPage {
        instance: &app.instance,
        path: format!("/p/{poll}/check"),
        poll,
        question: score.poll().question(),
        is_published: score.poll().is_published(),
        result_path: poll_address::path_of(score.poll()),
        poll_url: here.map(|Invitation { url, .. }| format!("{url}/p/{poll}")),
        checks: CHECKS,
        comparisons: COMPARISONS,
    };
    let mut response = app.pages.respond(StatusCode::OK, language, "check.html", Serde(page).into());
    app.worker_headers.set(&mut response);
    Ok(response)
}
