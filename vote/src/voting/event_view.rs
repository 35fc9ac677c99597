//! What an event's page shows beside the poll that is on, and its page while none is.

use axum::response::Response;
use domain::{Event, EventId, EventProgress, Poll};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use program::settings::PublicUrl;
use serde::Serialize;
use web::visitor::Visitor;

use crate::{addresses, app::App, look, refusal::Refusal};

/// The event on whose page a poll is.
#[derive(Clone, Copy)]
pub(super) struct OnEvent<'a> {
    pub(super) event: &'a Event,
    /// The question that a ballot was for which this answers, if it is not on any more.
    pub(super) earlier: Option<&'a Poll>,
    /// Whether that ballot was recorded.
    pub(super) is_recorded: bool,
}

/// What a template and the page's script get of an event.
#[derive(Serialize)]
pub(super) struct EventFacts<'a> {
    id: EventId,
    title: &'a str,
    /// Whether the title is set smaller.
    long: bool,
    version: u64,
    /// The question that the last ballot was for.
    earlier: Option<&'a str>,
    /// Whether that ballot was recorded.
    is_recorded: bool,
    /// Where the script asks where the event is.
    now_url: Option<String>,
    /// Where the script is told.
    socket_url: Option<String>,
}

impl<'a> OnEvent<'a> {
    /// For pages whose script reaches the result host at this address.
    pub(super) fn facts(self, result: Option<&PublicUrl>) -> EventFacts<'a> {
        EventFacts {
            id: self.event.id(),
            title: self.event.title(),
            long: look::is_long(self.event.title()),
            version: self.event.version(),
            earlier: self.earlier.map(Poll::question),
            is_recorded: self.is_recorded,
            now_url: result.map(|at| addresses::event_now(at, self.event.id())),
            socket_url: result.map(addresses::socket),
        }
    }
}

/// The context of the template `event.html`: the page while no question is on.
#[derive(Serialize)]
struct BetweenPage<'a> {
    event: EventFacts<'a>,
    /// Whether no question follows.
    is_over: bool,
    /// The address of this page.
    action: &'a str,
    result_url: Option<String>,
    refused: Option<String>,
    refused_code: Option<&'static str>,
}

/// Whether no question follows.
pub(super) fn is_over(event: &Event) -> bool {
    event.archived() || event.progress() == EventProgress::Over
}

/// The page while no question is on; after a refused ballot with the reason.
pub(super) fn between(
    app: &App,
    visitor: &Visitor,
    headers: &HeaderMap,
    on: OnEvent<'_>,
    refusal: Option<&Refusal>,
) -> Response {
    let result = app.config.result.url(headers);
    let view = BetweenPage {
        event: on.facts(result.as_ref()),
        is_over: is_over(on.event),
        action: &visitor.path,
        result_url: result.as_ref().map(|at| addresses::result_event(at, on.event.id())),
        refused: refusal.map(|refusal| refusal.text(visitor.language)),
        refused_code: refusal.map(Refusal::code),
    };
    let status = refusal.map_or(StatusCode::OK, Refusal::status);
    let mut response = app.page_with_result(visitor, result.as_ref(), status, "event.html", view);
    if let Some(seconds) = refusal.and_then(Refusal::retry_after_seconds) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
