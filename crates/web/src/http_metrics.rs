//! Counts and times requests by route, and opens the span of each request for traces.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::LazyLock,
    task::{Context, Poll},
    time::Instant,
};

use axum::{
    extract::{MatchedPath, Request},
    response::{IntoResponse, Response},
};
use http::{Method, StatusCode};
use metrics::{Counter, Histogram};
use parking_lot::RwLock;
use tower::{Layer, Service};
use tracing::Instrument;

use program::traces;

/// The route of an unknown address.
const NO_ROUTE: &str = "none";

/// The series of each route, by method and status. They are cached, because building their names costs more than
/// counting a request.
static ROUTES: LazyLock<RwLock<HashMap<String, HashMap<Kind, Series>>>> = LazyLock::new(RwLock::default);

type Kind = (&'static str, StatusCode);

#[derive(Clone)]
struct Series {
    requests: Counter,
    duration_seconds: Histogram,
}

/// Layer that counts and times requests by method, route and status.
///
/// The route is the matched pattern (`/p/{poll}`), never the path, and methods that HTTP does not know are `other`,
/// so that the number of series is bounded whatever clients send. Metrics must have started before the first request.
///
/// A service of its own type rather than `middleware::from_fn`, which copies the inner service for each request.
#[derive(Clone, Copy, Debug)]
pub struct Observe;

/// A service whose requests are counted.
#[derive(Clone, Debug)]
pub struct Observed<S>(S);

impl<S> Layer<S> for Observe {
    type Service = Observed<S>;
    fn layer(&self, inner: S) -> Observed<S> {
        Observed(inner)
    }
}

impl<S> Service<Request> for Observed<S>
where
    S: Service<Request, Response: IntoResponse, Future: Send + 'static>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let begun = Instant::now();
        let path = request.extensions().get::<MatchedPath>().cloned();
        let method = known(request.method());
        let span = traces::of_request(&request, method, path.as_ref().map_or(NO_ROUTE, MatchedPath::as_str));
        let answering = self.0.call(request);
        Box::pin(async move {
            let response =
                if span.is_disabled() { answering.await? } else { answering.instrument(span.clone()).await? };
            let response = response.into_response();
            span.record("http.response.status_code", response.status().as_u16());
            let series = series(path.as_ref().map_or(NO_ROUTE, MatchedPath::as_str), (method, response.status()));
            series.requests.increment(1);
            series.duration_seconds.record(begun.elapsed());
            Ok(response)
        })
    }
}

fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PATCH" => "PATCH",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

fn series(route: &str, kind: Kind) -> Series {
    let known = ROUTES.read();
    if let Some(series) = known.get(route).and_then(|kinds| kinds.get(&kind)) {
        return series.clone();
    }
    drop(known);
    let (method, status) = kind;
    let labels = [("method", method.to_owned()), ("route", route.to_owned()), ("status", status.as_u16().to_string())];
    let series = Series {
        requests: metrics::counter!("scrutin_http_requests_total", &labels),
        duration_seconds: metrics::histogram!("scrutin_http_request_duration_seconds", &labels[..2]),
    };
    let mut routes = ROUTES.write();
    routes.entry(route.to_owned()).or_default().insert(kind, series.clone());
    series
}
