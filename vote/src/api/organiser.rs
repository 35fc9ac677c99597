//! Who may manage polls over the API: whoever sends the organiser's token as a bearer token (RFC 6750).

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use service::organiser::{NotOrganiser, bearer_token};

use crate::app::App;

/// Proof that the request comes from the organiser.
pub(crate) struct Organiser(());

impl FromRequestParts<Arc<App>> for Organiser {
    type Rejection = NotOrganiser;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, NotOrganiser> {
        if app.organiser.reveal().is_none() {
            return Err(NotOrganiser::NoOrganiser);
        }
        let sent = bearer_token(&parts.headers).ok_or(NotOrganiser::NoToken)?;
        app.organiser.check(&sent, app.client(parts)).map(|()| Self(()))
    }
}
