//! Serving HTTP until it is time to stop, and stopping without dropping a request.

use std::{io, net::SocketAddr, time::Duration};

use axum::{Router, serve::ListenerExt};
use socket2::SockRef;
use tokio::{net::TcpListener, signal};
use tokio_util::sync::CancellationToken;

/// How long requests in flight may take to finish once the service is told to stop.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a peer may leave what was sent to it unacknowledged before its connection is cut.
const PEER_TIMEOUT: Duration = Duration::from_secs(30);

/// A token that is cancelled by Ctrl-C or SIGTERM. Must be called within a Tokio runtime.
pub fn shutdown_signal() -> io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let stop = token.clone();
    let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())?;
    let mut interrupt = signal::unix::signal(signal::unix::SignalKind::interrupt())?;
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "stopping: no new requests, those in flight are finished");
        stop.cancel();
    });
    Ok(token)
}

/// Binds an address; the error names it.
pub async fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(addr).await.map_err(|error| io::Error::new(error.kind(), format!("{addr}: {error}")))
}

/// Serves until `shutdown` is cancelled and the requests in flight are finished, or [`DRAIN_TIMEOUT`] is over.
///
/// WebSockets are not waited for: whoever opened them must close them on the same token.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) -> io::Result<()> {
    let listener = listener.tap_io(|stream| {
        // Answers are small and people wait for them: never let Nagle's algorithm hold one back.
        let set =
            stream.set_nodelay(true).and_then(|()| SockRef::from(&*stream).set_tcp_user_timeout(Some(PEER_TIMEOUT)));
        if let Err(error) = set {
            tracing::debug!(%error, "an option of a connection was refused");
        }
    });
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let overdue = async {
        shutdown.cancelled().await;
        tokio::time::sleep(DRAIN_TIMEOUT).await;
    };
    tokio::select! {
        served = serving => served,
        () = overdue => {
            tracing::warn!(drain.timeout.ms = DRAIN_TIMEOUT.as_millis(), "some connections were still open and are cut");
            Ok(())
        }
    }
}
