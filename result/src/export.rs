//! What the organiser can take home: the tally and the ballots, as tables and as JSON. Never who voted, or when.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use domain::{PollId, Tally, option_key};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;
use web::{problem::Problem, signed_link::Purpose};

use crate::{
    App, api, archive,
    ballot_export::{BallotExport, Format},
    openapi::ProblemBody,
    organiser::{Organiser, Shown},
    scores::{CorrectedWording, Present, TallyBody},
    share,
    spreadsheet::{Separator, Table},
    time,
};

/// The most exports of ballots at once; each reads the ledger as fast as its reader takes it.
pub(crate) const MAX_EXPORTS: usize = 4;
/// After how many seconds to try again if that many run.
const RETRY_AFTER_SECONDS: u32 = 10;

/// The tally of a poll with all that is needed to read it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExportedTally {
    #[serde(flatten)]
    tally: TallyBody,
    /// The texts of the options by key.
    #[schema(value_type = BTreeMap<String, String>, example = json!({"a": "Cats", "b": "Dogs"}))]
    options: BTreeMap<char, String>,
}

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

/// The tally as a table for spreadsheets: option, text, votes, share of the voters (0 to 1), voters. Where the wording
/// was corrected, two columns more: the text before, and when it was corrected.
#[utoipa::path(
    get,
    path = "/api/polls/{poll}/tally.csv",
    tag = "organiser",
    params(
        ("poll" = String, Path, description = "The poll's id"),
        ("separator" = Option<String>, Query, description = "`comma` (the default), or `semicolon` with decimal \
             commas"),
    ),
    responses(
        (status = 200, description = "UTF-8 with a byte order mark; texts that a spreadsheet could run as a formula \
                                      stand behind an apostrophe", body = String, content_type = "text/csv"),
        (status = 401, description = "`not-organiser`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "`ticket-refused`, `no-organiser`", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 404, description = "`unknown-poll`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-tries`: wrong tokens; try again after `Retry-After`", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("organiser" = []), ("ticket" = []))
)]
pub(crate) async fn tally_csv(
    State(app): State<Arc<App>>,
    Path(poll): Path<String>,
    separator: Separator,
    shown: Shown,
) -> Result<Response, Response> {
    let (organiser, tally) = admit(&app, &poll, &shown).await?;
    let poll = tally.poll.clone();
    let voters = tally.figures.voters;
    let votes = Present::new(tally, program::now_millis()).all_votes(&organiser);
    let mut table = Table::new(separator);
    let corrected: &[&str] = if poll.correction().is_some() { &["text_before", "corrected_at"] } else { &[] };
    table.row(["option", "text", "votes", "share", "voters"].iter().chain(corrected).map(|&name| name.into()));
    for ((index, text), (key, votes)) in poll.options().iter().enumerate().zip(votes) {
        let share = separator.decimal(&share::fraction(votes, voters).unwrap_or_default());
        let cells = [key.to_string(), text.clone(), votes.to_string(), share, voters.to_string()];
        let before = poll.correction().into_iter().flat_map(|correction| {
            let before = correction.options.get(index).cloned().unwrap_or_default();
            [before, time::rfc3339(correction.at_millis)]
        });
        table.row(cells.into_iter().chain(before).map(Cow::from));
    }
    Ok(download(poll.id(), "tally.csv", "text/csv; charset=utf-8", table.into_bytes()))
}

/// The tally as JSON to keep, with the texts of the options, and with the votes also while they are hidden.
#[utoipa::path(
    get,
    path = "/api/polls/{poll}/tally.json",
    tag = "organiser",
    params(("poll" = String, Path, description = "The poll's id")),
    responses(
        (status = 200, description = "The tally", body = ExportedTally),
        (status = 401, description = "`not-organiser`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "`ticket-refused`, `no-organiser`", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 404, description = "`unknown-poll`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-tries`: wrong tokens; try again after `Retry-After`", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("organiser" = []), ("ticket" = []))
)]
pub(crate) async fn tally_json(
    State(app): State<Arc<App>>,
    Path(poll): Path<String>,
    shown: Shown,
) -> Result<Response, Response> {
    let (organiser, tally) = admit(&app, &poll, &shown).await?;
    let poll = tally.poll.id();
    let options = (0..).map(option_key).zip(tally.poll.options().iter().cloned()).collect();
    let tally = Present::new(tally, program::now_millis()).body_for(&organiser);
    let body = Json(ExportedTally { tally, options });
    Ok(download(poll, "tally.json", "application/json", body))
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
        (status = 429, description = "`too-many-tries`: wrong tokens; try again after `Retry-After`", body = ProblemBody,
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
    shown: Shown,
) -> Result<Response, Response> {
    ballots(&app, &poll, &shown, Format::Csv(separator)).await
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
        (status = 429, description = "`too-many-tries`: wrong tokens; try again after `Retry-After`", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`; `busy`: other exports run", body = ProblemBody,
         content_type = "application/problem+json"),
    ),
    security(("organiser" = []), ("ticket" = []))
)]
pub(crate) async fn ballots_json(
    State(app): State<Arc<App>>,
    Path(poll): Path<String>,
    shown: Shown,
) -> Result<Response, Response> {
    ballots(&app, &poll, &shown, Format::Json).await
}

async fn ballots(app: &App, poll: &str, shown: &Shown, format: Format) -> Result<Response, Response> {
    let (_organiser, tally) = admit(app, poll, shown).await?;
    let Ok(turn) = Arc::clone(&app.exports).try_acquire_owned() else {
        let detail = "as many exports as can be are running already; please try again a little later";
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail);
        return Err(problem.retry_after(RETRY_AFTER_SECONDS).into_response());
    };
    let poll = tally.poll.id();
    let begun = BallotExport::begin(Arc::clone(&app.scoreboard), tally.poll, format, turn).await;
    let body = begun.map_err(|error| api::not_read(&error).into_response())?.into_body();
    Ok(match format {
        Format::Csv(_) => download(poll, "ballots.csv", "text/csv; charset=utf-8", body),
        Format::Json => download(poll, "ballots.json", "application/json", body),
    })
}

/// Lets only the organiser pass, with the poll as it is now.
async fn admit(app: &App, poll: &str, shown: &Shown) -> Result<(Organiser, Tally), Response> {
    let poll = api::poll_id(poll).map_err(IntoResponse::into_response)?;
    let organiser = shown.require(app, poll, &[Purpose::Export]).map_err(IntoResponse::into_response)?;
    match archive::tally(&*app.scoreboard, poll).await {
        Ok(Some(tally)) => Ok((organiser, tally)),
        Ok(None) => Err(api::unknown_poll(poll).into_response()),
        Err(error) => Err(api::not_read(&error).into_response()),
    }
}

/// A file to be saved as `POLL-NAME`. Poll ids are plain letters, digits and `-`.
fn download(poll: PollId, name: &str, mime: &'static str, body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{poll}-{name}\""));
    headers.insert(header::CONTENT_DISPOSITION, disposition.expect("an id and a name are header text"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
