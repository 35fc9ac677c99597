//! The live page of a poll, made for a projector, and the same for a frame in another page. The server writes the
//! present score into it; its script keeps the page up to date.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use domain::{PollId, PollState, option_key};
use http::{StatusCode, Uri};
use minijinja::value::Serde;
use serde::Serialize;
use web::{cookies::CookieScope, counterpart::CameBy, edition::edition, language::Language, poll_address};

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
        Ok(PollParameter(poll)) => frame(&app, language, poll).await,
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
    let scope = CookieScope::of(app.result_url.as_ref());
    let (query, links) = (uri.query().unwrap_or_default(), app.organiser.token().links());
    let path = poll_address::path(poll);
    if let Some(redirect) = projector::exchange_ticket(query, links, poll, &path, scope) {
        return Ok(redirect);
    }
    let score = app.score(poll).await?;
    let page = LivePage {
        join: Join::new(&app.vote, came_by, poll),
        result_url: app.result_url.as_ref().map(|at| poll_address::url(at, poll)),
        ..LivePage::new(app, language, &score, &path)
    };
    Ok(app.pages.respond(StatusCode::OK, language, "live.html", Serde(page).into()))
}

async fn frame(app: &App, language: Language, poll: PollId) -> Result<Response, ResultRefusal> {
    let score = app.score(poll).await?;
    let path = format!("/p/{poll}/embed");
    let page = LivePage::new(app, language, &score, &path);
    Ok(app.pages.respond(StatusCode::OK, language, "embed.html", Serde(page).into()))
}

/// The values of `live.html` and `embed.html`.
#[derive(Serialize)]
struct LivePage<'a> {
    instance: &'a str,
    path: &'a str,
    poll: PollId,
    question: &'a str,
    question_size: &'static str,
    state: &'static str,
    /// What is said of it: the state, or that the last votes are being counted.
    state_text: String,
    edition: String,
    archived: bool,
    corrected_at: Option<String>,
    /// `None` while the votes are hidden.
    bars: Option<Vec<Bar<'a>>>,
    bars_size: &'static str,
    /// How many rows the bars take in two columns.
    rows: usize,
    turnout: String,
    stale_time: Option<String>,
    now: String,
    /// Only on the live page.
    join: Option<Join>,
    result_url: Option<String>,
}

impl<'a> LivePage<'a> {
    fn new(app: &'a App, language: Language, score: &'a PollScore, path: &'a str) -> Self {
        let (poll, voters) = (score.poll(), score.voters());
        let bars = score.votes().map(|votes| {
            let bars = poll.options().iter().zip(votes).enumerate();
            bars.map(|(index, (text, votes))| Bar::new(language, index, text, votes, voters)).collect()
        });
        Self {
            instance: &app.instance,
            path,
            poll: poll.id(),
            question: poll.question(),
            question_size: question_size(poll.question()),
            state: poll.state().as_str(),
            state_text: format!("state.{}", shown_state(score)),
            edition: edition(poll),
            archived: poll.archived(),
            corrected_at: poll.correction().map(|correction| time::date_and_time(language, correction.at_millis)),
            bars,
            bars_size: bars_size(poll.options().len()),
            rows: poll.options().len().div_ceil(2),
            turnout: turnout(language, voters),
            stale_time: score.stale_since_ms().map(time::time_of_day),
            now: time::time_of_day(program::now_millis()),
            join: None,
            result_url: None,
        }
    }
}

/// The state as screens show it: a closed poll whose figures may still grow is not simply closed.
fn shown_state(score: &PollScore) -> &'static str {
    match score.poll().state() {
        PollState::Closed if !score.is_final() => "counting",
        state => state.as_str(),
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
