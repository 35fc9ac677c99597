//! The ballots of a poll to take home, as a table and as JSON. Never who voted, or when.

use std::{collections::BTreeMap, sync::Arc};

use axum::{extract::State, response::Response};
use domain::PollId;
use utoipa::ToSchema;

use crate::{
    app::App,
    described_problems::OrganiserProblems,
    exports::{
        ballot_file::{BallotFile, Format},
        download::{admit, download},
        spreadsheet::Separator,
    },
    live::scores::CorrectedWording,
    organiser::Credentials,
    poll_parameter::PollParameter,
    refusal::ResultRefusal,
};

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
        OrganiserProblems,
    ),
    security(("organiser" = []), ("ticket" = []))
)]
pub(crate) async fn ballots_csv(
    State(app): State<Arc<App>>,
    PollParameter(poll): PollParameter,
    separator: Separator,
    credentials: Credentials,
) -> Result<Response, ResultRefusal> {
    ballots(&app, poll, &credentials, Format::Csv(separator)).await
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
        OrganiserProblems,
    ),
    security(("organiser" = []), ("ticket" = []))
)]
pub(crate) async fn ballots_json(
    State(app): State<Arc<App>>,
    PollParameter(poll): PollParameter,
    credentials: Credentials,
) -> Result<Response, ResultRefusal> {
    ballots(&app, poll, &credentials, Format::Json).await
}

async fn ballots(
    app: &App,
    poll: PollId,
    credentials: &Credentials,
    format: Format,
) -> Result<Response, ResultRefusal> {
    let (_organiser, tally) = admit(app, poll, credentials).await?;
    let turn = Arc::clone(&app.exports).try_acquire_owned().map_err(|_| ResultRefusal::Busy)?;
    let begun = BallotFile::begin(Arc::clone(&app.scoreboard), tally, format, turn).await;
    let body = begun.map_err(|error| ResultRefusal::not_read(&error))?.into_body();
    Ok(match format {
        Format::Csv(_) => download(&poll, "ballots.csv", "text/csv; charset=utf-8", body),
        Format::Json => download(&poll, "ballots.json", "application/json", body),
    })
}
