//! How many viewers there may be. Each Engine.IO session holds one place from its handshake until it is gone,
//! whatever transport it uses.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use service::problem::Problem;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::screens::Viewer;

/// After how many seconds a viewer who was turned away should try again.
const RETRY_AFTER_SECONDS: u32 = 10;

/// The places there are.
#[derive(Clone)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    closed: CancellationToken,
}

/// One viewer's place; free again when this is dropped.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Places {
    /// `count` places, until `closed` is cancelled.
    pub(crate) fn new(count: usize, closed: CancellationToken) -> Self {
        Self { free: Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS))), closed }
    }

    fn take(&self) -> Option<Place> {
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        metrics::gauge!("result_viewers").increment(1.0);
        Some(Place { _permit: permit })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::gauge!("result_viewers").decrement(1.0);
    }
}

/// Middleware before the Socket.IO endpoint: a request that begins a session needs a place.
///
/// The session keeps the parts of its first request as long as it lives, so the [`Viewer`] put among that request's
/// extensions is dropped exactly when the session is.
pub(crate) async fn admit(State(places): State<Places>, mut request: Request, next: Next) -> Response {
    let begins = !request.uri().query().unwrap_or_default().split('&').any(|pair| pair.starts_with("sid="));
    if !begins {
        return next.run(request).await;
    }
    if places.closed.is_cancelled() {
        return refuse("stopping", "this instance is stopping; connect again to reach another");
    }
    let Some(place) = places.take() else {
        return refuse("full", "all places are taken (MAX_VIEWERS); try again a little later");
    };
    request.extensions_mut().insert(Arc::new(Viewer::new(place)));
    next.run(request).await
}

fn refuse(reason: &'static str, detail: &str) -> Response {
    metrics::counter!("result_refused_total", "reason" => reason).increment(1);
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, reason, detail).retry_after(RETRY_AFTER_SECONDS).into_response()
}
