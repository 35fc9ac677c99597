//! Refuses posts from pages of other sites, and turns a panic below into a page or a problem.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use program::settings::PublicUrl;
use tower::{Layer, Service};
use web::poll_address::Visit;

use super::{kinds::Refusal, same_site::is_same_site};
use crate::app::{App, Visitor};

/// The pages that an address may be meant for which somebody typed or pasted a little differently.
const PAGES: [&str; 6] =
    ["/p/{poll}", "/organise", "/organise/sign-in", "/organise/{poll}", "/organise/{poll}/edit", "/api"];

/// Layer: lets nothing through from pages of other sites, and puts words where a handler panicked.
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
        let visitor = Visitor::of(request.uri(), request.headers());
        let visit = Visit::of(request.method(), request.uri());
        let app = self.app.clone();
        if !is_same_site(request.method(), request.headers(), app.config.vote_url.as_ref().map(PublicUrl::origin)) {
            return Box::pin(async move { Ok(app.refuse_anywhere(&visitor, &Refusal::CrossSite)) });
        }
        // What a panic leaves behind of the state that handlers share is whole: see the locks there.
        let answering = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        Box::pin(async move {
            let response = match answering.await {
                Ok(answer) => answer?.into_response(),
                Err(panic) => {
                    log_panic(&*panic);
                    return Ok(app.refuse_anywhere(&visitor, &Refusal::Panicked));
                }
            };
            let redirect = visit.and_then(|visit| visit.redirect(response.status(), &PAGES));
            Ok(redirect.map_or(response, |redirect| app.with_headers(redirect)))
        })
    }
}

fn log_panic(panic: &(dyn Any + Send)) {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = text.unwrap_or("(no text)"), "a request panicked");
}

/// Answers what is no address of ours.
pub(crate) async fn no_such_page(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    app.refuse_anywhere(&visitor, &Refusal::NoSuchPage)
}

/// Answers a method that an address does not take.
pub(crate) async fn method_not_allowed(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    app.refuse_anywhere(&visitor, &Refusal::MethodNotAllowed)
}
