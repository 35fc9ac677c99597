//! The stream below a connection's HTTP. It ends the connection if the client stalls within the head of a request, or
//! does not read its answer. hyper limits idle connections.
//!
//! A usual request sets no timer: its head arrives in one piece, and its answer is sent in one.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

use crate::{
    connections::{ConnectionState, Connections, LARGE_BYTES, OpenConnection, Phase},
    limits::Limits,
};

pub(crate) struct GuardedStream {
    stream: TcpStream,
    connections: Arc<Connections>,
    state: Arc<ConnectionState>,
    /// It also lasts for a WebSocket, which outlives the HTTP on its connection.
    _permit: OpenConnection,
    limits: Limits,
    /// Bytes received since something was sent last: those of one message.
    received: usize,
    head_is_due: Option<Pin<Box<Sleep>>>,
    reader_is_due: Option<Pin<Box<Sleep>>>,
}

impl GuardedStream {
    pub(crate) fn new(stream: TcpStream, permit: OpenConnection) -> Self {
        let (connections, state) = (Arc::clone(permit.connections()), Arc::clone(permit.state()));
        let limits = connections.limits();
        Self {
            stream,
            connections,
            state,
            _permit: permit,
            limits,
            received: 0,
            head_is_due: None,
            reader_is_due: None,
        }
    }

    /// Counts received bytes, of messages and not of WebSockets.
    fn note(&mut self, bytes: usize) {
        let before = self.received;
        self.received = before.saturating_add(bytes);
        if before <= LARGE_BYTES && self.received > LARGE_BYTES {
            self.connections.receives_large(&self.state);
        }
    }

    /// Notes that something is sent: the message before it is complete.
    fn begin_message(&mut self) {
        if self.received > LARGE_BYTES {
            self.connections.received_large(&self.state);
        }
        self.received = 0;
        self.head_is_due = None;
    }

    /// The result of sending; an error if the client has read nothing for too long.
    fn taken<T>(&mut self, context: &mut Context<'_>, sent: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if sent.is_ready() {
            self.reader_is_due = None;
            return sent;
        }
        if is_overdue(&mut self.reader_is_due, self.limits.stall, context) {
            // Otherwise the system would keep the unread data for a while.
            SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).ok();
            return Poll::Ready(Err(cut("reader")));
        }
        Poll::Pending
    }
}

/// Whether this timer has expired. The first call sets it.
pub(crate) fn is_overdue(timer: &mut Option<Pin<Box<Sleep>>>, limit: Duration, context: &mut Context<'_>) -> bool {
    timer.get_or_insert_with(|| Box::pin(sleep(limit))).as_mut().poll(context).is_ready()
}

/// The error that ends a connection that is cut, with this reason.
pub(crate) fn cut(reason: &'static str) -> io::Error {
    metrics::counter!("scrutin_http_connections_cut_total", "reason" => reason).increment(1);
    io::Error::new(io::ErrorKind::TimedOut, reason)
}

impl AsyncRead for GuardedStream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let phase = this.state.phase();
        // A part of a head is there; a whole head would be a request by now.
        if phase == Phase::Head && this.received > 0 && is_overdue(&mut this.head_is_due, this.limits.head, context) {
            return Poll::Ready(Err(cut("head")));
        }
        if phase == Phase::Upgraded && this.state.is_cut_or_wakes(context.waker()) {
            return Poll::Ready(Err(cut("upgraded")));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        if phase != Phase::Upgraded {
            this.note(buffer.filled().len() - before);
        }
        read
    }
}

impl AsyncWrite for GuardedStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.begin_message();
        let sent = Pin::new(&mut this.stream).poll_write(context, bytes);
        if sent.is_ready() && this.state.phase() == Phase::Head {
            this.connections.waits_for_client(&this.state);
        }
        this.taken(context, sent)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

impl Drop for GuardedStream {
    fn drop(&mut self) {
        self.begin_message();
    }
}
