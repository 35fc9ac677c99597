//! Binding an address: one socket for IPv6 and IPv4 where the system has both.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::TcpListener;

use crate::reach;

/// Connections that may wait in the system's queue; tokio's default.
const BACKLOG: i32 = 1_024;

/// The send buffer of a connection, in bytes; the system doubles it for its own needs. A page fits, and a client with a
/// round trip of 100 ms still gets half a megabyte a second.
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// Binds an address; the error names it. `[::]` is all addresses of the machine, of IPv4 too.
pub async fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let listener = listen(addr).map_err(|error| io::Error::new(error.kind(), format!("{addr}: {error}")))?;
    // Connections inherit it. Without it the system grows the buffer of a slow reader to megabytes.
    SockRef::from(&listener).set_send_buffer_size(SEND_BUFFER_BYTES)?;
    reach::note_listener(listener.local_addr()?);
    Ok(listener)
}

/// Listens on an address. `[::]` accepts IPv4 as well, also if that is not the system's default; without IPv6 it is
/// `0.0.0.0`.
fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    if addr.ip() != Ipv6Addr::UNSPECIFIED {
        return open(addr);
    }
    match open(addr) {
        Err(error) if has_no_ipv6(&error) => {
            tracing::debug!(%error, "this system has no IPv6, so only IPv4 is served");
            open(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), addr.port()))
        }
        opened => opened,
    }
}

fn open(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.ip() == Ipv6Addr::UNSPECIFIED {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// No such protocol (compiled out, or switched off at the start), or no such address (switched off for the interfaces).
fn has_no_ipv6(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(nix::libc::EAFNOSUPPORT | nix::libc::EADDRNOTAVAIL | nix::libc::EPFNOSUPPORT | nix::libc::EPROTONOSUPPORT)
    )
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn the_unspecified_address_of_ipv6_takes_ipv4_as_well() {
        let listener = listen("[::]:0".parse().unwrap()).unwrap();
        let addr = listener.local_addr().unwrap();
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, addr.port())).is_ok());
        if addr.is_ipv6() {
            assert!(TcpStream::connect((Ipv6Addr::LOCALHOST, addr.port())).is_ok());
        }
        assert!(listen(addr).is_err(), "an address that is taken is not shared");
    }

    #[test]
    fn only_a_system_without_ipv6_is_served_ipv4_alone() {
        assert!(has_no_ipv6(&io::Error::from_raw_os_error(nix::libc::EAFNOSUPPORT)));
        assert!(!has_no_ipv6(&io::Error::from_raw_os_error(nix::libc::EADDRINUSE)));
        assert!(!has_no_ipv6(&io::Error::from_raw_os_error(nix::libc::EACCES)));
    }
}
