//! What an answer depends on besides its content: the language that the request asks for, and its path.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::{HeaderMap, Uri, request::Parts};

use crate::language::Language;

/// The sender of a request, as far as its answer depends on that.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The language to answer in.
    pub language: Language,
    /// The path of the request, without a query.
    pub path: String,
}

impl Visitor {
    /// The sender of the request with these headers.
    pub fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        Self { language: Language::of(headers), path: uri.path().to_owned() }
    }
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.uri, &parts.headers))
    }
}
