//! Where an event is, for programs and for pages without a WebSocket.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::header;

use crate::{
    app::App, described_problems::EventNowProblems, event_parameter::EventParameter, live::event_now::EventNow,
    refusal::ResultRefusal,
};

/// Where an event is: which poll is on, and which page of it is the present one. The same comes over Socket.IO whenever
/// it changes.
#[utoipa::path(
    get,
    path = "/api/events/{event}/now",
    tag = "result",
    params(("event" = String, Path, description = "The event's id")),
    responses(
        (status = 200, description = "Where the event is", body = EventNow),
        EventNowProblems,
    )
)]
pub(crate) async fn now(
    State(app): State<Arc<App>>,
    EventParameter(event): EventParameter,
) -> Result<Response, ResultRefusal> {
    let now = app.events.now(event).await.map_err(|_| ResultRefusal::Unavailable)?;
    let now = now.ok_or(ResultRefusal::UnknownEvent)?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(now)).into_response())
}
