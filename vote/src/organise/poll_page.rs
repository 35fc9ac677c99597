//! `/organise/{poll}`: one page to run a poll.

use std::{num::NonZeroU16, sync::Arc, time::Instant};

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use domain::{Access, Poll, PollId, option_key};
use http::{HeaderMap, StatusCode, header};
use minijinja::{HtmlEscape, Value, context, value::Serde};
use program::settings::PublicUrl;
use serde::Serialize;
use web::{
    counterpart::CameBy,
    poll_address,
    qr::Qr,
    signed_link::{self, Purpose},
    texts::CsvSeparator,
    visitor::Visitor,
};

use super::share;
use crate::{
    addresses,
    app::App,
    look,
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
    let result = app.config.result.url(&headers);
    let numbers = context! { accepted => accepted, has_ballots => accepted > 0, max_codes => MAX_CODES };
    let lately = app.new_voters.last_minute(poll.id(), Instant::now());
    let new_voters = context! { new_voters => lately.voters, networks => lately.networks };
    let context = context! {
        ..numbers,
        ..new_voters,
        ..handed_out(&app, &came_by, &poll),
        ..at_the_result_host(&app, result.as_ref(), &poll),
        ..of_poll(&poll)
    };
    Ok(app.page_with_result(&visitor, result.as_ref(), StatusCode::OK, "organise/poll.html", context))
}

/// The current poll, and how many ballots the log has accepted.
async fn read(app: &App, path: &PollPath) -> Result<(Poll, u64), Refusal> {
    let poll = polls::current(app, path.id()?).await?;
    let accepted = app.ballots.accepted(poll.id()).await.map_err(not_shown(app))?;
    Ok((poll, accepted))
}

/// The facts of a poll that all its pages show.
pub(super) fn of_poll(poll: &Poll) -> Value {
    let option = |(index, text): (usize, &String)| {
        context! { key => option_key(index).to_string(), text => text, hue => web::hue(index) }
    };
    context! {
        id => poll.id().as_str(),
        question => poll.question(),
        long => look::is_long(poll.question()),
        options => poll.options().iter().enumerate().map(option).collect::<Vec<_>>(),
        state => poll.state().as_str(),
        hidden => poll.is_hidden(),
        changes => poll.votes_can_change(),
        codes => poll.access() == Access::Codes,
        listed => poll.listed(),
        kiosk => poll.kiosk(),
        max_choices => poll.max_choices(),
        round => poll.round(),
        archived => poll.archived(),
        limit => poll.new_voters_per_minute().map(NonZeroU16::get),
        before => poll.correction().map(Serde),
    }
}

/// The link and the QR code for voters.
fn handed_out(app: &App, came_by: &CameBy, poll: &Poll) -> Value {
    let own = share::own_address(app, came_by);
    let url = own.as_ref().map(|own| poll_address::url(&own.url, poll.id()));
    let with_code = own.as_ref().is_some_and(|own| own.unreachable.is_none());
    context! {
        unreachable => own.as_ref().and_then(share::why_unreachable),
        vote_text => url.as_deref().map(poll_address::without_scheme),
        qr => url.as_deref().filter(|_| with_code).and_then(Qr::new).map(Serde),
        vote_url => url,
    }
}

/// Addresses on the result host.
fn at_the_result_host(app: &App, result: Option<&PublicUrl>, poll: &Poll) -> Value {
    let id = poll.id();
    context! {
        projector_url => result.map(|at| addresses::result_page(at, id)),
        embed_code => result.map(|at| embed_code(&addresses::embedded_result(at, id), poll.question())),
        tally_url => result.map(|at| addresses::tally(at, id)),
        ticket => ticket(app, id, Purpose::Figures),
        exports => EXPORTS,
    }
}

/// HTML to copy into another page, with the question as an attribute.
fn embed_code(url: &str, question: &str) -> String {
    let question = question.replace('\n', " ");
    let title = HtmlEscape(&question);
    format!(r#"<iframe src="{url}" title="{title}" width="100%" height="480"></iframe>"#)
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

/// How many new voters this instance saw lately, for the page's script.
#[derive(Debug, Serialize)]
struct NewVotersBody {
    /// Within the last minute.
    new_voters: u64,
    /// From how many networks.
    networks: usize,
}

/// `GET /organise/{poll}/new-voters`.
pub(crate) async fn new_voters(State(app): State<Arc<App>>, path: PollPath) -> Result<Response, Refusal> {
    let id = path.id()?;
    let lately = app.new_voters.last_minute(id, Instant::now());
    let body = NewVotersBody { new_voters: lately.voters, networks: lately.networks };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

/// `GET /organise/{poll}/projector`: redirects to the live page, with a ticket that keeps a place for this screen.
pub(crate) async fn projector(
    State(app): State<Arc<App>>,
    path: PollPath,
    headers: HeaderMap,
) -> Result<Redirect, Refusal> {
    let (Ok(id), Some(result)) = (path.id(), app.config.result.url(&headers)) else { return Err(Refusal::NoSuchPage) };
    Ok(Redirect::to(&addresses::projector(&result, id, &ticket(&app, id, Purpose::Projector))))
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
