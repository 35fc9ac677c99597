//! A TCP proxy between a service and a server, which can be told to misbehave as networks do.

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

/// How much is passed on at a time.
const CHUNK_BYTES: usize = 16 * 1024;

/// How the proxy behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Passes on everything.
    Pass,
    /// Passes on each chunk so much later, in both directions.
    Slow(Duration),
    /// Passes on nothing, and keeps connections open, as a network does that drops packets.
    Frozen,
    /// Cuts all connections, and takes no new ones.
    Cut,
}

/// One proxy. It ends with its value.
pub(crate) struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
}

impl Proxy {
    /// A proxy before `server`, which need not be there yet.
    pub(crate) async fn start(server: SocketAddr) -> Self {
        let address = address::free();
        let listener = TcpListener::bind(address).await.expect("the address is free");
        let (mode, modes) = watch::channel(Mode::Pass);
        tokio::spawn(accept(listener, server, modes));
        Self { address, mode }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Behaves like this from now on.
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
        // A connection that ended before it was accepted does not matter.
        let Ok((client, _)) = accepted else { continue };
        if *modes.borrow() != Mode::Cut {
            tokio::spawn(connection(client, server, modes.clone()));
        }
    }
}

/// One connection: whatever ends, ends both directions, as a cut cable does.
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
        // An error means that the proxy is gone, which is a cut as well.
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
