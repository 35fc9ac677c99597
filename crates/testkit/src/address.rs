//! Addresses for a test's servers that no other test uses.

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
