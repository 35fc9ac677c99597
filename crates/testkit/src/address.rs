//! Free addresses for a test's servers.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    sync::atomic::{AtomicU16, Ordering},
};

/// Below the kernel's ephemeral ports, so that no outgoing connection takes one.
static NEXT_PORT: AtomicU16 = AtomicU16::new(10_000);

/// A loopback address for this process alone (each test runs in its own process), with a port that is free and stays
/// free while the server on it is killed and restarted.
pub fn free() -> SocketAddr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let ip = IpAddr::V4(Ipv4Addr::new(127, 64 | (high & 63), middle, low));
    loop {
        let port = NEXT_PORT.fetch_add(1, Ordering::Relaxed);
        assert!(port < 32_000, "a test does not start thousands of servers");
        let address = SocketAddr::new(ip, port);
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// A port of 127.0.0.1 that is free now, for servers that a test starts itself. Another test may take it before the
/// server has it: whoever can't rule that out must try again with another port.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("a bound listener has an address").port()
}
