//! The operator's address of a service: `/livez`, `/readyz`, `/metrics`. It is never published.

use std::{
    convert::Infallible,
    future::Future,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

use listener::{Connections, Limits, ReceivedBody, TrustedProxies};

/// Connections of the operator's address at once.
const MAX_CONNECTIONS: usize = 64;
/// The longest a health check may take before it counts as failed.
const HEALTHCHECK_TIMEOUT: Duration = Duration::from_secs(3);

/// Asks a service's own dependencies whether they answer; the error says which does not, and why.
pub type Readiness = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// Makes a [`Readiness`] of an async function.
pub fn readiness<F, Fut>(check: F) -> Readiness
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), String>> + Send + 'static,
{
    Arc::new(move || Box::pin(check()))
}

#[derive(Clone)]
struct Admin {
    readiness: Readiness,
    metrics: PrometheusHandle,
    shutdown: CancellationToken,
}

/// Serves the operator's address until the program ends. Once `shutdown` is cancelled `/readyz` says no, so that a
/// balancer sends no more requests.
pub fn spawn(listener: TcpListener, readiness: Readiness, metrics: PrometheusHandle, shutdown: CancellationToken) {
    let admin = Admin { readiness, metrics, shutdown };
    let handler = tower::service_fn(move |request: Request<ReceivedBody>| {
        let admin = admin.clone();
        async move { Ok::<_, Infallible>(admin.answer(request.method(), request.uri().path()).await) }
    });
    let limits = Limits { connections: MAX_CONNECTIONS, ..Limits::default() };
    let connections = Connections::new(limits, TrustedProxies::default());
    tokio::spawn(async move {
        // It has connections of its own, so that it answers also when all others are in use.
        if let Err(error) = listener::serve(listener, handler, &connections, CancellationToken::new()).await {
            tracing::error!(%error, "the admin address is not served any more");
        }
    });
}

impl Admin {
    async fn answer(&self, method: &Method, path: &str) -> Response<String> {
        let (status, text) = match path {
            "/livez" | "/readyz" | "/metrics" if !matches!(*method, Method::GET | Method::HEAD) => {
                (StatusCode::METHOD_NOT_ALLOWED, String::new())
            }
            "/livez" => (StatusCode::OK, "alive\n".to_owned()),
            "/readyz" => self.ready().await,
            "/metrics" => (StatusCode::OK, self.metrics.render()),
            _ => (StatusCode::NOT_FOUND, String::new()),
        };
        let mut answer = Response::new(text);
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(header::ALLOW, HeaderValue::from_static("GET,HEAD"));
        }
        answer
    }

    async fn ready(&self) -> (StatusCode, String) {
        if self.shutdown.is_cancelled() {
            return (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n".to_owned());
        }
        match (self.readiness)().await {
            Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
            Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")),
        }
    }
}

/// The `healthcheck` command of every service: asks `/readyz` at the admin address of this machine, for
/// containers that have no shell. Success if the service is ready; else it prints the answer.
#[expect(clippy::print_stderr, reason = "the output of a command")]
pub async fn healthcheck(admin_addr: SocketAddr) -> ExitCode {
    let answer = tokio::time::timeout(HEALTHCHECK_TIMEOUT, ask(&here(admin_addr))).await;
    match answer {
        Ok(Ok(text)) if text.starts_with("HTTP/1.1 200") => ExitCode::SUCCESS,
        Ok(Ok(text)) => {
            eprintln!("{}", text.lines().last().unwrap_or("no answer"));
            ExitCode::FAILURE
        }
        Ok(Err(error)) => {
            eprintln!("{admin_addr}: {error}");
            ExitCode::FAILURE
        }
        Err(_) => {
            eprintln!("{admin_addr}: no answer within {} s", HEALTHCHECK_TIMEOUT.as_secs());
            ExitCode::FAILURE
        }
    }
}

/// The addresses on this machine of a listener on `addr`, the likeliest first: `[::]` is `0.0.0.0` on a system without
/// IPv6.
fn here(addr: SocketAddr) -> Vec<SocketAddr> {
    let (v4, v6) = (IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST));
    let ips = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => vec![v4],
        IpAddr::V6(ip) if ip.is_unspecified() => vec![v6, v4],
        ip => vec![ip],
    };
    ips.into_iter().map(|ip| SocketAddr::new(ip, addr.port())).collect()
}

/// Asks at the first of the addresses that takes a connection.
async fn ask(addrs: &[SocketAddr]) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(addrs).await?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
