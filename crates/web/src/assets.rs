//! Static files: in the binary in release builds, read from disk at each request in debug builds.

use axum::{
    body::Body,
    extract::{Path, Request},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderValue, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::lean::lean;

/// The files that all services share: the base styles, the icon, and scripts.
#[derive(RustEmbed)]
#[folder = "static"]
struct SharedFiles;

/// The templates that all services share: the frame of a page.
#[derive(RustEmbed)]
#[folder = "templates"]
pub(crate) struct SharedTemplates;

/// A file of this service, else a shared one.
fn find<E: RustEmbed>(path: &str) -> Option<EmbeddedFile> {
    E::get(path).or_else(|| SharedFiles::get(path))
}

/// The address of a static file with its fingerprint, so that it can be cached for a year:
/// `/static/base.css?v=Kx3q_1aZ`. `None` if there is no such file.
pub fn address<E: RustEmbed>(path: &str) -> Option<String> {
    let file = find::<E>(path)?;
    Some(format!("/static/{path}?v={}", fingerprint(&file)))
}

fn fingerprint(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    URL_SAFE_NO_PAD.encode(&hash[..6])
}

/// Handler of `/static/{*path}`: the files of `E`, and the shared ones.
///
/// An address with a fingerprint may be cached for a year; one without must be revalidated (ETag).
#[expect(clippy::unused_async, reason = "a handler is async")]
pub async fn serve<E: RustEmbed>(Path(path): Path<String>, request: Request) -> Response {
    let Some(file) = find::<E>(&path) else {
        return (StatusCode::NOT_FOUND, "no such file\n").into_response();
    };
    let version = fingerprint(&file);
    let tag = format!("\"{version}\"");
    let current = request.uri().query().and_then(|query| query.strip_prefix("v=")) == Some(&version);
    let caching = if current { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = request.headers().get(header::IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == tag.as_bytes());
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(Body::from(lean(&path, file.data.into_owned())))
    };
    let mime =
        HeaderValue::from_str(file.metadata.mimetype()).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, mime);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}
