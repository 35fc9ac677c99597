//! Serving HTTP until it is time to stop, and stopping without dropping a request.
//!
//! Built on hyper-util's connections rather than `axum::serve`, which puts no limit on how many connections there
//! are, nor on how long one may take to say what it wants.

use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpStream},
    signal,
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

/// What one server takes upon itself.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once, idle ones and WebSockets included. Those beyond wait in the system's queue.
    pub connections: usize,
    /// How long a client may take for the head of a request, and how long a connection may be idle between two.
    pub head: Duration,
    /// How long requests in flight may take to finish once the service is told to stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 32_768, head: Duration::from_secs(30), drain: Duration::from_secs(10) }
    }
}

/// How long a peer may leave what was sent to it unacknowledged before its connection is cut.
const PEER_TIMEOUT: Duration = Duration::from_secs(30);
/// File descriptors beside those of the connections: databases, files, the admin address.
const OTHER_FILES: u64 = 1_024;
/// How many connections are still taken from the system's queue when it is time to stop; tokio asks for a queue of as many.
const MAX_QUEUED: usize = 1_024;
/// How long a connection that has not asked for anything yet is still waited for when it is time to stop.
const FIRST_REQUEST: Duration = Duration::from_millis(500);
/// The pause after the system refused a connection, as it does when there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

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

/// Serves within the usual limits; see [`serve_within`].
///
/// Each connection is a file descriptor, and many systems start a program with no more than 1,024 of them: the program
/// takes as many as it will need, if it may have them.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) -> io::Result<()> {
    let limits = Limits::default();
    let needed = limits.connections as u64 + OTHER_FILES;
    match rlimit::increase_nofile_limit(needed) {
        Ok(files) if files < needed => {
            tracing::warn!(files.limit = files, files.needed = needed, "fewer connections than the server could hold");
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "the number of open files can not be raised"),
    }
    serve_within(limits, listener, router, shutdown).await
}

/// Serves until `shutdown` is cancelled and the requests in flight are finished, or the time for that is over.
///
/// Handlers find the client's address as [`ConnectInfo`]. WebSockets are waited for like requests: whoever opened
/// them must close them on the same token.
pub async fn serve_within(
    limits: Limits,
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(limits.connections));
    let connections = TaskTracker::new();
    while let Some((stream, peer, place)) = next(&listener, &places, &shutdown).await {
        let (router, shutdown) = (router.clone(), shutdown.clone());
        connections.spawn(async move {
            converse(limits, stream, peer, router, shutdown).await;
            drop(place);
        });
    }
    // Those in the system's queue are connected as far as they know, and may have sent a request. The system is asked
    // itself, since the runtime may not have heard of them yet; it answers at once, with an error where nobody waits.
    let listener = listener.into_std()?;
    for _ in 0..MAX_QUEUED {
        let Ok((stream, peer)) = listener.accept() else { break };
        stream.set_nonblocking(true)?;
        connections.spawn(converse(limits, TcpStream::from_std(stream)?, peer, router.clone(), shutdown.clone()));
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(limits.drain, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "some connections were still open and are cut");
    }
    Ok(())
}

/// The next connection, as soon as there is a place for one; `None` when it is time to stop.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let accepted = async {
        let place = Arc::clone(places).acquire_owned().await.expect("the semaphore is never closed");
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => return (stream, peer, place),
                Err(error) => {
                    tracing::warn!(%error, pause.ms = ACCEPT_PAUSE.as_millis(), "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => None,
        accepted = accepted => Some(accepted),
    }
}

/// Serves one connection to its end. When it is time to stop, the request in flight is the last.
async fn converse(limits: Limits, stream: TcpStream, peer: SocketAddr, router: Router, shutdown: CancellationToken) {
    // Answers are small and people wait for them: never let Nagle's algorithm hold one back.
    let set = stream.set_nodelay(true).and_then(|()| SockRef::from(&stream).set_tcp_user_timeout(Some(PEER_TIMEOUT)));
    if let Err(error) = set {
        tracing::debug!(%error, "an option of a connection was refused");
    }
    let asked = CancellationToken::new();
    let has_asked = asked.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        has_asked.cancel();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = router.clone().oneshot(request);
        async move { Ok::<_, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
    });
    let mut http = http1::Builder::new();
    // hyper's graceful shutdown closes a connection from which nothing was read yet, though its first request may be on its
    // way. So one that comes when it is time to stop already is served one request instead, and one that came just before
    // has a moment to ask.
    let last_request_only = shutdown.is_cancelled();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head).keep_alive(!last_request_only);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let time_to_close = async {
        shutdown.cancelled().await;
        // Whoever did not ask in time is closed like everybody who is idle.
        let _ = tokio::time::timeout(FIRST_REQUEST, asked.cancelled()).await;
    };
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = time_to_close, if !last_request_only => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        // A client that goes away in the middle is nothing that an operator could mend.
        tracing::debug!(%error, "a connection ended early");
    }
}
