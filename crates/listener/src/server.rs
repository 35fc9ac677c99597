//! Accepts connections until the program stops, and stops without dropping a request.
//!
//! Built on hyper's connections rather than on `axum::serve`, which limits neither the number of connections nor the
//! time that a client may take for a request.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    closing::close,
    connection::serve_connection,
    connections::{Connections, OpenConnection},
    handler::Handler,
    stop_signal::StopSignal,
};

/// The pause after the system failed to accept a connection, for example without free file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Serves until `shutdown` is cancelled and the requests in flight are finished, or [`drain`](crate::Limits::drain) is
/// over.
///
/// All listeners of a process share the same `connections`. The handler finds the client's address as
/// [`PeerAddress`](crate::PeerAddress) in a request's extensions. `serve` waits for WebSockets as for requests: the
/// handler that opened one must close it on the same token.
pub async fn serve(
    listener: TcpListener,
    handler: impl Handler,
    connections: &Arc<Connections>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let tasks = TaskTracker::new();
    let stop = StopSignal::default();
    while let Some((stream, peer, permit)) = next(&listener, connections, &shutdown).await {
        tasks.spawn(serve_connection(permit, stream, peer, handler.clone(), stop.clone()));
    }
    stop.begin();
    close(listener, |stream, peer| {
        let permit = connections.last_permit(peer.ip());
        tasks.spawn(serve_connection(permit, stream, peer, handler.clone(), stop.clone()));
    })
    .await?;
    tasks.close();
    if tokio::time::timeout(connections.limits().drain, tasks.wait()).await.is_err() {
        tracing::warn!(connections = tasks.len(), "connections that were still open are cut");
    }
    Ok(())
}

/// The next connection, as soon as there is a permit for it; `None` when the server stops.
async fn next(
    listener: &TcpListener,
    connections: &Arc<Connections>,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, OpenConnection)> {
    let (stream, peer) = tokio::select! {
        () = shutdown.cancelled() => return None,
        accepted = accept(listener) => accepted,
    };
    // The connection is established, so it is served, even if the server stops before a permit is free.
    let permit = tokio::select! {
        permit = connections.permit(peer.ip()) => permit,
        () = shutdown.cancelled() => connections.last_permit(peer.ip()),
    };
    Some((stream, peer, permit))
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
