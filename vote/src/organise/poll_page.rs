//! `/organise/{poll}`: one page to run a poll.

use std::{num::NonZeroU16, sync::Arc, time::Instant};

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use domain::{Access, Poll, PollId, option_key};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use minijinja::{Value, context, value::Serde};
use program::settings::PublicUrl;
use serde::Serialize;
use web::{
    counterpart::CameBy,
    poll_address,
    qr::Qr,
    signed_link::{self, Purpose},
    texts::CsvSeparator,
};

use super::share;
use crate::{
    app::{App, Visitor},
    look,
    polls::{self, code_range::MAX_CODES},
    refusal::Refusal,
    request::{LastWord, PollPath},
};

/// What can be exported, by its name at the result host.
const EXPORTS: [&str; 4] = ["tally.csv", "tally.json", "ballots.csv", "ballots.json"];

/// Shows the page.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    path: PollPath,
    visitor: Visitor,
    came_by: CameBy,
    headers: HeaderMap,
) -> Response {
    let (poll, accepted) = match read(&app, &path).await {
        Ok(read) => read,
        Err(refusal) => return app.refuse(&visitor, &refusal),
    };
    let result = app.config.result.url(&headers);
    let numbers = context! { accepted => accepted, has_ballots => accepted > 0, max_codes => MAX_CODES };
    let lately = app.new_voters.lately(poll.id(), Instant::now());
    let new_voters = context! { new_voters => lately.voters, networks => lately.networks };
    let context = context! {
        ..numbers,
        ..new_voters,
        ..handed_out(&app, &came_by, &poll),
        ..at_the_result_host(&app, result.as_ref(), &poll),
        ..of_poll(&poll)
    };
    app.page_with_result(&visitor, result.as_ref(), StatusCode::OK, "organise/poll.html", context)
}

/// The poll as the log has it this moment, and how many ballots it has accepted.
async fn read(app: &App, path: &PollPath) -> Result<(Poll, u64), Refusal> {
    let poll = polls::current(app, path.id()?).await?;
    let accepted = app.ballots.accepted(poll.id()).await.map_err(|error| app.not_shown(error))?;
    Ok((poll, accepted))
}

/// What the pages of one poll say of it.
pub(super) fn of_poll(poll: &Poll) -> Value {
    let option = |(index, text): (usize, &String)| {
        context! { key => option_key(index).to_string(), text => text, hue => look::hue(index) }
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
        vote_text => url.as_deref().map(share::without_scheme),
        qr => url.as_deref().filter(|_| with_code).and_then(Qr::new).map(Serde),
        vote_url => url,
    }
}

/// What the result host has of this poll.
fn at_the_result_host(app: &App, result: Option<&PublicUrl>, poll: &Poll) -> Value {
    let id = poll.id();
    let at = |path: String| result.map(|at| format!("{at}{path}"));
    context! {
        projector_url => at(poll_address::path(id)),
        embed_code => at(format!("/p/{id}/embed")).map(|url| embed_code(&url, poll.question())),
        tally_url => at(format!("/api/polls/{id}/tally")),
        ticket => ticket(app, id, Purpose::Figures),
        exports => EXPORTS,
    }
}

/// HTML to copy into another page. The question goes into an attribute there.
fn embed_code(url: &str, question: &str) -> String {
    let title = question
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\n', " ");
    format!(r#"<iframe src="{url}" title="{title}" width="100%" height="480"></iframe>"#)
}

fn ticket(app: &App, poll: PollId, purpose: Purpose) -> String {
    signed_link::ticket(app.organiser.links(), poll, purpose, program::now_millis())
}

/// What the page's script fetches before its ticket ends.
#[derive(Debug, Serialize)]
struct Tickets {
    /// For the votes at the result host, also while they are hidden.
    figures: String,
    /// How long it works, in milliseconds.
    valid_ms: u64,
}

/// `GET /organise/{poll}/tickets`.
pub(crate) async fn tickets(State(app): State<Arc<App>>, path: PollPath) -> Response {
    let Ok(id) = path.id() else { return Refusal::UnknownPoll.problem().into_response() };
    let body = Tickets { figures: ticket(&app, id, Purpose::Figures), valid_ms: signed_link::VALID_MILLIS };
    let mut response = Json(body).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
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
pub(crate) async fn new_voters(State(app): State<Arc<App>>, path: PollPath) -> Response {
    let Ok(id) = path.id() else { return Refusal::UnknownPoll.problem().into_response() };
    let lately = app.new_voters.lately(id, Instant::now());
    let body = NewVotersBody { new_voters: lately.voters, networks: lately.networks };
    let mut response = Json(body).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `GET /organise/{poll}/projector`: leads to the live page, by a link that makes this screen one with a place kept for
/// it.
pub(crate) async fn projector(
    State(app): State<Arc<App>>,
    path: PollPath,
    visitor: Visitor,
    headers: HeaderMap,
) -> Response {
    let (Ok(id), Some(origin)) = (path.id(), app.config.result.url(&headers)) else {
        return app.refuse(&visitor, &Refusal::NoSuchPage);
    };
    let ticket = ticket(&app, id, Purpose::Projector);
    Redirect::to(&format!("{origin}{}?ticket={ticket}", poll_address::path(id))).into_response()
}

/// `GET /organise/{poll}/export/{file}`: leads to the file at the result host, by a link that works for five minutes.
/// So the links on the page itself never grow old.
pub(crate) async fn export(
    State(app): State<Arc<App>>,
    LastWord(file): LastWord,
    path: PollPath,
    visitor: Visitor,
    headers: HeaderMap,
) -> Response {
    let (Ok(id), true) = (path.id(), EXPORTS.contains(&file.as_str())) else {
        return app.refuse(&visitor, &Refusal::NoSuchPage);
    };
    let Some(result) = app.config.result.url(&headers) else { return app.refuse(&visitor, &Refusal::NoSuchPage) };
    let ticket = ticket(&app, id, Purpose::Export);
    let semicolons = file.ends_with("csv") && visitor.language.csv_separator() == CsvSeparator::Semicolon;
    let separator = if semicolons { "&separator=semicolon" } else { "" };
    Redirect::to(&format!("{result}/api/polls/{id}/{file}?ticket={ticket}{separator}")).into_response()
}
