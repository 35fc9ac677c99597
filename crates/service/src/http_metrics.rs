//! Rate, errors and duration of each route; and a span of each request, where traces are sent.

use std::{
    collections::HashMap,
    sync::{LazyLock, PoisonError, RwLock},
    time::Instant,
};

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use http::{Method, StatusCode};
use metrics::{Counter, Histogram};
use tracing::{Instrument, Span};

use crate::traces;

/// The series of each route, by method and status. They are kept, because to make their names anew for each
/// request costs more than to count it.
static ROUTES: LazyLock<RwLock<HashMap<String, HashMap<Kind, Series>>>> = LazyLock::new(RwLock::default);

type Kind = (&'static str, StatusCode);

#[derive(Clone)]
struct Series {
    requests: Counter,
    duration_seconds: Histogram,
}

/// Middleware that counts and times requests by method, route and status.
///
/// The route is the matched pattern (`/p/{poll}`), never the path, and methods that HTTP does not know are `other`,
/// so that the number of series is bounded whatever clients send. Metrics must have begun before the first request.
pub async fn observe(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let method = known(request.method());
    let route = path.as_ref().map_or("none", MatchedPath::as_str);
    let span = traces::of_request(&request, method, route);
    let response = if span.is_disabled() { next.run(request).await } else { traced(span, request, next).await };
    let series = series(route, (method, response.status()));
    series.requests.increment(1);
    series.duration_seconds.record(begun.elapsed());
    response
}

async fn traced(span: Span, request: Request, next: Next) -> Response {
    let response = next.run(request).instrument(span.clone()).await;
    span.record("http.response.status_code", response.status().as_u16());
    response
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
    let known = ROUTES.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(series) = known.get(route).and_then(|kinds| kinds.get(&kind)) {
        return series.clone();
    }
    drop(known);
    let (method, status) = kind;
    let labels = [("method", method.to_owned()), ("route", route.to_owned()), ("status", status.as_u16().to_string())];
    let series = Series {
        requests: metrics::counter!("http_requests_total", &labels),
        duration_seconds: metrics::histogram!("http_request_duration_seconds", &labels[..2]),
    };
    let mut routes = ROUTES.write().unwrap_or_else(PoisonError::into_inner);
    routes.entry(route.to_owned()).or_default().insert(kind, series.clone());
    series
}
