//! The event in an address.

use axum::extract::{FromRequestParts, Path};
use domain::EventId;
use http::request::Parts;

use crate::refusal::ResultRefusal;

/// The event of `/e/{event}` and `/api/events/{event}`. A text that is no id is no event.
pub(crate) struct EventParameter(pub(crate) EventId);

impl<S: Send + Sync> FromRequestParts<S> for EventParameter {
    type Rejection = ResultRefusal;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ResultRefusal> {
        let id = Path::<String>::from_request_parts(parts, state).await.map_err(|_| ResultRefusal::UnknownEvent)?;
        EventId::parse(&id).map(Self).map_err(|_| ResultRefusal::UnknownEvent)
    }
}
