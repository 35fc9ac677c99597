//! The tallies of an event's polls to take home, as one table and as JSON. Anybody gets what is visible to everybody,
//! and the organiser also hidden votes and the questions to come.

use std::{borrow::Cow, sync::Arc};

use axum::{Json, extract::State, response::Response};
use domain::{EventId, option_key};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    described_problems::EventExportProblems,
    event_parameter::EventParameter,
    event_tallies::EventTallies,
    exports::{
        download::download,
        spreadsheet::{Separator, Table},
        tally::ExportedTally,
    },
    live::scores::PollScore,
    organiser::Credentials,
    percent,
    refusal::ResultRefusal,
};

/// The columns of the table.
const COLUMNS: [&str; 9] = ["number", "poll", "question", "state", "option", "text", "votes", "share", "voters"];

/// An event and the tallies of its polls.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExportedEvent {
    /// The event's id.
    #[schema(value_type = String, example = "evening")]
    event: EventId,
    /// What it is called.
    #[schema(example = "General meeting")]
    title: String,
    /// Which version of the event this is.
    version: u64,
    /// Whether it was put away from the lists.
    archived: bool,
    /// Its polls, in their order. One that was not opened yet is left out, except for the organiser.
    polls: Vec<EventPollTally>,
}

/// The tally of one poll of an event.
#[derive(Debug, Serialize, ToSchema)]
struct EventPollTally {
    /// Which of the event's questions it is, from 1.
    #[schema(example = 1)]
    number: usize,
    #[serde(flatten)]
    tally: ExportedTally,
}

/// The tallies of an event's polls as one table for spreadsheets: a row for each option, with the number of its poll
/// in the event, the poll's id, question and state, the option's key and text, its votes, their share of the voters
/// (0 to 1), and the voters. Votes and shares that are hidden are left empty, and polls that were not opened
/// yet are left out, except for the organiser.
#[utoipa::path(
    get,
    path = "/api/events/{event}/tallies.csv",
    tag = "result",
    params(
        ("event" = String, Path, description = "The event's id"),
        ("separator" = Option<String>, Query, description = "`comma` (the default), or `semicolon` with decimal \
             commas"),
    ),
    responses(
        (status = 200, description = "UTF-8 with a byte order mark; texts that a spreadsheet could run as a formula \
                                      stand behind an apostrophe", body = String, content_type = "text/csv"),
        EventExportProblems,
    ),
    security((), ("organiser" = []), ("ticket" = []))
)]
pub(crate) async fn tallies_csv(
    State(app): State<Arc<App>>,
    EventParameter(event): EventParameter,
    separator: Separator,
    credentials: Credentials,
) -> Result<Response, ResultRefusal> {
    let tallies = EventTallies::read(&app, event, &credentials).await?;
    let mut table = Table::new(separator);
    table.row(COLUMNS.map(Cow::from));
    for (number, score) in &tallies.polls {
        rows(&mut table, separator, *number, score, tallies.votes(score).as_deref());
    }
    Ok(download(&event, "tallies.csv", "text/csv; charset=utf-8", table.into_bytes()))
}

/// The rows of one poll, of which `None` are votes that are hidden.
fn rows(table: &mut Table, separator: Separator, number: usize, score: &PollScore, votes: Option<&[u64]>) {
    let (poll, voters) = (score.poll(), score.voters());
    for (index, text) in poll.options().iter().enumerate() {
        let votes = votes.and_then(|votes| votes.get(index));
        let share = votes.and_then(|votes| percent::fraction(*votes, voters)).unwrap_or_default();
        table.row([
            Cow::from(number.to_string()),
            poll.id().to_string().into(),
            poll.question().into(),
            score.state().as_str().into(),
            option_key(index).to_string().into(),
            text.into(),
            votes.map(ToString::to_string).unwrap_or_default().into(),
            separator.decimal(&share).into(),
            voters.to_string().into(),
        ]);
    }
}

/// The tallies of an event's polls as JSON to keep, with the texts of the options. Votes that are hidden are `null`,
/// and polls that were not opened yet are left out, except for the organiser.
#[utoipa::path(
    get,
    path = "/api/events/{event}/tallies.json",
    tag = "result",
    params(("event" = String, Path, description = "The event's id")),
    responses(
        (status = 200, description = "The event and its tallies", body = ExportedEvent),
        EventExportProblems,
    ),
    security((), ("organiser" = []), ("ticket" = []))
)]
pub(crate) async fn tallies_json(
    State(app): State<Arc<App>>,
    EventParameter(event): EventParameter,
    credentials: Credentials,
) -> Result<Response, ResultRefusal> {
    let tallies = EventTallies::read(&app, event, &credentials).await?;
    let organiser = tallies.organiser();
    let polls = tallies
        .polls
        .iter()
        .map(|(number, score)| EventPollTally { number: *number, tally: ExportedTally::of(score, organiser) });
    let known = &tallies.event;
    let body = ExportedEvent {
        event,
        title: known.title().to_owned(),
        version: known.version(),
        archived: known.archived(),
        polls: polls.collect(),
    };
    Ok(download(&event, "tallies.json", "application/json", Json(body)))
}
