//! From which address a request comes: the peer's, unless the peer is a proxy that the operator trusts.
//!
//! Only for limits. It says nothing about who somebody is, and is neither stored nor logged.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use axum::extract::ConnectInfo;
use http::{HeaderMap, request::Parts};

/// The header in which each proxy adds whom it heard from, at the end.
const FORWARDED_FOR: &str = "x-forwarded-for";
/// How many proxies in a row are believed; behind more the last one counts as the client.
const MAX_HOPS: usize = 8;

/// A network of addresses: `10.0.0.0/8`, `fd00::/8`, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// Not a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an address such as 10.0.0.7 or a network such as 10.0.0.0/8 is needed")]
pub struct NetworkError;

impl Network {
    /// Whether the address is one of this network's.
    pub fn contains(&self, address: IpAddr) -> bool {
        let same = |a: u128, b: u128, width: u8| {
            let shift = u32::from(width - self.bits);
            a.checked_shr(shift).unwrap_or(0) == b.checked_shr(shift).unwrap_or(0)
        };
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.trim().parse().map_err(|_| NetworkError)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(width), |bits| bits.trim().parse()).map_err(|_| NetworkError)?;
        if bits <= width { Ok(Self { address, bits }) } else { Err(NetworkError) }
    }
}

/// The client's address: `peer`, or, where that is one of `trusted`, the last address in `X-Forwarded-For` that is
/// not. What stands before it anybody could have written.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address| trusted.iter().any(|network| network.contains(address));
    let mut client = peer.to_canonical();
    let lines = headers.get_all(FORWARDED_FOR).iter().rev().filter_map(|line| line.to_str().ok());
    let mut hops = lines.flat_map(|line| line.rsplit(',')).take(MAX_HOPS);
    while is_trusted(client) {
        let Some(Ok(hop)) = hops.next().map(|hop| hop.trim().parse::<IpAddr>()) else { break };
        client = hop.to_canonical();
    }
    client
}

/// The client's address of a request that came over [`crate::http_server`].
pub fn of_request(parts: &Parts, trusted: &[Network]) -> IpAddr {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map_or(NO_PEER, |ConnectInfo(peer)| peer.ip());
    client_address(peer, &parts.headers, trusted)
}

/// What is limited together: one IPv4 address, or the network of 64 bits that one IPv6 subscriber has to themselves.
pub fn limited_together(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

/// Stands for a peer that is not known: a request that came over no connection.
const NO_PEER: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarded(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        headers
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn networks_hold_their_addresses_and_no_others() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("192.168.1.7", "192.168.1.7", "192.168.1.8"),
            ("0.0.0.0/0", "8.8.8.8", "::1"),
            ("fd00::/8", "fd12::1", "fe80::1"),
            ("::1/128", "::1", "::2"),
            ("10.0.0.0/8", "::ffff:10.1.1.1", "::10.1.1.1"),
        ] {
            let parsed: Network = network.parse().unwrap();
            assert!(parsed.contains(ip(inside)), "{network} {inside}");
            assert!(!parsed.contains(ip(outside)), "{network} {outside}");
        }
        for bad in ["", "proxy", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8"] {
            assert_eq!(bad.parse::<Network>(), Err(NetworkError), "{bad:?}");
        }
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_its_own_hop() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let client = |peer, lines: &[&str]| client_address(ip(peer), &forwarded(lines), &trusted);
        assert_eq!(client("8.8.8.8", &["1.2.3.4"]), ip("8.8.8.8"), "anybody can write the header");
        assert_eq!(client("10.0.0.1", &["6.6.6.6, 1.2.3.4"]), ip("1.2.3.4"), "what stands before is hearsay");
        assert_eq!(client("10.0.0.1", &["6.6.6.6", "1.2.3.4"]), ip("1.2.3.4"));
        assert_eq!(client("10.0.0.1", &["1.2.3.4, 10.0.0.2"]), ip("1.2.3.4"), "two proxies in a row");
        assert_eq!(client("10.0.0.1", &[]), ip("10.0.0.1"));
        assert_eq!(client("10.0.0.1", &["1.2.3.4, nonsense"]), ip("10.0.0.1"));
        assert_eq!(client_address(ip("10.0.0.1"), &forwarded(&["1.2.3.4"]), &[]), ip("10.0.0.1"));
    }

    #[test]
    fn one_ipv6_subscriber_is_limited_as_one() {
        assert_eq!(limited_together(ip("2001:db8:1:2:3::4")), limited_together(ip("2001:db8:1:2:ffff::1")));
        assert_ne!(limited_together(ip("2001:db8:1:2::1")), limited_together(ip("2001:db8:1:3::1")));
        assert_eq!(limited_together(ip("::ffff:1.2.3.4")), ip("1.2.3.4"));
    }
}
