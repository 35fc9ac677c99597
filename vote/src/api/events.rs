//! Reading events, and managing them with the organiser's token.

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use domain::{Event, Way};
use futures_util::future::OptionFuture;
use http::{HeaderMap, StatusCode, header};
use web::problem::{PROBLEM_JSON, Problem};

use super::{
    event_model::{EventBody, EventContent, EventCopy, EventsBody, NewEvent, NextStep, SeenVersion},
    organiser::OrganiserProof,
    problems::{BodyProblems, ChangeProblems, DescribedEventProblems, EventProblems, LogProblems, TokenProblems},
};
use crate::{
    addresses,
    app::App,
    events::{
        self,
        create::{create as create_event, duplicate as duplicate_event, edit as edit_event},
        press::{Pressed, press},
    },
    polls::countdown,
    refusal::{Refusal, not_shown},
    request::{
        EventPath,
        body::{MAX_BALLOT_BYTES, MAX_POLL_BYTES, OptionalJson, PostedJson},
        form::Fields,
        idempotency_key,
    },
};

/// Read an event
///
/// With the organiser's token the answer is of this moment and says what the next step does; otherwise it may be two
/// seconds old.
#[utoipa::path(
    get, path = "/api/events/{event}", tag = "voting", security((), ("organiser" = [])),
    params(("event" = String, Path, description = "The event's id")),
    responses(
        (status = 200, description = "The event", body = EventBody),
        TokenProblems,
        EventProblems,
        LogProblems,
    )
)]
pub(crate) async fn read(
    State(app): State<Arc<App>>,
    organiser: Option<OrganiserProof>,
    path: EventPath,
) -> Result<Response, Refusal> {
    let id = path.id()?;
    let body = match organiser {
        Some(_) => for_organiser(&app, id).await,
        None => for_everybody(&app, id).await,
    };
    Ok(Json(body?).into_response())
}

async fn for_organiser(app: &App, id: domain::EventId) -> Result<EventBody, Refusal> {
    let event = events::current(app, id).await?;
    Ok(EventBody::for_organiser(&event, &events::polls_of(app, &event).await?))
}

async fn for_everybody(app: &App, id: domain::EventId) -> Result<EventBody, Refusal> {
    let event = events::recent(app, id).await.map_err(Refusal::when_showing)?;
    let on = OptionFuture::from(event.progress().poll().map(|poll| app.polls.get(poll))).await;
    let on = on.transpose().map_err(not_shown(app))?.flatten();
    Ok(EventBody::new(&event, on.as_deref()))
}

/// List all events
#[utoipa::path(
    get, path = "/api/events", tag = "organising", security(("organiser" = [])),
    params(("archived" = Option<bool>, Query, description = "`true`: those that were archived, and only those")),
    responses(
        (status = 200, description = "All events that are not archived, by id", body = EventsBody),
        TokenProblems,
        LogProblems,
    )
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    _: OrganiserProof,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let query = query.unwrap_or_default();
    let archived = Fields::read(query.as_bytes()).map_err(Refusal::from)?.get("archived") == "true";
    let events = app.ballots.events().await.map_err(not_shown(&app))?;
    let events = events.iter().filter(|event| event.archived() == archived);
    Ok(Json(EventsBody { events: events.map(|event| EventBody::new(event, None)).collect() }).into_response())
}

/// Create an event
///
/// With an `Idempotency-Key`, which a program makes up and sends again when it tries again, one event is made.
#[utoipa::path(
    post, path = "/api/events", tag = "organising", security(("organiser" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Any text, another one for each event")),
    request_body = NewEvent,
    responses(
        (status = 201, description = "Created; `Location` is its address", body = EventBody),
        TokenProblems,
        (status = 409, description = "The id is taken", body = Problem, content_type = PROBLEM_JSON),
        BodyProblems,
        DescribedEventProblems,
        ChangeProblems,
    )
)]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    _: OrganiserProof,
    headers: HeaderMap,
    PostedJson(mut new): PostedJson<NewEvent, MAX_POLL_BYTES>,
) -> Result<Response, Refusal> {
    let wanted = new.id.take();
    let once = idempotency_key(&headers);
    Ok(created(&create_event(&app, wanted.as_deref(), once.as_deref(), new.spec()?).await?))
}

/// Give an event another title, other polls or another order
#[utoipa::path(
    put, path = "/api/events/{event}", tag = "organising", security(("organiser" = [])),
    params(("event" = String, Path, description = "The event's id")),
    request_body = EventContent,
    responses(
        (status = 200, description = "Done; the event as it is now", body = EventBody),
        TokenProblems,
        EventProblems,
        (status = 409, description = "It is not of the named version, or the poll that is on would be taken out",
            body = Problem, content_type = PROBLEM_JSON),
        BodyProblems,
        DescribedEventProblems,
        ChangeProblems,
    )
)]
pub(crate) async fn edit(
    State(app): State<Arc<App>>,
    _: OrganiserProof,
    path: EventPath,
    PostedJson(content): PostedJson<EventContent, MAX_POLL_BYTES>,
) -> Result<Response, Refusal> {
    let seen = content.version;
    shown(&app, &edit_event(&app, path.id()?, seen, content.spec()?).await?).await
}

