//! What all exports have in common: only the organiser gets them, and each is a file to save.

use axum::response::{IntoResponse, Response};
use domain::{PollId, Tally};
use http::{HeaderValue, header};
use web::signed_link::Purpose;

use crate::{
    app::App,
    archive,
    organiser::{Credentials, Organiser},
    problems,
};

/// Lets only the organiser pass, with the poll as it is now.
pub(crate) async fn admit(app: &App, poll: &str, credentials: &Credentials) -> Result<(Organiser, Tally), Response> {
    let poll = problems::poll_id(poll).map_err(IntoResponse::into_response)?;
    let organiser =
        credentials.require(&app.organiser, poll, &[Purpose::Export]).map_err(IntoResponse::into_response)?;
    match archive::tally(&*app.scoreboard, poll).await {
        Ok(Some(tally)) => Ok((organiser, tally)),
        Ok(None) => Err(problems::unknown_poll(poll).into_response()),
        Err(error) => Err(problems::not_read(&error).into_response()),
    }
}

/// A file to be saved as `POLL-NAME`. Poll ids are plain letters, digits and `-`.
pub(crate) fn download(poll: PollId, name: &str, mime: &'static str, body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{poll}-{name}\""));
    headers.insert(header::CONTENT_DISPOSITION, disposition.expect("an id and a name are header text"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
