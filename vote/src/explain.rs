//! Turns what the layers below answer without words (a cross-site post, a panic) into a page or a problem.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use http::StatusCode;
use service::poll_address::Visit;
use tower::{Layer, Service};
use tower_http::csrf::{CsrfLayer, ProtectionError};

use crate::{
    app::{App, Asked},
    refusal::Refusal,
};

/// The pages that an address may be meant for which somebody typed or pasted a little differently.
const PAGES: [&str; 6] =
    ["/p/{poll}", "/organise", "/organise/sign-in", "/organise/{poll}", "/organise/{poll}/edit", "/api"];

/// Layer: puts words where a layer below refused, or panicked.
#[derive(Clone)]
pub(crate) struct Explain(Arc<App>);

/// What [`Explain`] makes of a service.
#[derive(Clone)]
pub(crate) struct Explained<S> {
    inner: S,
    app: Arc<App>,
}

impl Explain {
    pub(crate) fn new(app: &Arc<App>) -> Self {
        Self(app.clone())
    }
}

impl<S> Layer<S> for Explain {
    type Service = Explained<S>;
    fn layer(&self, inner: S) -> Explained<S> {
        Explained { inner, app: self.0.clone() }
    }
}

impl<S> Service<Request> for Explained<S>
where
    S: Service<Request, Response: IntoResponse, Future: Send + 'static>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let asked = Asked::of(request.uri(), request.headers());
        let visit = Visit::of(request.method(), request.uri());
        let app = self.app.clone();
        // What a panic leaves behind of the state that handlers share is whole: see the locks there.
        let answering = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        Box::pin(async move {
            let response = match answering.await {
                Ok(answer) => answer?.into_response(),
                Err(panic) => {
                    log_panic(&*panic);
                    return Ok(app.refuse_anywhere(&asked, &Refusal::Panicked));
                }
            };
            if let Some(redirect) = visit.and_then(|visit| visit.redirect(response.status(), &PAGES)) {
                return Ok(app.with_headers(redirect));
            }
            let refused = response.extensions().get::<ProtectionError>().is_some();
            Ok(if refused { app.refuse_anywhere(&asked, &Refusal::CrossSite) } else { response })
        })
    }
}

fn log_panic(panic: &(dyn Any + Send)) {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = text.unwrap_or("(no text)"), "a request panicked");
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