/// Take the next step of an event
///
/// Opens the first question, closes it, shows its votes if they are hidden, opens the question that follows, or ends
/// the event. A step is taken once: if the event is of another version than the named one, it was taken already, and
/// the answer is the event as it is. What a service that was killed has left half done is finished. With `seconds` the
/// question that is opened closes by itself, counted from when it is really opened.
#[utoipa::path(
    post, path = "/api/events/{event}/next", tag = "organising", security(("organiser" = [])),
    params(("event" = String, Path, description = "The event's id")),
    request_body(content = Option<NextStep>, description = "May be left out"),
    responses(
        (status = 200, description = "Done, or done already; the event as it is now", body = EventBody),
        (status = 202, description = "Decided, and being carried out: a part of the log can't be reached, and may take \
            ballots by what was before until it is told; the event as it is now", body = EventBody),
        TokenProblems,
        EventProblems,
        BodyProblems,
        DescribedEventProblems,
        ChangeProblems,
    )
)]
pub(crate) async fn next(
    State(app): State<Arc<App>>,
    _: OrganiserProof,
    path: EventPath,
    OptionalJson(NextStep { version, seconds }): OptionalJson<NextStep, MAX_BALLOT_BYTES>,
) -> Result<Response, Refusal> {
    let seconds = countdown::of_number(seconds)?;
    Ok(pressed(&press(&app, path.id()?, Way::Next, version, seconds).await?))
}

/// Take a step of an event back
///
/// Hides votes that were shown, opens the question again, or closes it and goes to the question before. In all else as
/// the next step.
#[utoipa::path(
    post, path = "/api/events/{event}/back", tag = "organising", security(("organiser" = [])),
    params(("event" = String, Path, description = "The event's id")),
    request_body(content = Option<SeenVersion>, description = "May be left out"),
    responses(
        (status = 200, description = "Done, or done already; the event as it is now", body = EventBody),
        (status = 202, description = "Decided, and being carried out: a part of the log can't be reached",
            body = EventBody),
        TokenProblems,
        EventProblems,
        BodyProblems,
        DescribedEventProblems,
        ChangeProblems,
    )
)]
pub(crate) async fn back(
    State(app): State<Arc<App>>,
    _: OrganiserProof,
    path: EventPath,
    OptionalJson(SeenVersion { version }): OptionalJson<SeenVersion, MAX_BALLOT_BYTES>,
) -> Result<Response, Refusal> {
    Ok(pressed(&press(&app, path.id()?, Way::Back, version, None).await?))
}

/// Put an event away from the lists, with its polls
///
/// Polls of other events, and the default poll, stay. An open poll is closed by it. If it fails half way, asking again
/// does the rest. A step brings the event back as well.
#[utoipa::path(
    post, path = "/api/events/{event}/archive", tag = "organising", security(("organiser" = [])),
    params(("event" = String, Path, description = "The event's id")),
    responses(
        (status = 200, description = "Done; the event as it is now", body = EventBody),
        TokenProblems,
        EventProblems,
        ChangeProblems,
    )
)]
pub(crate) async fn archive(
    State(app): State<Arc<App>>,
    _: OrganiserProof,
    path: EventPath,
) -> Result<Response, Refusal> {
    shown(&app, &events::archive::archive(&app, path.id()?).await?).await
}

/// Bring an event back from the archive, with its polls
#[utoipa::path(
    post, path = "/api/events/{event}/restore", tag = "organising", security(("organiser" = [])),
    params(("event" = String, Path, description = "The event's id")),
    responses(
        (status = 200, description = "Done; the event as it is now", body = EventBody),
        TokenProblems,
        EventProblems,
        ChangeProblems,
    )
)]
pub(crate) async fn restore(
    State(app): State<Arc<App>>,
    _: OrganiserProof,
    path: EventPath,
) -> Result<Response, Refusal> {
    shown(&app, &events::archive::restore(&app, path.id()?).await?).await
}

/// Make a new event that asks the same
///
/// It has new polls with the same questions, which wait to be opened. With an `Idempotency-Key`, which a program makes
/// up and sends again when it tries again, one copy is made.
#[utoipa::path(
    post, path = "/api/events/{event}/duplicate", tag = "organising", security(("organiser" = [])),
    params(
        ("event" = String, Path, description = "The event's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Any text, another one for each copy"),
    ),
    request_body(content = Option<EventCopy>, description = "May be left out"),
    responses(
        (status = 201, description = "Created; `Location` is its address", body = EventBody),
        TokenProblems,
        EventProblems,
        (status = 409, description = "The id is taken", body = Problem, content_type = PROBLEM_JSON),
        BodyProblems,
        DescribedEventProblems,
        ChangeProblems,
    )
)]
pub(crate) async fn duplicate(
    State(app): State<Arc<App>>,
    _: OrganiserProof,
    path: EventPath,
    headers: HeaderMap,
    OptionalJson(EventCopy { id, title }): OptionalJson<EventCopy, MAX_POLL_BYTES>,
) -> Result<Response, Refusal> {
    let once = idempotency_key(&headers);
    Ok(created(&duplicate_event(&app, path.id()?, id.as_deref(), once.as_deref(), title).await?))
}

fn created(event: &Event) -> Response {
    let location = [(header::LOCATION, addresses::api_event(event.id()))];
    (StatusCode::CREATED, location, Json(EventBody::new(event, None))).into_response()
}

async fn shown(app: &App, event: &Event) -> Result<Response, Refusal> {
    Ok(Json(EventBody::for_organiser(event, &events::polls_of(app, event).await?)).into_response())
}

fn pressed(Pressed { event, polls, is_underway }: &Pressed) -> Response {
    let status = if *is_underway { StatusCode::ACCEPTED } else { StatusCode::OK };
    (status, Json(EventBody::for_organiser(event, polls))).into_response()
}
