//! What surrounds all handlers of a website: security headers, an answer where a handler panicked, redirects from
//! mistyped addresses, and one place where refused requests are answered.
//!
//! It is one layer, since each layer of its own would allocate for every request.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{extract::Request, response::Response};
use futures_util::FutureExt;
use tower::{Layer, Service};

use crate::{headers::SecurityHeaders, poll_address::Visit, visitor::Visitor};

/// A website, as the layer around its handlers needs it.
pub trait Website: Send + Sync + 'static {
    /// The headers of an answer that has no policy of its own; `None` if it needs none.
    fn security_headers(&self, visitor: &Visitor, response: &Response) -> Option<&SecurityHeaders>;

    /// The paths of pages, such as `/p/{poll}`, to which a mistyped address is redirected.
    fn page_paths(&self) -> &'static [&'static str];

    /// The answer to a request that must not reach a handler.
    fn refused(&self, request: &Request) -> Option<Response>;

    /// The answer where a handler panicked.
    fn panicked(&self) -> Response;

    /// Completes an answer, also one that this trait gave: here a refusal becomes a page or a problem.
    fn complete(&self, visitor: &Visitor, response: Response) -> Response;
}

/// Layer: surrounds the handlers of a website.
pub struct Shell<W>(Arc<W>);

/// The service that [`Shell`] makes.
pub struct ShellService<S, W> {
    inner: S,
    website: Arc<W>,
}

impl<W> Shell<W> {
    /// The layer of this website.
    pub fn new(website: &Arc<W>) -> Self {
        Self(Arc::clone(website))
    }
}

impl<W> Clone for Shell<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Clone, W> Clone for ShellService<S, W> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), website: Arc::clone(&self.website) }
    }
}

impl<S, W> Layer<S> for Shell<W> {
    type Service = ShellService<S, W>;
    fn layer(&self, inner: S) -> Self::Service {
        ShellService { inner, website: Arc::clone(&self.0) }
    }
}

impl<S, W: Website> Service<Request> for ShellService<S, W>
where
    S: Service<Request, Response = Response, Future: Send + 'static>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let website = Arc::clone(&self.website);
        let visitor = Visitor::of(request.uri(), request.headers());
        if let Some(refused) = website.refused(&request) {
            return Box::pin(async move { Ok(finished(&*website, &visitor, refused)) });
        }
        let visit = Visit::of(request.method(), request.uri());
        // Shared state is whole after a panic: what a lock guards is replaced in one step.
        let answering = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        Box::pin(async move {
            let response = match answering.await {
                Ok(answer) => answer?,
                Err(panic) => {
                    log_panic(&*panic);
                    website.panicked()
                }
            };
            let redirect = visit.and_then(|visit| visit.redirect(response.status(), website.page_paths()));
            Ok(finished(&*website, &visitor, redirect.unwrap_or(response)))
        })
    }
}

fn finished(website: &impl Website, visitor: &Visitor, response: Response) -> Response {
    let mut response = website.complete(visitor, response);
    if let Some(headers) = website.security_headers(visitor, &response) {
        headers.set(&mut response);
    }
    response
}

fn log_panic(panic: &(dyn Any + Send)) {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(
        event = "request.panicked",
        panic = text.unwrap_or("(no text)"),
        "a fault in this program; the request was answered with 500"
    );
}
