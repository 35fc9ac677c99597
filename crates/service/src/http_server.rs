//! Serving HTTP until it is time to stop, and stopping without dropping a request.
//!
//! Built on hyper-util's connections rather than `axum::serve`, which puts no limit on how many connections there
//! are, nor on how long one may take to say what it wants.

use std::{
    convert::Infallible,
    future::{self, Future, poll_fn},
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
};
use http::{HeaderValue, StatusCode, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{SockFilter, SockRef};
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
/// When it is time to stop, no connection is on its way any more once none has come for so long; or if they still come after
/// [`ARRIVALS_AT_MOST`].
const ARRIVALS_OVER: Duration = Duration::from_millis(200);
const ARRIVALS_AT_MOST: Duration = Duration::from_secs(2);
/// How long a connection that asks for nothing may still ask when it is time to stop.
const LAST_REQUEST: Duration = Duration::from_secs(1);
/// The pause after the system refused a connection, as it does when there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// A token that is cancelled by Ctrl-C, SIGTERM, or SIGHUP, which a terminal that is closed sends. Must be called within a
/// Tokio runtime.
///
/// A program that was started to outlive its terminal (`nohup`) goes on. SIGQUIT is left to end one that hangs.
pub fn shutdown_signal() -> io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let stop = token.clone();
    let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())?;
    let mut interrupt = signal::unix::signal(signal::unix::SignalKind::interrupt())?;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let hangup = (!ignores_hangup(&status)).then(|| signal::unix::signal(signal::unix::SignalKind::hangup()));
    let mut hangup = hangup.transpose()?;
    tokio::spawn(async move {
        let hung_up = async {
            match &mut hangup {
                Some(hangup) => hangup.recv().await,
                None => future::pending().await,
            }
        };
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
            _ = hung_up => "SIGHUP",
        };
        tracing::info!(signal = name, "stopping: no new requests, those in flight are finished");
        stop.cancel();
    });
    Ok(token)
}

/// Whether whoever started this process told it to ignore SIGHUP, which is the lowest bit of `SigIgn` in its status.
fn ignores_hangup(status: &str) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).is_some_and(|bits| bits & 1 == 1)
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
    let stop = Stop { begun: Arc::default(), told: CancellationToken::new() };
    while let Some((stream, peer, place)) = next(&listener, &places, &shutdown).await {
        let (router, stop) = (router.clone(), stop.clone());
        connections.spawn(async move {
            converse(limits, stream, peer, router, stop).await;
            drop(place);
        });
    }
    stop.begin();
    close(listener, |stream, peer| {
        connections.spawn(converse(limits, stream, peer, router.clone(), stop.clone()));
    })
    .await?;
    connections.close();
    if tokio::time::timeout(limits.drain, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "some connections were still open and are cut");
    }
    Ok(())
}

/// Whether it is time to stop, as connections see it.
#[derive(Clone)]
struct Stop {
    /// For every request to look at: a token takes a lock, and it would be the same one for all.
    begun: Arc<AtomicBool>,
    /// Cancelled after that, to wake the connections that wait for a request.
    told: CancellationToken,
}

impl Stop {
    fn begin(&self) {
        self.begun.store(true, Ordering::Release);
        self.told.cancel();
    }

    fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }
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

/// Closes the listener without losing anybody who is connected already as far as they know: the system completes a
/// connection and takes a request for it before it is accepted here, and resets those that are in its queue when the
/// listener is closed. So it begins no new ones, and is closed once all that had begun were taken.
async fn close(listener: TcpListener, mut take: impl FnMut(TcpStream, SocketAddr)) -> io::Result<()> {
    if let Err(error) = SockRef::from(&listener).attach_filter(&no_new_connections()) {
        tracing::debug!(%error, "new connections can not be held off while the listener is closed");
    }
    let until = Instant::now() + ARRIVALS_AT_MOST;
    while Instant::now() < until {
        let Ok(Ok((stream, peer))) = tokio::time::timeout(ARRIVALS_OVER, listener.accept()).await else { break };
        take(stream, peer);
    }
    // The system itself is asked last, since the runtime may not have heard of some yet; it answers at once, with an error
    // where nobody waits.
    let listener = listener.into_std()?;
    while let Ok((stream, peer)) = listener.accept() {
        stream.set_nonblocking(true)?;
        take(TcpStream::from_std(stream)?, peer);
    }
    Ok(())
}

/// A filter for a listening socket, as a classic BPF program: drops every packet that asks for a connection (SYN without
/// ACK, RFC 9293, section 3.1), and lets those pass that complete one. Whoever asks tries again a second later.
fn no_new_connections() -> [SockFilter; 5] {
    const LOAD_BYTE: u16 = 0x30;
    const AND: u16 = 0x54;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const FLAGS_AT: u32 = 13;
    const SYN: u32 = 0x02;
    const ACK: u32 = 0x10;
    [
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS_AT),
        SockFilter::new(AND, 0, 0, SYN | ACK),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ]
}

/// Serves one connection to its end. When it is time to stop, the request in flight is the last, or, where there is none,
/// one that comes within a moment.
async fn converse(limits: Limits, stream: TcpStream, peer: SocketAddr, router: Router, stop: Stop) {
    // Answers are small and people wait for them: never let Nagle's algorithm hold one back.
    let set = stream.set_nodelay(true).and_then(|()| SockRef::from(&stream).set_tcp_user_timeout(Some(PEER_TIMEOUT)));
    if let Err(error) = set {
        tracing::debug!(%error, "an option of a connection was refused");
    }
    let stopping = stop.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let stopping = Arc::clone(&stopping.begun);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = router.clone().oneshot(request);
        async move {
            let mut answer = answer.await.unwrap_or_else(|never| match never {});
            if stopping.load(Ordering::Acquire) && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
                // The client is told, and hyper closes the connection behind it.
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let mut http = http1::Builder::new();
    // Answers are small: to copy one into a piece costs less than to hand the system a list of its parts.
    http.timer(TokioTimer::new()).header_read_timeout(limits.head).writev(false);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let mut time_to_close = pin!(async {
        stop.told.cancelled().await;
        // hyper would close a connection without a request at once, though one may be on its way: so there is a moment for it.
        tokio::time::sleep(LAST_REQUEST).await;
    });
    let mut waits_to_be_told = false;
    let served = poll_fn(|context| {
        if let Poll::Ready(served) = connection.as_mut().poll(context) {
            return Poll::Ready(Some(served));
        }
        // Once asked, the token wakes this task when it is time; to ask it each time a request comes or goes would be to
        // take its lock as often.
        if waits_to_be_told && !stop.has_begun() {
            return Poll::Pending;
        }
        waits_to_be_told = true;
        time_to_close.as_mut().poll(context).map(|()| None)
    })
    .await;
    let served = if let Some(served) = served {
        served
    } else {
        connection.as_mut().graceful_shutdown();
        connection.await
    };
    if let Err(error) = served {
        // A client that goes away in the middle is nothing that an operator could mend.
        tracing::debug!(%error, "a connection ended early");
    }
}
