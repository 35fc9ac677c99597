//! `/organise/{poll}`: one page to run a poll.

use std::{sync::Arc, time::Instant};

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use domain::{FrontPage, Poll, PollId};
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use web::{
    counterpart::CameBy,
    poll_address,
    signed_link::{self, Purpose},
    texts::CsvSeparator,
    visitor::Visitor,
};

use super::{
    front,
    poll_view::{HandedOut, NewVotersBody, PollFacts, PollView, ResultAddresses},
    share,
};
use crate::{
    addresses,
    app::App,
    polls::{self, code_range::MAX_CODES},
    refusal::{Refusal, not_shown},
    request::{LastWord, PollPath},
};

/// The files to export, by their names at the result host.
const EXPORTS: [&str; 4] = ["tally.csv", "tally.json", "ballots.csv", "ballots.json"];

/// Shows the page.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    path: PollPath,
    visitor: Visitor,
    came_by: CameBy,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let (poll, accepted) = read(&app, &path).await?;
    let (own, result) = (share::own_address(&app, &came_by), app.config.result.url(&headers));
    let view = PollView {
        accepted,
        has_ballots: accepted != Some(0),
        in_front: front::shows(&app, FrontPage::Poll(poll.id())).await,
        is_default: poll.id() == PollId::MAIN,
        closes_in_ms: poll.closes_in_millis(app.ballots.log_millis(poll.id())),
        new_voters: app.new_voters.last_minute(poll.id(), Instant::now()).into(),
        max_codes: MAX_CODES,
        facts: PollFacts::of(&poll),
        handed_out: HandedOut::of(own.as_ref(), |at| poll_address::url_of(at, &poll)),
        result: result.as_ref().map(|at| ResultAddresses::of(at, &poll)).unwrap_or_default(),
        ticket: ticket(&app, poll.id(), Purpose::Figures),
        exports: EXPORTS,
    };
    Ok(app.page_with_result(&visitor, result.as_ref(), StatusCode::OK, "organise/poll.html", view))
}

/// The current poll, and how many ballots the log has accepted, unless a part of the log can't be asked.
async fn read(app: &App, path: &PollPath) -> Result<(Poll, Option<u64>), Refusal> {
    let poll = polls::current(app, path.id()?).await?;
    let accepted = app.ballots.accepted(poll.id()).await.map_err(not_shown(app)).ok();
    Ok((poll, accepted))
}

fn ticket(app: &App, poll: PollId, purpose: Purpose) -> String {
    signed_link::ticket(app.organiser.links(), poll, purpose, program::now_millis())
}

/// The ticket that the page's script renews before it expires.
#[derive(Debug, Serialize)]
struct Tickets {
    /// For the votes at the result host, also while they are hidden.
    figures: String,
    /// How long it works, in milliseconds.
    valid_ms: u64,
}

/// `GET /organise/{poll}/tickets`.
pub(crate) async fn tickets(State(app): State<Arc<App>>, path: PollPath) -> Result<Response, Refusal> {
    let id = path.id()?;
    let body = Tickets { figures: ticket(&app, id, Purpose::Figures), valid_ms: signed_link::VALID_MILLIS };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

/// `GET /organise/{poll}/new-voters`.
pub(crate) async fn new_voters(State(app): State<Arc<App>>, path: PollPath) -> Result<Response, Refusal> {
    let id = path.id()?;
    let body = NewVotersBody::from(app.new_voters.last_minute(id, Instant::now()));
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

/// `GET /organise/{poll}/projector`: redirects to the live page, with a ticket that keeps a place for this screen.
pub(crate) async fn projector(
    State(app): State<Arc<App>>,
    path: PollPath,
    headers: HeaderMap,
) -> Result<Redirect, Refusal> {
    let (Ok(id), Some(result)) = (path.id(), app.config.result.url(&headers)) else { return Err(Refusal::NoSuchPage) };
    let poll = polls::recent(&app, id).await.map_err(Refusal::when_showing)?;
    Ok(Redirect::to(&addresses::projector(&result, &poll, &ticket(&app, id, Purpose::Projector))))
}

/// `GET /organise/{poll}/export/{file}`: redirects to the file at the result host, with a ticket that is good for five
/// minutes. So the links on the page itself do not expire.
pub(crate) async fn export(
    State(app): State<Arc<App>>,
    LastWord(file): LastWord,
    path: PollPath,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Redirect, Refusal> {
    let (Ok(id), Some(result)) = (path.id(), app.config.result.url(&headers)) else { return Err(Refusal::NoSuchPage) };
    if !EXPORTS.contains(&file.as_str()) {
        return Err(Refusal::NoSuchPage);
    }
    let semicolons = file.ends_with("csv") && visitor.language.csv_separator() == CsvSeparator::Semicolon;
    let separator = if semicolons { "&separator=semicolon" } else { "" };
    Ok(Redirect::to(&addresses::export(&result, id, &file, &ticket(&app, id, Purpose::Export), separator)))
}
