//! Published ballots, for whoever counts again.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::{
    api::{
        note_answer::{Keep, TEXT, answer, unavailable},
        seals::{result_of, seal_of},
    },
    app::App,
    described_problems::PublicationProblems,
    poll_parameter::PollParameter,
    refusal::ResultRefusal,
    trees::PollPublication,
};

/// All ballots of a closed poll that are published, without names, with what is needed to check the count. Each line is
/// described in `docs/verification.md`; the last one is `end`.
#[utoipa::path(
    get,
    path = "/api/polls/{poll}/published",
    tag = "result",
    params(("poll" = String, Path, description = "The poll's id")),
    responses(
        (status = 200, description = "The ballots. A file that can't be finished breaks off with the connection",
         body = String, content_type = "text/plain"),
        (status = 304, description = "The file is the one that `If-None-Match` names"),
        PublicationProblems,
    )
)]
pub(crate) async fn published(
    State(app): State<Arc<App>>,
    PollParameter(poll): PollParameter,
    headers: HeaderMap,
) -> Result<Response, ResultRefusal> {
    let score = app.score(poll).await?;
    if !score.poll().is_published() {
        return Err(ResultRefusal::NotPublished);
    }
    let sealed = seal_of(&app, &score).await?;
    let result = result_of(&score, &sealed)?;
    let publication = PollPublication::new(&app.trees, sealed, &result);
    let tag = HeaderValue::from_str(&format!("\"{}\"", publication.digest())).expect("digits are header text");
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut response = if known.flat_map(|value| value.split(',')).any(|known| is_tag(known, &tag)) {
        (StatusCode::NOT_MODIFIED, answer(Keep::AMinute, TEXT, ())).into_response()
    } else {
        let file = app.publications.file(publication).await.map_err(|error| unavailable(&error))?;
        answer(Keep::AMinute, TEXT, file.ok_or(ResultRefusal::PublicationBusy)?)
    };
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}

/// A proxy that compresses makes a weak tag of ours.
fn is_tag(known: &str, tag: &HeaderValue) -> bool {
    let known = known.trim();
    known.strip_prefix("W/").unwrap_or(known).as_bytes() == tag.as_bytes()
}
