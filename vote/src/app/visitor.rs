//! Who asks: the language, and the page.

use axum::extract::FromRequestParts;
use http::{HeaderMap, Uri, request::Parts};
use web::language::Language;

/// What a page must know of the request it answers.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(crate) language: Language,
    /// The path, without a query.
    pub(crate) path: String,
}

impl Visitor {
    pub(crate) fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        Self { language: Language::of(headers), path: uri.path().to_owned() }
    }
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.uri, &parts.headers))
    }
}
