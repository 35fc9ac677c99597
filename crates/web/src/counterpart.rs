//! The address of the other service (`vote` links to the results, `result` to the voting page), and the address for QR
//! codes and paper.

use std::{convert::Infallible, net::IpAddr};

use axum::extract::FromRequestParts;
use http::{HeaderMap, request::Parts};
use listener::{
    PeerAddress,
    reach::{self, Unreachable},
};
use program::{
    origin::{self, RequestHost},
    settings::PublicUrl,
};

use crate::texts::SharedText;

/// The public address of the other service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counterpart {
    /// As configured (`VOTE_URL`, `RESULT_URL`).
    Fixed(PublicUrl),
    /// Not configured: the same host as this service, over http, at this port. So the all-in-one works under any name
    /// or address of the machine.
    Port(u16),
}

impl Counterpart {
    /// Its address for the browser that sent these headers; `None` without a usable `Host`.
    pub fn url(&self, headers: &HeaderMap) -> Option<PublicUrl> {
        match self {
            Self::Fixed(url) => Some(url.clone()),
            Self::Port(port) => Some(PublicUrl::http(&RequestHost::of(headers)?.host, *port)),
        }
    }

    /// Its address for other devices, on a page for this browser.
    pub fn invitation(&self, came_by: &CameBy) -> Option<Invitation> {
        match self {
            Self::Fixed(url) => Some(Invitation::configured(url)),
            Self::Port(port) => Some(Invitation::derived(&came_by.host.as_ref()?.host, *port, came_by.is_elsewhere)),
        }
    }
}

/// The key of the text that says why no phone reaches a page, among those that all pages share.
pub fn text_key(why: Unreachable) -> &'static str {
    let text = match why {
        Unreachable::NoNetwork => SharedText::NoNetwork,
        Unreachable::Inside => SharedText::Inside,
        Unreachable::LoopbackOnly => SharedText::LoopbackOnly,
        Unreachable::Elsewhere => SharedText::Elsewhere,
    };
    text.key()
}

/// How a browser reached a page.
pub struct CameBy {
    host: Option<RequestHost>,
    /// Whether it came over the network or from another container.
    is_elsewhere: bool,
}

impl CameBy {
    fn of(parts: &Parts) -> Self {
        let peer = parts.extensions.get::<PeerAddress>().map(|PeerAddress(peer)| peer.ip().to_canonical());
        Self { host: RequestHost::of(&parts.headers), is_elsewhere: peer.is_some_and(|peer| !peer.is_loopback()) }
    }
}

impl<S: Sync> FromRequestParts<S> for CameBy {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}

/// An address for other devices: as a link, as a QR code, on paper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The address.
    pub url: PublicUrl,
    /// Why phones don't reach it, if they don't: then it is no use as a QR code.
    pub unreachable: Option<Unreachable>,
}

impl Invitation {
    /// To this service: as configured, else as the browser reached it.
    pub fn here(configured: Option<&PublicUrl>, came_by: &CameBy) -> Option<Self> {
        match (configured, &came_by.host) {
            (Some(url), _) => Some(Self::configured(url)),
            (None, Some(asked)) => Some(Self::derived(&asked.host, asked.port.unwrap_or(80), came_by.is_elsewhere)),
            (None, None) => None,
        }
    }

    /// The operator's setting always wins.
    fn configured(url: &PublicUrl) -> Self {
        Self { url: url.clone(), unreachable: None }
    }

    /// By the name that the browser used. If only this machine knows that name, by the machine's address in a network.
    fn derived(host: &str, port: u16, is_elsewhere: bool) -> Self {
        let by_name = PublicUrl::http(host, port);
        if !origin::is_loopback(host) {
            let inside = address_of(host).is_some_and(reach::is_inside);
            return Self { url: by_name, unreachable: inside.then_some(Unreachable::Inside) };
        }
        let found = if is_elsewhere { Err(Unreachable::Elsewhere) } else { reach::addresses(port) };
        match found.map(|addresses| addresses.first().copied()) {
            Ok(Some(address)) => Self { url: PublicUrl::http(&host_of(address), port), unreachable: None },
            Ok(None) => Self { url: by_name, unreachable: Some(Unreachable::NoNetwork) },
            Err(unreachable) => Self { url: by_name, unreachable: Some(unreachable) },
        }
    }
}

