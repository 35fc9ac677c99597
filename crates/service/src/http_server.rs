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
    extract::{ConnectInfo, Request},
};
use http::{HeaderValue, StatusCode, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{SockFilter, SockRef};
use tokio::{
    net::{TcpListener, TcpStream},
    signal,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

use crate::{
    connections::{Connections, OpenConnection, Peer, Phase},
    guarded_stream::GuardedStream,
    listener::listen,
    reach, received_body,
};

/// What one server takes upon itself.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once, idle ones and WebSockets included, on all listeners together; 20 KiB each.
    pub connections: usize,
    /// How long a client may take for the head of a request, from its first byte.
    pub head: Duration,
    /// How long a connection may wait for a request.
    pub keep_alive: Duration,
    /// How long a client may take nothing of what was sent to it.
    pub stall: Duration,
    /// How long requests in flight may take to finish once the service is told to stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 32_768,
            head: Duration::from_secs(10),
            keep_alive: Duration::from_secs(100),
            stall: Duration::from_secs(10),
            drain: Duration::from_secs(10),
        }
    }
}

/// How long a peer may leave what was sent to it unacknowledged before its connection is cut.
const PEER_TIMEOUT: Duration = Duration::from_secs(30);
/// What the system keeps of an answer that its reader does not take, in bytes; it doubles this for its own needs. A
/// page fits, and a connection over 100 ms still gets half a megabyte a second.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// The longest head of a request, in bytes, and the most that waits to be sent on one connection.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// When it is time to stop, no connection is on its way any more once none has come for so long; or if they still come after
/// [`ARRIVALS_AT_MOST`].
const ARRIVALS_OVER: Duration = Duration::from_millis(200);
const ARRIVALS_AT_MOST: Duration = Duration::from_secs(2);
/// How long a connection that asks for nothing may still ask when it is time to stop.
const LAST_REQUEST: Duration = Duration::from_secs(1);
/// The pause after the system refused a connection, as it does when there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// A token that is cancelled by Ctrl-C, SIGTERM, or SIGHUP, which a terminal that is closed sends. Must be called
/// within a Tokio runtime.
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

/// Binds an address; the error names it. `[::]` is all addresses of the machine, of IPv4 too.
#[expect(clippy::unused_async, reason = "it needs a runtime, and says so")]
pub async fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let listener = listen(addr).map_err(|error| io::Error::new(error.kind(), format!("{addr}: {error}")))?;
    // Connections inherit it. Without it the system gives each as much as its reader is slow, megabytes.
    SockRef::from(&listener).set_send_buffer_size(SEND_BUFFER_BYTES)?;
    reach::note_listener(listener.local_addr()?);
    Ok(listener)
}

