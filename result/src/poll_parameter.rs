//! The poll in an address.

use axum::extract::{FromRequestParts, Path};
use domain::PollId;
use http::request::Parts;

use crate::refusal::ResultRefusal;

/// The poll of `/p/{poll}` and `/api/polls/{poll}`. A text that is no id is no poll.
pub(crate) struct PollParameter(pub(crate) PollId);

impl<S: Send + Sync> FromRequestParts<S> for PollParameter {
    type Rejection = ResultRefusal;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ResultRefusal> {
        let id = Path::<String>::from_request_parts(parts, state).await.map_err(|_| ResultRefusal::UnknownPoll)?;
        PollId::parse(&id).map(Self).map_err(|_| ResultRefusal::UnknownPoll)
    }
}
