//! The live page of a poll, made for a projector, and the same for a frame in another page. The server writes the
//! present score into it; its script keeps the page up to date.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use domain::{PollId, option_key};
use http::{StatusCode, Uri};
use minijinja::{
    context,
    value::{Serde, Value},
};
use program::settings::PublicUrl;
use serde::Serialize;
use web::{counterpart::CameBy, edition::edition, language::Language, poll_address};

use crate::{
    app::App,
    live::{projector, scores::PollScore},
    pages::join::Join,
    percent,
    poll_parameter::PollParameter,
    refusal::ResultRefusal,
    texts::{self, ResultText},
    time,
};

/// One bar.
#[derive(Serialize)]
struct Bar<'a> {
    key: char,
    text: &'a str,
    /// Which of the colours and patterns it has.
    hue: usize,
    votes: u64,
    percent: String,
    shift: String,
}

impl<'a> Bar<'a> {
    fn new(language: Language, index: usize, text: &'a str, votes: u64, voters: u64) -> Self {
        Self {
            key: option_key(index),
            text,
            hue: web::hue(index),
            votes,
            percent: percent::percent(language, votes, voters),
            shift: percent::shift(votes, voters),
        }
    }
}

/// `GET /`: the default poll.
pub(crate) async fn default_poll(
    State(app): State<Arc<App>>,
    uri: Uri,
    language: Language,
    came_by: CameBy,
) -> Result<Response, ResultRefusal> {
    whole(&app, &uri, language, &came_by, PollId::MAIN).await
}

/// `GET /p/{poll}`.
pub(crate) async fn poll(
    State(app): State<Arc<App>>,
    PollParameter(poll): PollParameter,
    uri: Uri,
    language: Language,
    came_by: CameBy,
) -> Result<Response, ResultRefusal> {
    whole(&app, &uri, language, &came_by, poll).await
}

/// `GET /p/{poll}/embed`: the live bars for a frame. Pages that the operator allows may frame any answer, also a
/// refusal.
pub(crate) async fn embed(
    State(app): State<Arc<App>>,
    poll: Result<PollParameter, ResultRefusal>,
    language: Language,
) -> Response {
    let page = match poll {
        Ok(PollParameter(poll)) => {
            page(&app, language, poll, &format!("/p/{poll}/embed"), "embed.html", context! {}).await
        }
        Err(refusal) => Err(refusal),
    };
    let mut response = page.into_response();
    app.embed_headers.set(&mut response);
    response
}

async fn whole(
    app: &App,
    uri: &Uri,
    language: Language,
    came_by: &CameBy,
    poll: PollId,
) -> Result<Response, ResultRefusal> {
    let is_https = app.result_url.as_ref().is_some_and(PublicUrl::is_https);
    let (query, links) = (uri.query().unwrap_or_default(), app.organiser.token().links());
    if let Some(redirect) = projector::exchange_ticket(query, links, poll, is_https) {
        return Ok(redirect);
    }
    let more = context! {
        join => Join::new(&app.vote, came_by, poll).map(Serde),
        result_url => app.result_url.as_ref().map(|at| poll_address::url(at, poll)),
    };
    page(app, language, poll, &poll_address::path(poll), "live.html", more).await
}

async fn page(
    app: &App,
    language: Language,
    poll: PollId,
    path: &str,
    template: &str,
    more: Value,
) -> Result<Response, ResultRefusal> {
    let score = app.score(poll).await?;
    let context = context! { ..live(app, language, &score, path), ..more };
    Ok(app.pages.respond(StatusCode::OK, language, template, context))
}

/// The values of the templates that show a score.
fn live(app: &App, language: Language, score: &PollScore, path: &str) -> Value {
    let poll = score.poll();
    let voters = score.voters();
    let votes = score.votes();
    let bars: Option<Vec<Bar>> = votes.as_ref().map(|votes| {
        let bars = poll.options().iter().zip(votes).enumerate();
        bars.map(|(index, (text, &votes))| Bar::new(language, index, text, votes, voters)).collect()
    });
    context! {
        instance => app.instance.as_str(),
        path,
        poll => poll.id().as_str(),
        question => poll.question(),
        question_size => question_size(poll.question()),
        state => poll.state().as_str(),
        edition => edition(poll),
        archived => poll.archived(),
        corrected_at => poll.correction().map(|correction| time::date_and_time(language, correction.at_millis)),
        bars => bars.map(Serde),
        bars_size => bars_size(poll.options().len()),
        // In two columns.
        rows => poll.options().len().div_ceil(2),
        voters => voters,
        turnout => turnout(language, voters),
        stale_time => score.stale_since_ms().map(time::time_of_day),
        now => time::time_of_day(program::now_millis()),
    }
}

/// How many voted, in words.
pub(crate) fn turnout(language: Language, voters: u64) -> String {
    texts::counted(language, ResultText::Turnout, voters)
}

/// How large the question is written: a long one must leave room for the bars.
fn question_size(question: &str) -> &'static str {
    match question.chars().count() {
        0..=60 => "short",
        61..=180 => "medium",
        _ => "long",
    }
}

/// How large the bars are: the largest that fit on one screen.
fn bars_size(options: usize) -> &'static str {
    match options {
        0..=3 => "few",
        4..=6 => "some",
        7..=12 => "many",
        _ => "crowd",
    }
}