/// The address that a host of a URL is, if it is no name.
fn address_of(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// The address as it stands in a URL: of IPv6 in brackets.
pub fn host_of(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

#[cfg(test)]
mod tests {
    use http::{Request, header};

    use super::*;

    fn asked_at(host: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::HOST, host.parse().unwrap())])
    }

    fn came_by(host: &str, peer: Option<&str>) -> CameBy {
        let (mut parts, ()) = Request::builder().header(header::HOST, host).body(()).unwrap().into_parts();
        if let Some(peer) = peer {
            parts.extensions.insert(PeerAddress(std::net::SocketAddr::new(peer.parse().unwrap(), 50_000)));
        }
        CameBy::of(&parts)
    }

    #[test]
    fn without_a_configured_address_it_is_the_same_host_at_the_other_port() {
        let at = |port, host| Counterpart::Port(port).url(&asked_at(host)).unwrap().to_string();
        assert_eq!(at(8081, "192.168.1.7:8080"), "http://192.168.1.7:8081");
        assert_eq!(at(8081, "[::1]:8080"), "http://[::1]:8081");
        assert_eq!(at(80, "Laptop.local"), "http://laptop.local");
        assert_eq!(at(8081, "vote.test.:80"), "http://vote.test:8081");
        assert_eq!(Counterpart::Port(8081).url(&HeaderMap::new()), None);
    }

    #[test]
    fn a_host_that_is_no_name_is_ignored() {
        for bad in ["a b", "x\"onload=", "evil;script-src *", "u@x", "", "x/y", "x,y"] {
            assert_eq!(Counterpart::Port(8081).url(&asked_at(bad)), None, "{bad:?}");
        }
    }

    #[test]
    fn the_name_that_a_browser_used_is_given_to_others_if_they_know_it() {
        for host in ["192.168.1.7:8081", "laptop.local", "[fd00::7]:8081"] {
            let invitation = Counterpart::Port(8080).invitation(&came_by(host, None)).unwrap();
            let by_name = Counterpart::Port(8080).url(&asked_at(host)).unwrap();
            assert_eq!(invitation, Invitation { url: by_name, unreachable: None });
        }
        let here = Invitation::here(None, &came_by("laptop.local:8080", None)).unwrap();
        assert_eq!(here.url.as_str(), "http://laptop.local:8080");
    }

    #[test]
    fn a_name_of_this_machine_alone_never_becomes_a_code() {
        for host in ["localhost:8081", "127.0.0.1:8081", "[::1]:8081", "result.localhost", "0.0.0.0:8081"] {
            for peer in [None, Some("127.0.0.1"), Some("::ffff:127.0.0.1"), Some("::1")] {
                let Invitation { url, unreachable } = Counterpart::Port(8080).invitation(&came_by(host, peer)).unwrap();
                match unreachable {
                    None => assert!(!url.origin().is_loopback(), "{url}"),
                    Some(why) => {
                        assert_eq!(why, Unreachable::NoNetwork, "nobody says that this port is only served here");
                    }
                }
            }
        }
    }

    #[test]
    fn from_a_container_by_localhost_phones_are_unreachable() {
        let came_by = came_by("localhost:8081", Some("172.17.0.1"));
        let invitation = Counterpart::Port(8080).invitation(&came_by).unwrap();
        assert_eq!(invitation.unreachable, Some(Unreachable::Elsewhere));
        assert_eq!(invitation.url.as_str(), "http://localhost:8080", "this browser may follow it");
    }

    #[test]
    fn the_operators_setting_wins() {
        let url: PublicUrl = "http://localhost:8080".parse().unwrap();
        let wanted = Some(Invitation { url: url.clone(), unreachable: None });
        assert_eq!(Counterpart::Fixed(url.clone()).invitation(&came_by("10.0.0.7", None)), wanted);
        assert_eq!(Invitation::here(Some(&url), &came_by("10.0.0.7", None)), wanted);
    }
}
