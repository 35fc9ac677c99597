//! The live page of an event, made for a projector, and the same for slides and scenes of a video: the question that is
//! on, or between the questions the way to vote. Its script follows the event.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use domain::EventId;
use http::{StatusCode, Uri};
use minijinja::value::Serde;
use serde::Serialize;
use web::{cookies::CookieScope, counterpart::CameBy, event_address, language::Language};

use crate::{
    app::App,
    event_parameter::EventParameter,
    live::projector,
    pages::{
        join::Join,
        live_view::{EventOnPage, LivePage},
    },
    refusal::ResultRefusal,
    time,
};

/// The values of `event.html` and `event_embed.html` while no question is on.
#[derive(Serialize)]
struct BetweenPage<'a> {
    instance: &'a str,
    path: &'a str,
    event: EventOnPage<'a>,
    join: Option<Join>,
    now: String,
    result_url: Option<String>,
    is_dark: bool,
}

/// `GET /e/{event}`.
pub(crate) async fn page(
    State(app): State<Arc<App>>,
    EventParameter(event): EventParameter,
    uri: Uri,
    language: Language,
    came_by: CameBy,
) -> Result<Response, ResultRefusal> {
    let path = event_address::path(event);
    let scope = CookieScope::of(app.result_url.as_ref());
    let (query, links) = (uri.query().unwrap_or_default(), app.organiser.token().links());
    if let Some(redirect) = projector::exchange_ticket(query, links, event, &path, scope) {
        return Ok(redirect);
    }
    let join = Join::of_event(&app.vote, &came_by, event);
    let place = Place { template: "event.html", path, join, came_by: Some(&came_by), is_dark: false };
    show(&app, language, event, place).await
}

/// `GET /`, where the organiser put an event there: people join at the root address, too.
pub(super) async fn in_front(
    app: &App,
    language: Language,
    came_by: &CameBy,
    event: EventId,
) -> Result<Response, ResultRefusal> {
    let join = Join::of_root(&app.vote, came_by, format!("{}/join", event_address::path(event)));
    let (template, path) = ("event.html", "/".to_owned());
    show(app, language, event, Place { template, path, join, came_by: Some(came_by), is_dark: false }).await
}

/// `GET /e/{event}/embed`: for a frame, without a ground of its own. As for polls, pages that the operator allows may
/// frame any answer.
pub(crate) async fn embed(
    State(app): State<Arc<App>>,
    event: Result<EventParameter, ResultRefusal>,
    uri: Uri,
    language: Language,
    came_by: CameBy,
) -> Response {
    let page = match event {
        Ok(EventParameter(event)) => {
            let is_dark = uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "theme=dark"));
            let join = Join::of_event(&app.vote, &came_by, event).map(Join::framed);
            let path = format!("{}/embed", event_address::path(event));
            show(&app, language, event, Place { template: "event_embed.html", path, join, came_by: None, is_dark })
                .await
        }
        Err(refusal) => Err(refusal),
    };
    let mut response = page.into_response();
    app.embed_headers.set(&mut response);
    response
}

/// Where an event is shown, and where to vote in it.
struct Place<'a> {
    template: &'static str,
    path: String,
    join: Option<Join>,
    /// Not in a frame.
    came_by: Option<&'a CameBy>,
    is_dark: bool,
}

async fn show(app: &App, language: Language, id: EventId, place: Place<'_>) -> Result<Response, ResultRefusal> {
    let Place { template, path, join, came_by, is_dark } = place;
    let event = app.event(id).await?;
    let score = app.events.score(&event).await;
    let result_url = app.result_url.as_ref().map(|at| event_address::url(at, id));
    let on_page = EventOnPage::new(&event, score.as_deref());
    let values = if let Some(score) = &score {
        let mut page = LivePage::new(app, language, score, &path);
        if let Some(came_by) = came_by {
            page = page.with_seal_code(app, came_by);
        }
        (page.event, page.join, page.result_url, page.is_dark) = (Some(on_page), join, result_url, is_dark);
        Serde(page).into()
    } else {
        let (instance, now) = (&app.instance, time::time_of_day(program::now_millis()));
        Serde(BetweenPage { instance, path: &path, event: on_page, join, now, result_url, is_dark }).into()
    };
    Ok(app.pages.respond(StatusCode::OK, language, template, values))
}
