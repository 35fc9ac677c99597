//! The live page of a poll, made for a projector, and the same for a frame in another page. The server writes the
//! present score into it; its script keeps the page up to date.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use domain::{FrontPage, PollId};
use http::{StatusCode, Uri};
use minijinja::value::Serde;
use web::{cookies::CookieScope, counterpart::CameBy, language::Language, poll_address};

use crate::{
    app::App,
    live::{projector, scores::PollScore},
    pages::{
        event_page,
        join::{self, Join},
        live_view::LivePage,
    },
    poll_parameter::PollParameter,
    refusal::ResultRefusal,
};

/// `GET /`: the default poll, or what the organiser put in front of it.
pub(crate) async fn default_poll(
    State(app): State<Arc<App>>,
    uri: Uri,
    language: Language,
    came_by: CameBy,
) -> Result<Response, ResultRefusal> {
    let front = app.score(PollId::MAIN).await?.poll().front_page();
    match front {
        None => whole(&app, &uri, language, &came_by, PollId::MAIN).await,
        Some(FrontPage::Poll(poll)) => {
            let (score, join) = (app.score(poll).await?, Join::of_root(&app.vote, &came_by, join::path(poll)));
            Ok(live(&app, language, &came_by, (&score, "/", join)))
        }
        Some(FrontPage::Event(event)) => event_page::in_front(&app, language, &came_by, event).await,
    }
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
    let score = app.score(poll).await?;
    let path = poll_address::path_of(score.poll());
    if let Some(redirect) = projector::exchange_ticket(query, links, poll, &path, scope) {
        return Ok(redirect);
    }
    let join = Join::of_poll(&app.vote, came_by, score.poll());
    Ok(live(app, language, came_by, (&score, &path, join)))
}

fn live(
    app: &App,
    language: Language,
    came_by: &CameBy,
    (score, path, join): (&PollScore, &str, Option<Join>),
) -> Response {
    let result_url = app.result_url.as_ref().map(|at| poll_address::url_of(at, score.poll()));
    let mut page = LivePage::new(app, language, score, path).with_seal_code(app, came_by);
    (page.join, page.result_url) = (join, result_url);
    app.pages.respond(StatusCode::OK, language, "live.html", Serde(page).into())
}

async fn frame(app: &App, language: Language, poll: PollId) -> Result<Response, ResultRefusal> {
    let score = app.score(poll).await?;
    let path = format!("/p/{poll}/embed");
    let page = LivePage::new(app, language, &score, &path);
    Ok(app.pages.respond(StatusCode::OK, language, "embed.html", Serde(page).into()))
}
