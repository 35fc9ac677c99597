//! What exports have in common: only the organiser gets those of a poll, and each is a file to save.

use std::fmt::Display;

use axum::response::{IntoResponse, Response};
use domain::{PollId, Tally};
use http::{HeaderValue, header};
use web::signed_link::Purpose;

use crate::{
    app::App,
    archive,
    organiser::{Credentials, Organiser},
    refusal::ResultRefusal,
};

/// Admits only the organiser, and reads the poll as it is now.
pub(crate) async fn admit(
    app: &App,
    poll: PollId,
    credentials: &Credentials,
) -> Result<(Organiser, Tally), ResultRefusal> {
    let organiser = credentials.require(&app.organiser, poll, &[Purpose::Export])?;
    let tally = archive::tally(&*app.scoreboard, poll).await.map_err(|error| ResultRefusal::not_read(&error))?;
    Ok((organiser, tally.ok_or(ResultRefusal::UnknownPoll)?))
}

/// A file to save as `ID-NAME`. Ids of polls and events are plain letters, digits and `-`.
pub(crate) fn download(id: &impl Display, name: &str, mime: &'static str, body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{id}-{name}\""));
    headers.insert(header::CONTENT_DISPOSITION, disposition.expect("an id and a name are header text"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