/// Serves until `shutdown` is cancelled and the requests in flight are finished, or the time for that is over.
///
/// All listeners of a process are given the same `connections`. Handlers find the client's address as [`ConnectInfo`].
/// WebSockets are waited for like requests: whoever opened them must close them on the same token.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    connections: &Arc<Connections>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let tasks = TaskTracker::new();
    let stop = Stop { begun: Arc::default(), told: CancellationToken::new() };
    while let Some((stream, peer, place)) = next(&listener, connections, &shutdown).await {
        tasks.spawn(converse(place, stream, peer, router.clone(), stop.clone()));
    }
    stop.begin();
    close(listener, |stream, peer| {
        tasks.spawn(converse(connections.last_place(peer.ip()), stream, peer, router.clone(), stop.clone()));
    })
    .await?;
    tasks.close();
    if tokio::time::timeout(connections.limits().drain, tasks.wait()).await.is_err() {
        tracing::warn!(connections = tasks.len(), "some connections were still open and are cut");
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

/// The next connection, as soon as there is a place for it; `None` when it is time to stop.
async fn next(
    listener: &TcpListener,
    connections: &Arc<Connections>,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, OpenConnection)> {
    let (stream, peer) = tokio::select! {
        () = shutdown.cancelled() => return None,
        accepted = accept(listener) => accepted,
    };
    // It is in already, so it is served, also where it is time to stop before somebody else is gone.
    let place = tokio::select! {
        place = connections.place(peer.ip()) => place,
        () = shutdown.cancelled() => connections.last_place(peer.ip()),
    };
    Some((stream, peer, place))
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, pause.ms = ACCEPT_PAUSE.as_millis(), "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
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

/// Among a request's extensions where it asks for another protocol: ends the connection that it may become.
#[derive(Clone)]
pub struct UpgradedConnection(Arc<Peer>);

impl UpgradedConnection {
    /// Ends it at once.
    pub fn cut(&self) {
        self.0.cut();
    }
}

/// Serves one connection to its end. When it is time to stop, the request in flight is the last, or, where there is none,
/// one that comes within a moment.
async fn converse(place: OpenConnection, stream: TcpStream, peer: SocketAddr, router: Router, stop: Stop) {
    // A listener for both kinds of addresses shows those of IPv4 as `::ffff:10.0.0.7`.
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    // Answers are small and people wait for them: never let Nagle's algorithm hold one back.
    let set = stream.set_nodelay(true).and_then(|()| SockRef::from(&stream).set_tcp_user_timeout(Some(PEER_TIMEOUT)));
    if let Err(error) = set {
        tracing::debug!(%error, "an option of a connection was refused");
    }
    let (connections, this) = (Arc::clone(place.connections()), Arc::clone(place.peer()));
    let stream = GuardedStream::new(stream, place);
    let keep_alive = connections.limits().keep_alive;
    let stopping = Arc::clone(&stop.begun);
    let asked = Arc::clone(&this);
    let service = service_fn(move |request: Request<Incoming>| {
        let (stopping, asked) = (Arc::clone(&stopping), Arc::clone(&asked));
        let mut request = received_body::request(request, &connections, &asked);
        request.extensions_mut().insert(ConnectInfo(peer));
        if request.headers().contains_key(header::UPGRADE) {
            request.extensions_mut().insert(UpgradedConnection(Arc::clone(&asked)));
        }
        let answer = router.clone().oneshot(request);
        async move {
            let mut answer = answer.await.unwrap_or_else(|never| match never {});
            if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
                asked.enter(Phase::Upgraded);
                return Ok::<_, Infallible>(answer);
            }
            asked.enter(Phase::Head);
            if stopping.load(Ordering::Acquire) {
                // The client is told, and hyper closes the connection behind it.
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(answer)
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(keep_alive).max_buf_size(MAX_HEAD_BYTES);
    // Answers are small: to copy one into a piece costs less than to hand the system a list of its parts.
    http.writev(false);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let mut time_to_close = pin!(async {
        stop.told.cancelled().await;
        // hyper would close a connection without a request at once, though one may be on its way: so there is a moment for it.
        tokio::time::sleep(LAST_REQUEST).await;
    });
    let mut cut = pin!(this.told());
    let mut waits_to_be_told = false;
    let served = poll_fn(|context| {
        if let Poll::Ready(served) = connection.as_mut().poll(context) {
            return Poll::Ready(Some(served));
        }
        // Once asked, both wake this task when it is time; to ask them each time a request comes or goes would be to
        // take their locks as often.
        if waits_to_be_told && !stop.has_begun() && !this.is_cut() {
            return Poll::Pending;
        }
        waits_to_be_told = true;
        if cut.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Ok(())));
        }
        time_to_close.as_mut().poll(context).map(|()| None)
    })
    .await;
    let served = if let Some(served) = served {
        served
    } else {
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            served = connection => served,
            () = cut => Ok(()),
        }
    };
    if let Err(error) = served {
        // A client that goes away in the middle is nothing that an operator could mend.
        tracing::debug!(%error, "a connection ended early");
    }
}
