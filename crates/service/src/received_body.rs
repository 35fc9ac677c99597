//! Requests as they come in: who waits for whom is noted, so that no connection is cut whose client waits; and a body
//! of which nothing comes any more has an end.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    BoxError,
    body::{Body, Bytes, HttpBody},
    extract::Request,
};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::Sleep;

use crate::{
    connections::{Connections, Peer, Phase},
    guarded_stream::{cut, is_overdue},
};

/// The request as handlers get it, which from now on is being received or answered.
pub(crate) fn request(request: Request<Incoming>, connections: &Arc<Connections>, peer: &Arc<Peer>) -> Request {
    peer.enter(Phase::Request);
    if request.body().is_end_stream() {
        peer.is_busy();
        return request.map(Body::new);
    }
    connections.waits(peer);
    let (connections, peer) = (Arc::clone(connections), Arc::clone(peer));
    request.map(|incoming| Body::new(ReceivedBody { incoming, connections, peer, is_due: None }))
}

struct ReceivedBody {
    incoming: Incoming,
    connections: Arc<Connections>,
    peer: Arc<Peer>,
    is_due: Option<Pin<Box<Sleep>>>,
}

impl HttpBody for ReceivedBody {
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
            this.peer.is_busy();
        } else {
            this.connections.waits(&this.peer);
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
