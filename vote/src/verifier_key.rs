//! `GET /.well-known/scrutin-key`: the key that checks what the installation signs, the same as on the result host.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use domain::Unavailable;
use http::header;

use crate::{
    app::App,
    refusal::{Refusal, not_shown},
};

/// One line: a C2SP verifier key. 503 while the log does not say to which installation it belongs.
pub(crate) async fn show(State(app): State<Arc<App>>) -> Result<Response, Refusal> {
    let key = app.verifier_key().await.map_err(not_shown(&app))?;
    let key = key.ok_or(Refusal::CannotShow(Unavailable::NotBegun))?;
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=60")];
    Ok((headers, format!("{key}\n")).into_response())
}
