//! `/events/{event}`: one page to prepare an event, and to hand out its addresses.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{Redirect, Response},
};
use domain::{Event, EventId, FrontPage};
use http::{HeaderMap, StatusCode};
use program::settings::PublicUrl;
use web::{
    counterpart::{CameBy, Invitation},
    event_address,
    signed_link::{self, Purpose},
    visitor::Visitor,
};

use super::{
    event_form::PollChoice,
    event_view::{EventForms, EventPageView, EventSummary},
    exports::EVENT_EXPORTS,
};
use crate::{
    addresses,
    app::App,
    events,
    organise::{front, poll_view::HandedOut, share},
    polls::code_range::MAX_CODES,
    refusal::{Refusal, not_shown},
    request::EventPath,
};

/// Where a page is asked for: what its addresses depend on.
pub(super) struct Asked {
    pub(super) visitor: Visitor,
    pub(super) came_by: CameBy,
    pub(super) headers: HeaderMap,
}

/// Shows the page.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    path: EventPath,
    visitor: Visitor,
    came_by: CameBy,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let event = events::current(&app, path.id()?).await?;
    page(&app, &Asked { visitor, came_by, headers }, &event, EventForms::default()).await
}

/// The page of this event; with a form at fault as a refusal.
pub(super) async fn page(app: &App, asked: &Asked, event: &Event, forms: EventForms) -> Result<Response, Refusal> {
    let polls = events::polls_of(app, event).await?;
    let all = app.ballots.polls().await.map_err(not_shown(app))?;
    let own = share::own_address(app, &asked.came_by);
    let status = if forms.fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let view = EventPageView {
        facts: EventSummary::of(event, &polls),
        choices: PollChoice::all(&all, event.polls(), &[]),
        forms,
        handed_out: handed_out(own.as_ref(), event.id()),
        max_codes: MAX_CODES,
        in_front: front::shows(app, FrontPage::Event(event.id())).await,
        exports: EVENT_EXPORTS,
        projector_url: app.config.result.url(&asked.headers).map(|at| addresses::result_event(&at, event.id())),
    };
    Ok(app.page(&asked.visitor, status, "organise/event.html", view))
}

fn handed_out(own: Option<&Invitation>, event: EventId) -> HandedOut {
    HandedOut::of(own, |at: &PublicUrl| event_address::url(at, event))
}

/// `GET /events/{event}/projector`: redirects to the event's page on the result host, with a ticket that keeps a place
/// for this screen.
pub(super) async fn projector(
    State(app): State<Arc<App>>,
    path: EventPath,
    headers: HeaderMap,
) -> Result<Redirect, Refusal> {
    let (Ok(id), Some(result)) = (path.id(), app.config.result.url(&headers)) else { return Err(Refusal::NoSuchPage) };
    let ticket = signed_link::ticket(app.organiser.links(), id, Purpose::Projector, program::now_millis());
    Ok(Redirect::to(&addresses::event_projector(&result, id, &ticket)))
}
