//! Answers the requests of a listener: axum's `Router` does, and any `tower` service of the same shape.

use std::{convert::Infallible, future::Future};

use http::{Request, Response};
use hyper::body::Body;
use tower::{BoxError, Service, ServiceExt};

use crate::received_body::ReceivedBody;

/// Answers requests; cloned for each connection and each request.
pub trait Handler: Clone + Send + 'static {
    /// The body of its answers.
    type Body: Body<Data: Send, Error: Into<BoxError>> + Send + 'static;

    /// Answers one request. A failure is an answer too.
    fn answer(self, request: Request<ReceivedBody>) -> impl Future<Output = Response<Self::Body>> + Send;
}

impl<S, B> Handler for S
where
    S: Service<Request<ReceivedBody>, Response = Response<B>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type Body = B;

    async fn answer(self, request: Request<ReceivedBody>) -> Response<B> {
        self.oneshot(request).await.unwrap_or_else(|never| match never {})
    }
}
