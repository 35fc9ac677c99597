//! What the all-in-one prints when it is ready: the addresses to open, and the organiser's way in.

use std::{
    fmt::Write,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
};

use service::settings::PublicUrl;

/// The two addresses, as bound and as configured.
pub(crate) struct Places<'a> {
    pub(crate) vote: SocketAddr,
    pub(crate) result: SocketAddr,
    pub(crate) vote_url: Option<&'a PublicUrl>,
    pub(crate) result_url: Option<&'a PublicUrl>,
}

/// The lines to print.
pub(crate) fn greeting(places: &Places, organiser_token: &str) -> String {
    let network = local_network_address();
    let mut text = String::from("\n  Scrutin is ready.\n\n");
    let mut line = |name: &str, addresses: &[String]| {
        for (index, address) in addresses.iter().enumerate() {
            let name = if index == 0 { name } else { "" };
            writeln!(text, "  {name:<9} {address}").expect("writing to a String");
        }
    };
    let vote = urls(places.vote, places.vote_url, network);
    line("Vote", &vote);
    line("Results", &urls(places.result, places.result_url, network));
    let organise = vote.first().map(|url| format!("{url}/organise/sign-in?token={organiser_token}"));
    line("Organise", &organise.into_iter().collect::<Vec<_>>());
    text.push_str("\n  Ctrl-C stops it; nothing is lost.\n");
    text
}

/// Where browsers can reach a bound address: the configured URL, else this machine's and the local network's.
fn urls(bound: SocketAddr, configured: Option<&PublicUrl>, network: Option<IpAddr>) -> Vec<String> {
    if let Some(url) = configured {
        return vec![url.to_string()];
    }
    let at =
        |ip: &str| if bound.port() == 80 { format!("http://{ip}") } else { format!("http://{ip}:{}", bound.port()) };
    if !bound.ip().is_unspecified() {
        return if bound.ip().is_ipv6() {
            vec![at(&format!("[{}]", bound.ip()))]
        } else {
            vec![at(&bound.ip().to_string())]
        };
    }
    let network = network.map(|ip| at(&ip.to_string()));
    std::iter::once(at("localhost")).chain(network).collect()
}

/// The address by which others on the local network reach this machine, if it is in one.
///
/// Connecting a UDP socket sends nothing; it only makes the system choose the address it would send from.
fn local_network_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address for documentation (RFC 5737): no host of anybody.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_that_works_is_named() {
        let network = Some(IpAddr::V4(Ipv4Addr::new(192, 168, 1, 7)));
        let any = "0.0.0.0:8080".parse().unwrap();
        assert_eq!(urls(any, None, network), ["http://localhost:8080", "http://192.168.1.7:8080"]);
        assert_eq!(urls(any, None, None), ["http://localhost:8080"]);
        assert_eq!(urls("127.0.0.1:80".parse().unwrap(), None, network), ["http://127.0.0.1"]);
        assert_eq!(urls("[::1]:8080".parse().unwrap(), None, network), ["http://[::1]:8080"]);
        let url: PublicUrl = "https://vote.example.org".parse().unwrap();
        assert_eq!(urls(any, Some(&url), network), ["https://vote.example.org"]);
    }
}
