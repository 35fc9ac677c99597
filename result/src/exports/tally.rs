//! The tally of a poll to take home, as a table and as JSON.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State, response::Response};
use domain::option_key;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    described_problems::OrganiserProblems,
    exports::{
        download::{admit, download},
        spreadsheet::{Separator, Table},
    },
    live::scores::{PollScore, TallyBody},
    organiser::{Credentials, Organiser},
    percent,
    poll_parameter::PollParameter,
    refusal::ResultRefusal,
    time,
};

/// The tally of a poll with all that is needed to read it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExportedTally {
    #[serde(flatten)]
    tally: TallyBody,
    /// The texts of the options by key.
    #[schema(value_type = BTreeMap<String, String>, example = json!({"a": "Cats", "b": "Dogs"}))]
    options: BTreeMap<char, String>,
    /// The key that checks what this installation signs, as at `/.well-known/scrutin-key`; absent where several polls
    /// are exported, and while it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    key: Option<String>,
}

impl ExportedTally {
    /// A score, with hidden votes for the organiser only.
    pub(super) fn of(score: &PollScore, organiser: Option<&Organiser>) -> Self {
        let options = (0..).map(option_key).zip(score.poll().options().iter().cloned()).collect();
        let tally = organiser.map_or_else(|| score.body(), |organiser| score.body_for(organiser));
        Self { tally, options, key: None }
    }
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
        OrganiserProblems,
    ),
    security(("organiser" = []), ("ticket" = []))
)]
pub(crate) async fn tally_csv(
    State(app): State<Arc<App>>,
    PollParameter(poll): PollParameter,
    separator: Separator,
    credentials: Credentials,
) -> Result<Response, ResultRefusal> {
    let (organiser, tally) = admit(&app, poll, &credentials).await?;
    let poll = tally.poll.clone();
    let voters = tally.figures.voters;
    let votes = PollScore::new(tally, program::now_millis()).all_votes(&organiser);
    let mut table = Table::new(separator);
    let corrected: &[&str] = if poll.correction().is_some() { &["text_before", "corrected_at"] } else { &[] };
    table.row(["option", "text", "votes", "share", "voters"].iter().chain(corrected).map(|&name| name.into()));
    for ((index, text), (key, votes)) in poll.options().iter().enumerate().zip(votes) {
        let share = separator.decimal(&percent::fraction(votes, voters).unwrap_or_default());
        let cells = [key.to_string(), text.clone(), votes.to_string(), share, voters.to_string()];
        let before = poll.correction().into_iter().flat_map(|correction| {
            let before = correction.options.get(index).cloned().unwrap_or_default();
            [before, time::rfc3339(correction.at_millis)]
        });
        table.row(cells.into_iter().chain(before).map(Cow::from));
    }
    Ok(download(&poll.id(), "tally.csv", "text/csv; charset=utf-8", table.into_bytes()))
}

/// The tally as JSON to keep, with the texts of the options, and with the votes also while they are hidden.
#[utoipa::path(
    get,
    path = "/api/polls/{poll}/tally.json",
    tag = "organiser",
    params(("poll" = String, Path, description = "The poll's id")),
    responses(
        (status = 200, description = "The tally", body = ExportedTally),
        OrganiserProblems,
    ),
    security(("organiser" = []), ("ticket" = []))
)]
pub(crate) async fn tally_json(
    State(app): State<Arc<App>>,
    PollParameter(poll): PollParameter,
    credentials: Credentials,
) -> Result<Response, ResultRefusal> {
    let (organiser, tally) = admit(&app, poll, &credentials).await?;
    let poll = tally.poll.id();
    let score = PollScore::new(tally, program::now_millis());
    // The tally is worth having without it.
    let key = app.trees.verifier().await.ok().flatten().map(|key| key.to_string());
    let body = Json(ExportedTally { key, ..ExportedTally::of(&score, Some(&organiser)) });
    Ok(download(&poll, "tally.json", "application/json", body))
}
