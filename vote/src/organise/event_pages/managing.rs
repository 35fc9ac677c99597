//! Changes of an event by a form or a button, answered with 303 back to the event's page; a form at fault is shown
//! again.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use domain::{EventId, FrontPage, PollId, PollSpec, PollState};
use http::HeaderMap;
use web::{counterpart::CameBy, language::Language, visitor::Visitor};

use super::{
    editing::{add as add_polls, edited, shift},
    event_form::{fault, given, picked},
    event_page::{Asked, page},
    event_view::{CopyForm, EventForms},
};
use crate::{
    addresses,
    app::App,
    events::{self, create::duplicate},
    organise::{
        front,
        poll_form::{Fault, PollForm},
    },
    polls::create::create as create_poll,
    refusal::Refusal,
    request::{
        EventPath, LastWord,
        body::{MAX_POLL_BYTES, PostedForm},
        form::Fields,
    },
};

/// To the organiser's page of this event.
pub(super) fn to_event(id: EventId) -> Redirect {
    Redirect::to(&addresses::event_page(id))
}

/// Answers a `GET` at the address of a button or a form.
pub(super) async fn back(path: EventPath) -> Result<Redirect, Refusal> {
    path.id().map(to_event)
}

/// Makes the change that the last word of the address names.
pub(super) async fn change(
    State(app): State<Arc<App>>,
    LastWord(word): LastWord,
    path: EventPath,
    form: PostedForm,
) -> Result<Redirect, Refusal> {
    let (id, fields) = (path.id()?, form.fields()?);
    match word.as_str() {
        "archive" => drop(events::archive::archive(&app, id).await?),
        "restore" => drop(events::archive::restore(&app, id).await?),
        "front" => front::put(&app, FrontPage::Event(id)).await?,
        "no-front" => front::put(&app, front::DEFAULT).await?,
        "up" | "down" => {
            let (poll, seen) = named(&fields)?;
            edited(&app, id, |spec| shift(spec, poll, seen, word == "up")).await?;
        }
        "remove" => {
            let (poll, _) = named(&fields)?;
            edited(&app, id, |spec| spec.polls.retain(|&listed| listed != poll)).await?;
        }
        _ => return Err(Refusal::NoSuchPage),
    }
    Ok(to_event(id))
}

/// The poll that a button of the list belongs to, and its place there, from 0. A number that can't be read is none
/// that there is.
fn named(fields: &Fields) -> Result<(PollId, usize), Refusal> {
    let poll = PollId::parse(fields.get("poll")).map_err(|_| Refusal::InvalidId)?;
    Ok((poll, fields.get("place").parse().unwrap_or(usize::MAX)))
}

/// Gives the event another title.
pub(super) async fn title(
    State(app): State<Arc<App>>,
    path: EventPath,
    visitor: Visitor,
    came_by: CameBy,
    headers: HeaderMap,
    form: PostedForm,
) -> Result<Response, Refusal> {
    let id = path.id()?;
    let typed = form.fields()?.get("title").replace("\r\n", "\n");
    let done = edited(&app, id, |spec| spec.title.clone_from(&typed)).await;
    let forms = |fault| EventForms { typed_title: Some(typed.clone()), fault: Some(fault), ..EventForms::default() };
    answer(&app, Asked { visitor, came_by, headers }, id, done, ["title", "id"], forms).await
}

/// Adds polls that there are.
pub(super) async fn add(
    State(app): State<Arc<App>>,
    path: EventPath,
    visitor: Visitor,
    came_by: CameBy,
    headers: HeaderMap,
    form: PostedForm,
) -> Result<Response, Refusal> {
    let id = path.id()?;
    let added = picked(&form.fields()?);
    let done = edited(&app, id, |spec| add_polls(spec, &added)).await;
    let forms = |fault| EventForms { fault: Some(fault), ..EventForms::default() };
    answer(&app, Asked { visitor, came_by, headers }, id, done, ["title", "id"], forms).await
}

/// Makes a new poll that waits, and adds it. If only the first of both was done, the same form does the rest.
pub(super) async fn new_poll(
    State(app): State<Arc<App>>,
    path: EventPath,
    visitor: Visitor,
    came_by: CameBy,
    headers: HeaderMap,
    posted: PostedForm<MAX_POLL_BYTES>,
) -> Result<Response, Refusal> {
    let id = path.id()?;
    let form = PollForm::read(&posted.fields()?);
    let event = events::current(&app, id).await?;
    let fault = match made(&app, visitor.language, &form).await? {
        Ok(poll) => {
            edited(&app, id, |spec| add_polls(spec, &[poll])).await?;
            return Ok(to_event(id).into_response());
        }
        Err(fault) => Some(fault),
    };
    let forms = EventForms { form, fault, ..EventForms::default() };
    page(&app, &Asked { visitor, came_by, headers }, &event, forms).await
}

/// Makes the poll that the form describes, or finds the one that it made before.
async fn made(app: &App, language: Language, form: &PollForm) -> Result<Result<PollId, Fault>, Refusal> {
    let spec = match form.spec(language) {
        Ok(spec) => PollSpec { state: PollState::Waiting, ..spec },
        Err(fault) => return Ok(Err(fault)),
    };
    match create_poll(app, given(&form.id), given(&form.once), spec).await {
        Ok(poll) => Ok(Ok(poll.id())),
        Err(refusal) => Ok(Err(Fault::of(language, &refusal).ok_or(refusal)?)),
    }
}

/// Makes a new event that asks the same, and goes to its page.
pub(super) async fn copy(
    State(app): State<Arc<App>>,
    path: EventPath,
    visitor: Visitor,
    came_by: CameBy,
    headers: HeaderMap,
    form: PostedForm,
) -> Result<Response, Refusal> {
    let id = path.id()?;
    let copy = CopyForm::read(&form.fields()?);
    match duplicate(&app, id, given(&copy.id), given(&copy.once), copy.title.clone()).await {
        Ok(event) => Ok(to_event(event.id()).into_response()),
        Err(refusal) => {
            let forms = |fault| EventForms { copy, fault: Some(fault), ..EventForms::default() };
            let fields = ["copy-title", "copy-id"];
            answer(&app, Asked { visitor, came_by, headers }, id, Err(refusal), fields, forms).await
        }
    }
}

/// Back to the page; with the fault where a field (`[title, id]`) is at fault.
async fn answer(
    app: &App,
    asked: Asked,
    id: EventId,
    done: Result<(), Refusal>,
    [title, name]: [&'static str; 2],
    forms: impl FnOnce(Fault) -> EventForms,
) -> Result<Response, Refusal> {
    let Err(refusal) = done else { return Ok(to_event(id).into_response()) };
    let fault = fault(asked.visitor.language, &refusal, title, name).ok_or(refusal)?;
    page(app, &asked, &events::current(app, id).await?, forms(fault)).await
}
