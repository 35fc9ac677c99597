//! `/events`: all events, and the form for a new one.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use domain::{Event, EventId};
use http::StatusCode;
use serde::Serialize;
use web::visitor::Visitor;

use super::{
    event_form::{EventForm, PollChoice, fault, given},
    event_view::{number_of, progress_word},
    managing::to_event,
};
use crate::{
    app::App,
    events::create::create as create_event,
    organise::poll_form::Fault,
    refusal::{Refusal, not_shown},
    request::body::{MAX_POLL_BYTES, PostedForm},
};

/// The context of the template `organise/events.html`.
#[derive(Serialize)]
struct EventsView<'a> {
    events: Vec<EventRow<'a>>,
    archived: Vec<EventRow<'a>>,
    form: &'a EventForm,
    fault: Option<&'a Fault>,
    /// The polls to choose from.
    choices: Vec<PollChoice<'a>>,
}

/// One event of the list.
#[derive(Serialize)]
struct EventRow<'a> {
    id: EventId,
    title: &'a str,
    /// Where it is: `before`, `at` or `over`.
    progress: &'static str,
    /// Which question is on, from 1.
    number: Option<usize>,
    /// How many questions it has.
    count: usize,
}

/// Shows the list and the empty form.
pub(super) async fn show(State(app): State<Arc<App>>, visitor: Visitor) -> Result<Response, Refusal> {
    page(&app, &visitor, &EventForm::default(), None).await
}

/// Creates an event and redirects to its page; a form at fault is shown again.
pub(super) async fn create(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    posted: PostedForm<MAX_POLL_BYTES>,
) -> Result<Response, Refusal> {
    let form = EventForm::read(&posted.fields()?);
    match create_event(&app, given(&form.id), given(&form.once), form.spec()).await {
        Ok(event) => Ok(to_event(event.id()).into_response()),
        Err(refusal) => {
            let fault = fault(visitor.language, &refusal, "title", "id").ok_or(refusal)?;
            page(&app, &visitor, &form, Some(&fault)).await
        }
    }
}

async fn page(app: &App, visitor: &Visitor, form: &EventForm, fault: Option<&Fault>) -> Result<Response, Refusal> {
    let events = app.ballots.events().await.map_err(not_shown(app))?;
    let polls = app.ballots.polls().await.map_err(not_shown(app))?;
    let (archived, events): (Vec<_>, Vec<_>) = events.iter().partition(|event| event.archived());
    let choices = PollChoice::all(&polls, &[], &form.spec().polls);
    let view = EventsView { events: rows(&events), archived: rows(&archived), form, fault, choices };
    let status = if fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(app.page(visitor, status, "organise/events.html", view))
}

fn rows<'a>(events: &[&'a Event]) -> Vec<EventRow<'a>> {
    events.iter().map(|event| row(event)).collect()
}

fn row(event: &Event) -> EventRow<'_> {
    EventRow {
        id: event.id(),
        title: event.title(),
        progress: progress_word(event.progress()),
        number: event.progress().poll().and_then(|on| number_of(event, on)),
        count: event.polls().len(),
    }
}
