//! The client's address of a request: the peer's, unless the peer is a proxy that the operator trusts.
//!
//! Each proxy appends the address of its own peer to `X-Forwarded-For`, and a client can write anything before that. So
//! only as many entries count, from the right, as there are trusted proxies in a row; by default none.
//!
//! It is used only for limits. It identifies nobody, and is neither stored nor logged.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use http::{Extensions, HeaderMap, Request, request::Parts};
use ipnet::IpNet;

/// The header to which each proxy appends the address of its peer.
const FORWARDED_FOR: &str = "x-forwarded-for";
/// The most trusted proxies in a row.
const MAX_HOPS: usize = 8;

/// In the extensions of each request of [`crate::serve`]: the peer's address, which may be a proxy's. An IPv4 address
/// is never in its IPv6 form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// A network of addresses: `10.0.0.0/8`, `fd00::/8`, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

/// Not a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an address such as 10.0.0.7 or a network such as 10.0.0.0/8 is needed")]
pub struct NetworkError;

impl Network {
    /// Whether the address is one of this network's.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = NetworkError;
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let text = text.trim();
        let network = text.parse().or_else(|_| text.parse().map(|address: IpAddr| address.into()));
        network.map(Self).map_err(|_| NetworkError)
    }
}

/// The proxies before a service that are believed about who asked.
#[derive(Clone, Debug, clap::Args)]
pub struct TrustedProxies {
    /// Proxies whose `X-Forwarded-For` is believed, as addresses or networks such as `10.0.0.0/8`, separated by commas;
    /// only for limits: on guessing, on connections and on screens
    #[arg(long, env = "TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<Network>,
    /// How many of these stand in a row before this service, each adding one address; more is never believed
    #[arg(long, env = "TRUSTED_HOPS", default_value_t = 1, value_parser = hops)]
    pub trusted_hops: usize,
}

/// None.
impl Default for TrustedProxies {
    fn default() -> Self {
        Self { trusted_proxies: Vec::new(), trusted_hops: 1 }
    }
}

impl TrustedProxies {
    /// Whether this is the address of one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(address))
    }

    /// The client's address: `peer`, or, where that is one of these, what it has added to `X-Forwarded-For`; and so on
    /// for as many proxies as stand in a row.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.contains(client) {
            return client;
        }
        let lines = headers.get_all(FORWARDED_FOR).iter().rev().filter_map(|line| line.to_str().ok());
        for hop in lines.flat_map(|line| line.rsplit(',')).take(self.trusted_hops) {
            let Some(hop) = self.contains(client).then(|| forwarded_address(hop.trim())).flatten() else { break };
            client = hop.to_canonical();
        }
        client
    }

    /// The client's address of a request that came over [`crate::serve`].
    pub fn client_of(&self, parts: &Parts) -> IpAddr {
        self.client(peer(&parts.extensions), &parts.headers)
    }

    /// The same for a whole request.
    pub fn client_of_request<B>(&self, request: &Request<B>) -> IpAddr {
        self.client(peer(request.extensions()), request.headers())
    }
}

fn peer(extensions: &Extensions) -> IpAddr {
    extensions.get::<PeerAddress>().map_or(NO_PEER, |PeerAddress(peer)| peer.ip())
}

/// An address as proxies write it: some add the port, and then put brackets around an address of IPv6.
fn forwarded_address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse().ok().map(|with_port: SocketAddr| with_port.ip()))
}

/// Reads `TRUSTED_HOPS`.
fn hops(text: &str) -> Result<usize, HopsError> {
    text.parse().ok().filter(|hops| (1..=MAX_HOPS).contains(hops)).ok_or(HopsError)
}

/// Not a number of proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a number of proxies from 1 to {MAX_HOPS} is needed")]
struct HopsError;

/// The unit of limits: one IPv4 address, or the network of 64 bits that one IPv6 subscriber has.
pub fn limited_together(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

/// The address of an unknown peer: of a request that did not come over a connection.
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

    fn trusting(network: &str, hops: usize) -> TrustedProxies {
        TrustedProxies { trusted_proxies: vec![network.parse().unwrap()], trusted_hops: hops }
    }

    #[test]
    fn only_the_hop_of_a_trusted_proxy_counts() {
        let trusted = trusting("10.0.0.0/8", 1);
        let client = |peer, lines: &[&str]| trusted.client(ip(peer), &forwarded(lines));
        assert_eq!(client("8.8.8.8", &["1.2.3.4"]), ip("8.8.8.8"), "anybody can write the header");
        assert_eq!(client("10.0.0.1", &["6.6.6.6, 1.2.3.4"]), ip("1.2.3.4"), "what stands before is hearsay");
        assert_eq!(client("10.0.0.1", &["6.6.6.6", "1.2.3.4"]), ip("1.2.3.4"));
        assert_eq!(client("10.0.0.1", &[]), ip("10.0.0.1"));
        assert_eq!(client("10.0.0.1", &["1.2.3.4, nonsense"]), ip("10.0.0.1"));
        assert_eq!(TrustedProxies::default().client(ip("10.0.0.1"), &forwarded(&["1.2.3.4"])), ip("10.0.0.1"));
    }

    #[test]
    fn a_client_inside_a_trusted_network_can_not_forge_its_address() {
        let forged = forwarded(&["6.6.6.6, 10.0.0.9"]);
        assert_eq!(trusting("10.0.0.0/8", 1).client(ip("10.0.0.1"), &forged), ip("10.0.0.9"));
        assert_eq!(
            trusting("10.0.0.0/8", 2).client(ip("10.0.0.1"), &forwarded(&["6.6.6.6", "1.2.3.4, 10.0.0.2"])),
            ip("1.2.3.4")
        );
        assert_eq!(trusting("10.0.0.1", 2).client(ip("10.0.0.1"), &forwarded(&["6.6.6.6, 1.2.3.4"])), ip("1.2.3.4"));
    }

    #[test]
    fn an_address_with_its_port_is_read() {
        for text in ["1.2.3.4", "1.2.3.4:5678", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:443"] {
            let read = trusting("10.0.0.1", 1).client(ip("10.0.0.1"), &forwarded(&[text]));
            assert_eq!(read, if text.contains("db8") { ip("2001:db8::1") } else { ip("1.2.3.4") }, "{text}");
        }
    }

    #[test]
    fn the_number_of_proxies_is_one_or_some() {
        assert_eq!((hops("1"), hops("8")), (Ok(1), Ok(8)));
        for bad in ["0", "9", "", "-1", "one"] {
            assert_eq!(hops(bad), Err(HopsError), "{bad:?}");
        }
    }

    #[test]
    fn one_ipv6_subscriber_is_limited_as_one() {
        assert_eq!(limited_together(ip("2001:db8:1:2:3::4")), limited_together(ip("2001:db8:1:2:ffff::1")));
        assert_ne!(limited_together(ip("2001:db8:1:2::1")), limited_together(ip("2001:db8:1:3::1")));
        assert_eq!(limited_together(ip("::ffff:1.2.3.4")), ip("1.2.3.4"));
    }
}
