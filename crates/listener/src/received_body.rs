//! The body of a request while it is received. The connection's phase says whether client or server is waiting, so that
//! no connection is cut whose client waits. A body that stalls ends with an error.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::Request;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::Sleep;
use tower::BoxError;

use crate::{
    connections::{ConnectionState, Connections, Phase},
    guarded_stream::{cut, is_overdue},
};

/// The request as the handler gets it. From now on the connection is in [`Phase::Request`].
pub(crate) fn request(
    request: Request<Incoming>,
    connections: &Arc<Connections>,
    state: &Arc<ConnectionState>,
) -> Request<ReceivedBody> {
    state.enter(Phase::Request);
    if request.body().is_end_stream() {
        connections.received(state);
    } else {
        connections.waits_for_client(state);
    }
    let (connections, state) = (Arc::clone(connections), Arc::clone(state));
    request.map(|incoming| ReceivedBody { incoming, connections, state, is_due: None })
}

/// The body of a request. It ends with an error if its client sends nothing of it for [`Limits::stall`].
///
/// [`Limits::stall`]: crate::Limits::stall
pub struct ReceivedBody {
    incoming: Incoming,
    connections: Arc<Connections>,
    state: Arc<ConnectionState>,
    is_due: Option<Pin<Box<Sleep>>>,
}

impl Body for ReceivedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let Poll::Ready(frame) = Pin::new(&mut this.incoming).poll_frame(context) else {
            let stalls = is_overdue(&mut this.is_due, this.connections.limits().stall, context);
            return if stalls { Poll::Ready(Some(Err(cut("body").into()))) } else { Poll::Pending };
        };
        this.is_due = None;
        if frame.is_none() || this.incoming.is_end_stream() {
            this.connections.received(&this.state);
        } else {
            this.connections.waits_for_client(&this.state);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::post};
    use testkit::wait;
    use tokio::{io::AsyncWriteExt, net::TcpStream, sync::Notify};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{Limits, TrustedProxies, bind, connections::LARGE_BYTES, serve};

    #[tokio::test]
    async fn a_complete_long_message_is_not_on_its_way_any_more() {
        let connections = Connections::new(Limits { connections: 4, ..Limits::default() }, TrustedProxies::default());
        let (begun, listener) = (Arc::new(Notify::new()), bind("127.0.0.1:0".parse().unwrap()).await.unwrap());
        let (addr, tell) = (listener.local_addr().unwrap(), Arc::clone(&begun));
        let slow = move |_: Bytes| {
            tell.notify_one();
            std::future::pending::<()>()
        };
        let (router, served) = (Router::new().route("/", post(slow)), Arc::clone(&connections));
        tokio::spawn(async move { serve(listener, router, &served, CancellationToken::new()).await });
        let half = vec![b'x'; LARGE_BYTES + 1];
        let mut client = TcpStream::connect(addr).await.unwrap();
        let head = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", 2 * half.len());
        client.write_all(head.as_bytes()).await.unwrap();
        client.write_all(&half).await.unwrap();
        wait::until_true("half of the message", || async { connections.large_messages() == 1 }).await;
        client.write_all(&half).await.unwrap();
        begun.notified().await;
        assert_eq!(connections.large_messages(), 0, "its answer takes a while");
    }
}
