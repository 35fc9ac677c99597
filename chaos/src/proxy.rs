//! A TCP proxy between a service and a server. It simulates network faults.

use std::{net::SocketAddr, time::Duration};

use testkit::address;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// The largest chunk that is forwarded at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// How the proxy behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Forwards everything.
    Pass,
    /// Delays each chunk by this time, in both directions.
    Slow(Duration),
    /// Forwards nothing but keeps connections open, like a network that drops packets.
    Frozen,
    /// Closes all connections, and accepts no new ones.
    Cut,
}

/// A running proxy. Dropping it stops the proxy.
pub(crate) struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
}

impl Proxy {
    /// Starts a proxy in front of `server`, which need not run yet.
    pub(crate) async fn start(server: SocketAddr) -> Self {
        let address = address::free();
        let listener = TcpListener::bind(address).await.expect("the address is free");
        let (mode, modes) = watch::channel(Mode::Pass);
        tokio::spawn(accept(listener, server, modes));
        Self { address, mode }
    }

    /// The address on which the proxy listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Switches to this mode, also for open connections.
    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, mut modes: watch::Receiver<Mode>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            changed = modes.changed() => if changed.is_ok() { continue } else { return },
        };
        // A client may disconnect before its connection is accepted.
        let Ok((client, _)) = accepted else { continue };
        if *modes.borrow() != Mode::Cut {
            tokio::spawn(connection(client, server, modes.clone()));
        }
    }
}

/// Forwards one connection. When one direction ends, both are closed.
async fn connection(client: TcpStream, server: SocketAddr, modes: watch::Receiver<Mode>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    if client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).is_err() {
        return;
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut cut = modes.clone();
    tokio::select! {
        () = pass(from_client, to_server, modes.clone()) => {}
        () = pass(from_server, to_client, modes) => {}
        // An error means that the proxy was dropped, which also cuts the connection.
        _ = cut.wait_for(|mode| *mode == Mode::Cut) => {}
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut modes: watch::Receiver<Mode>) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        if modes.wait_for(|mode| *mode != Mode::Frozen).await.is_err() {
            return;
        }
        let mode = *modes.borrow();
        if let Mode::Slow(delay) = mode {
            tokio::time::sleep(delay).await;
        }
        if to.write_all(&chunk[..length]).await.is_err() {
            return;
        }
    }
}
