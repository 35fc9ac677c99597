//! Turns what the layers below answer without words (a cross-site post, a panic) into a page or a problem.

use std::{any::Any, sync::Arc};

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use tower_http::csrf::{CsrfLayer, ProtectionError};

use crate::{
    app::{App, Asked},
    refusal::Refusal,
};

/// Marks an answer whose making panicked.
#[derive(Clone, Copy)]
struct Panicked;

/// Middleware: puts words where a layer below refused.
pub(crate) async fn explain(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let asked = Asked::of(request.uri(), request.headers());
    let response = next.run(request).await;
    let extensions = response.extensions();
    if extensions.get::<ProtectionError>().is_some() {
        app.refuse_anywhere(&asked, &Refusal::CrossSite)
    } else if extensions.get::<Panicked>().is_some() {
        app.refuse_anywhere(&asked, &Refusal::Panicked)
    } else {
        response
    }
}

/// The handler of the layer that catches panics: logs it, and marks the answer.
#[expect(clippy::needless_pass_by_value, reason = "what the layer calls")]
pub(crate) fn caught(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = text.unwrap_or("(no text)"), "a request panicked");
    let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
    response.extensions_mut().insert(Panicked);
    response
}

/// Refuses posts from pages of other sites, by `Sec-Fetch-Site` and else by `Origin`. A client that sends
/// neither is no browser and carries nobody's cookies. The public address is allowed beside the `Host`, for
/// proxies that change it.
pub(crate) fn same_site_only(
    app: &App,
) -> CsrfLayer<impl FnMut(ProtectionError) -> http::Response<Body> + Clone + use<>> {
    let layer = match &app.config.vote_url {
        Some(url) => CsrfLayer::new().add_trusted_origin(url.as_str()).expect("a public address is an origin"),
        None => CsrfLayer::new(),
    };
    layer.with_rejection_response(|_: ProtectionError| StatusCode::FORBIDDEN.into_response())
}

/// Answers what is no address of ours.
pub(crate) async fn no_such_page(State(app): State<Arc<App>>, asked: Asked) -> Response {
    app.refuse_anywhere(&asked, &Refusal::NoSuchPage)
}

/// Answers a method that an address does not take.
pub(crate) async fn method_not_allowed(State(app): State<Arc<App>>, asked: Asked) -> Response {
    app.refuse_anywhere(&asked, &Refusal::MethodNotAllowed)
}
