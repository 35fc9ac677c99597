//! One connection, from its first request to its last.

use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};

use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::net::TcpStream;

use crate::{
    client_address::PeerAddress,
    connections::{ConnectionState, Connections, OpenConnection, Phase},
    guarded_stream::GuardedStream,
    handler::Handler,
    received_body,
    stop_signal::StopSignal,
};

/// How long a peer may leave sent data unacknowledged before its connection is cut.
const PEER_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest head of a request, and the most data that waits to be sent on one connection; in bytes.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// How long an idle connection may still send a request after the server was told to stop.
const LAST_REQUEST: Duration = Duration::from_secs(1);

/// In the extensions of a request that asks for another protocol: ends the connection that it may become.
#[derive(Clone)]
pub struct UpgradedConnection(Arc<ConnectionState>);

impl UpgradedConnection {
    /// Ends it at once.
    pub fn cut(&self) {
        self.0.cut();
    }
}

/// Serves one connection until the client closes it. After `stop` the request in flight is the last one; a connection
/// without a request has [`LAST_REQUEST`] to send one.
pub(crate) async fn serve_connection<H: Handler>(
    permit: OpenConnection,
    stream: TcpStream,
    peer: SocketAddr,
    handler: H,
    stop: StopSignal,
) {
    // A socket for IPv6 and IPv4 shows addresses of IPv4 as `::ffff:10.0.0.7`.
    let peer_address = PeerAddress(SocketAddr::new(peer.ip().to_canonical(), peer.port()));
    if let Err(error) = set_options(&stream) {
        tracing::debug!(%error, "an option of a connection was refused");
    }
    let (connections, state) = (Arc::clone(permit.connections()), Arc::clone(permit.state()));
    let stream = GuardedStream::new(stream, permit);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(connections.limits().keep_alive).max_buf_size(MAX_HEAD_BYTES);
    // Answers are small: to copy one into a buffer costs less than to pass the system a list of its parts.
    http.writev(false);
    let exchange = Exchange {
        handler,
        connections,
        state: Arc::clone(&state),
        peer_address,
        is_stopping: Arc::clone(&stop.begun),
    };
    let service = service_fn(move |request| exchange.clone().answer(request));
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let mut time_to_close = pin!(async {
        stop.told.cancelled().await;
        // hyper closes a connection without a request at once, but a request may be on its way.
        tokio::time::sleep(LAST_REQUEST).await;
    });
    let mut cut = pin!(state.until_cut());
    let mut wakers_are_set = false;
    let served = poll_fn(|context| {
        if let Poll::Ready(served) = connection.as_mut().poll(context) {
            return Poll::Ready(Some(served));
        }
        // After one poll both futures wake this task when they are due. To poll them for each request would take their
        // locks each time.
        if wakers_are_set && !stop.has_begun() && !state.is_cut() {
            return Poll::Pending;
        }
        wakers_are_set = true;
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
        // An operator can't do anything about a client that goes away early.
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Sends answers at once (without Nagle's algorithm), and cuts a peer that acknowledges nothing.
fn set_options(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_user_timeout(Some(PEER_TIMEOUT))
}

/// What each request of one connection needs.
#[derive(Clone)]
struct Exchange<H> {
    handler: H,
    connections: Arc<Connections>,
    state: Arc<ConnectionState>,
    peer_address: PeerAddress,
    is_stopping: Arc<AtomicBool>,
}

impl<H: Handler> Exchange<H> {
    async fn answer(self, request: Request<Incoming>) -> Result<Response<H::Body>, Infallible> {
        let mut request = received_body::request(request, &self.connections, &self.state);
        request.extensions_mut().insert(self.peer_address);
        if request.headers().contains_key(header::UPGRADE) {
            request.extensions_mut().insert(UpgradedConnection(Arc::clone(&self.state)));
        }
        let mut answer = self.handler.answer(request).await;
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            self.state.enter(Phase::Upgraded);
            return Ok(answer);
        }
        self.state.enter(Phase::Head);
        if self.is_stopping.load(Ordering::Acquire) {
            // The client is told, and hyper closes the connection behind it.
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(answer)
    }
}
