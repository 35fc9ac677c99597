//! An address that can switch to another server at any time, as after a failover.

use std::net::SocketAddr;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// One address on 127.0.0.1; dropping it closes the address.
pub struct MovingAddress {
    address: SocketAddr,
    target: watch::Sender<u16>,
}

impl MovingAddress {
    /// An address that first leads to this port.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn start(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (target, targets) = watch::channel(port);
        tokio::spawn(accept(listener, targets));
        Self { address, target }
    }

    /// The address in the form of `REDIS_URL`.
    pub fn redis_url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Leads to this port from now on. Closes existing connections.
    pub fn lead_to(&self, port: u16) {
        self.target.send_replace(port);
    }
}

async fn accept(listener: TcpListener, mut targets: watch::Receiver<u16>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            changed = targets.changed() => if changed.is_ok() { continue } else { return },
        };
        // A connection that ended before it was accepted does not matter.
        let Ok((mut near, _)) = accepted else { continue };
        let mut moves = targets.clone();
        let port = *moves.borrow_and_update();
        tokio::spawn(async move {
            let Ok(mut far) = TcpStream::connect(("127.0.0.1", port)).await else { return };
            tokio::select! {
                _ = copy_bidirectional(&mut near, &mut far) => {}
                _ = moves.changed() => {} // both ends are closed
            }
        });
    }
}
