//! Traces as a collector gets them: `cargo nextest run -p scrutin-web --test traces`.

#![allow(clippy::unwrap_used, reason = "clippy does not see that helpers beside #[test] functions are tests")]

use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State, routing::get};
use program::traces;
use scrutin_web::http_metrics;
use tokio::net::TcpListener;
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

/// What was posted, as it came.
type Posted = Arc<Mutex<Vec<Bytes>>>;

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

fn contains(posted: &Posted, wanted: &[u8]) -> bool {
    posted.lock().unwrap().iter().any(|body| body.windows(wanted.len()).any(|part| part == wanted))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_told_to_the_collector_by_its_route_and_below_its_caller() {
    let posted = Posted::default();
    let collector = Router::new()
        .route(
            "/v1/traces",
            axum::routing::post(async |State(posted): State<Posted>, body: Bytes| posted.lock().unwrap().push(body)),
        )
        .with_state(posted.clone());
    let collector = format!("{}/v1/traces", serve(collector).await);
    let layer = traces::start("vote-under-test".into(), Some(collector)).unwrap();
    tracing_subscriber::registry().with(layer).init();

    let service = Router::new().route("/p/{poll}", get(async || "ok")).layer(http_metrics::Observe);
    let url = serve(service).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = reqwest::Client::new().get(format!("{url}/p/secret-poll"));
    let answer = request.header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01")).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "ok");
    tokio::task::spawn_blocking(traces::end).await.unwrap();

    for wanted in ["vote-under-test", "GET /p/{poll}", "http.response.status_code"] {
        assert!(contains(&posted, wanted.as_bytes()), "{wanted}");
    }
    let id: Vec<u8> = (0..16).map(|at| u8::from_str_radix(&trace[2 * at..2 * at + 2], 16).unwrap()).collect();
    assert!(contains(&posted, &id), "the caller's trace goes on");
    assert!(!contains(&posted, b"secret-poll"), "routes, never paths");
}
