//! The ballots of a poll to take home, as a table and as JSON. Never who voted, or when.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use utoipa::ToSchema;
use web::problem::Problem;

use crate::{
    app::App,
    exports::{
        ballot_file::{BallotFile, Format},
        download::{admit, download},
        spreadsheet::Separator,
    },
    live::scores::CorrectedWording,
    organiser::Credentials,
    problems::{self, ProblemBody},
};

/// After how many seconds to try again if as many exports run as may.
const RETRY_AFTER_SECONDS: u32 = 10;

/// All ballots of a poll that count at present.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what is written page by page")]
pub(crate) struct ExportedBallots {
    /// The poll's id.
    #[schema(example = "main")]
    poll: String,
    /// What is asked.
    question: String,
    /// The texts of the options by key.
    #[schema(example = json!({"a": "Cats", "b": "Dogs"}))]
    options: BTreeMap<String, String>,
    /// How many options one ballot may choose.
    max_choices: u8,
    /// The round in which they were cast.
    round: u32,
    /// What the wording was before it was corrected; `null` if it was not.
    correction: Option<CorrectedWording>,
    /// In an order that says nothing about when they were cast, or by whom.
    ballots: Vec<ExportedBallot>,
}

/// One ballot.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what is written page by page")]
pub(crate) struct ExportedBallot {
    /// A running number, of no meaning beyond this file.
    ballot: u64,
    /// The keys of the chosen options.
    #[schema(value_type = Vec<String>, example = json!(["a"]))]
    choices: Vec<char>,
}

/// The ballots that count at present, as a table for spreadsheets: a running number, the keys of the chosen options,
/// and one column of 0 and 1 for each option, whose sums are the tally. Ballots that are cast while the file is being
/// made may or may not be in it; close the poll first for a file that equals the tally.
#[utoipa::path(
    get,
    path = "/api/polls/{poll}/ballots.csv",
    tag = "organiser",
    params(
        ("poll" = String, Path, description = "The poll's id"),
        ("separator" = Option<String>, Query, description = "`comma` (the default) or `semicolon`"),
    ),
    responses(
        (status = 200, description = "UTF-8 with a byte order mark. A file that can't be finished breaks off with the \
                                      connection", body = String, content_type = "text/csv"),
        (status = 401, description = "`not-organiser`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "`ticket-refused`, `no-organiser`", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 404, description = "`unknown-poll`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-tries`: wrong tokens; wait as `Retry-After` says", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`; `busy`: other exports run", body = ProblemBody,
         content_type = "application/problem+json"),
    ),
    security(("organiser" = []), ("ticket" = []))
)]
pub(crate) async fn ballots_csv(
    State(app): State<Arc<App>>,
    Path(poll): Path<String>,
    separator: Separator,
    credentials: Credentials,
) -> Result<Response, Response> {
    ballots(&app, &poll, &credentials, Format::Csv(separator)).await
}

/// The same ballots as JSON.
#[utoipa::path(
    get,
    path = "/api/polls/{poll}/ballots.json",
    tag = "organiser",
    params(("poll" = String, Path, description = "The poll's id")),
    responses(
        (status = 200, description = "The ballots. A file that can't be finished breaks off with the connection",
         body = ExportedBallots),
        (status = 401, description = "`not-organiser`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "`ticket-refused`, `no-organiser`", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 404, description = "`unknown-poll`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-tries`: wrong tokens; wait as `Retry-After` says", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`; `busy`: other exports run", body = ProblemBody,
         content_type = "application/problem+json"),
    ),
    security(("organiser" = []), ("ticket" = []))
)]
pub(crate) async fn ballots_json(
    State(app): State<Arc<App>>,
    Path(poll): Path<String>,
    credentials: Credentials,
) -> Result<Response, Response> {
    ballots(&app, &poll, &credentials, Format::Json).await
}

async fn ballots(app: &App, poll: &str, credentials: &Credentials, format: Format) -> Result<Response, Response> {
    let (_organiser, tally) = admit(app, poll, credentials).await?;
    let Ok(turn) = Arc::clone(&app.exports).try_acquire_owned() else {
        let detail = "as many exports as can be are running already; please try again a little later";
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail);
        return Err(problem.retry_after(RETRY_AFTER_SECONDS).into_response());
    };
    let poll = tally.poll.id();
    let begun = BallotFile::begin(Arc::clone(&app.scoreboard), tally.poll, format, turn).await;
    let body = begun.map_err(|error| problems::not_read(&error).into_response())?.into_body();
    Ok(match format {
        Format::Csv(_) => download(poll, "ballots.csv", "text/csv; charset=utf-8", body),
        Format::Json => download(poll, "ballots.json", "application/json", body),
    })
}
