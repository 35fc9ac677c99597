//! Reads posted forms and JSON, with limits on type, length and time.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
};
use http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::{form::Fields, multipart};
use crate::refusal::Refusal;

/// The longest ballot, in bytes.
pub(crate) const MAX_BALLOT_BYTES: usize = 16 * 1024;
/// The longest description of a poll, in bytes. The largest valid poll, with every character escaped, has about 70 KB;
/// the rest is for texts that are too long, so that the answer can name them.
pub(crate) const MAX_POLL_BYTES: usize = 128 * 1024;
/// How long the body of a request may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// The content type of forms.
const FORM: &str = "application/x-www-form-urlencoded";
/// The content type of the API.
const JSON: &str = "application/json";

/// A posted form of at most `LIMIT_BYTES`, in UTF-8 or not.
pub(crate) struct PostedForm<const LIMIT_BYTES: usize = MAX_BALLOT_BYTES>(pub(crate) Bytes);

/// A posted JSON value.
pub(crate) struct PostedJson<T, const LIMIT_BYTES: usize>(pub(crate) T);

/// A posted JSON value that may be left out: then the body is empty.
pub(crate) struct OptionalJson<T, const LIMIT_BYTES: usize>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned + Default, const LIMIT_BYTES: usize> FromRequest<S> for OptionalJson<T, LIMIT_BYTES> {
    type Rejection = Refusal;
    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let bytes = collect(&parts.headers, body, LIMIT_BYTES).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        if !is_type(&parts.headers, JSON) {
            return Err(Refusal::ContentType(JSON));
        }
        parsed(&bytes).map(Self)
    }
}

impl<const LIMIT_BYTES: usize> PostedForm<LIMIT_BYTES> {
    /// Its fields.
    pub(crate) fn fields(&self) -> Result<Fields<'_>, Refusal> {
        Ok(Fields::read(&self.0)?)
    }
}

impl<S: Sync, const LIMIT_BYTES: usize> FromRequest<S> for PostedForm<LIMIT_BYTES> {
    type Rejection = Refusal;
    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        form(&parts.headers, body, LIMIT_BYTES).await.map(Self)
    }
}

impl<S: Sync, T: DeserializeOwned, const LIMIT_BYTES: usize> FromRequest<S> for PostedJson<T, LIMIT_BYTES> {
    type Rejection = Refusal;
    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        json(&parts.headers, body, LIMIT_BYTES).await.map(Self)
    }
}

/// A posted form, as bytes. `multipart/form-data`, as `curl -F` sends it, is converted.
pub(crate) async fn form(headers: &HeaderMap, body: Body, limit_bytes: usize) -> Result<Bytes, Refusal> {
    if let Some(boundary) = multipart::boundary(headers) {
        let bytes = collect(headers, body, limit_bytes).await?;
        return multipart::urlencoded(&bytes, &boundary).map(Bytes::from).ok_or(Refusal::ContentType(FORM));
    }
    read(headers, body, FORM, limit_bytes).await
}

/// A posted JSON value.
pub(crate) async fn json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
    limit_bytes: usize,
) -> Result<T, Refusal> {
    parsed(&read(headers, body, JSON, limit_bytes).await?)
}

fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        Category::Data => Refusal::JsonShape(error.to_string()),
        Category::Syntax | Category::Eof | Category::Io => Refusal::Json(error.to_string()),
    })
}

async fn read(headers: &HeaderMap, body: Body, expected: &'static str, limit_bytes: usize) -> Result<Bytes, Refusal> {
    if !is_type(headers, expected) {
        return Err(Refusal::ContentType(expected));
    }
    collect(headers, body, limit_bytes).await
}

async fn collect(headers: &HeaderMap, body: Body, limit_bytes: usize) -> Result<Bytes, Refusal> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|announced| announced > limit_bytes) {
        return Err(Refusal::TooLarge(limit_bytes));
    }
    match tokio::time::timeout(BODY_TIMEOUT, axum::body::to_bytes(body, limit_bytes)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_over_limit(&error) => Err(Refusal::TooLarge(limit_bytes)),
        Ok(Err(_)) | Err(_) => Err(Refusal::Interrupted),
    }
}

/// Whether the media type is this one, whatever its parameters.
fn is_type(headers: &HeaderMap, expected: &str) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(expected))
}

fn is_over_limit(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>)
}
