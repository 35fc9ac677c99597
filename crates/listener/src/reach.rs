//! Where phones reach this machine: its addresses in its present networks.
//!
//! They are read again when needed, since a laptop may join a network after the program was started. In a container
//! there may be none: its own addresses are known to its machine alone.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    path::Path,
    time::{Duration, Instant},
};

use nix::{ifaddrs, net::if_::InterfaceFlags};
use parking_lot::Mutex;

/// How long the addresses are fresh.
const FRESH_FOR: Duration = Duration::from_secs(2);
/// The most addresses that are returned.
const MAX_ADDRESSES: usize = 8;
/// The most listeners that are stored.
const MAX_LISTENERS: usize = 16;

/// Bridges between containers or virtual machines on this machine: no phone is behind them.
const INNER: [&str; 13] = [
    "docker", "veth", "virbr", "vnet", "lxcbr", "lxdbr", "podman", "cni", "flannel", "cali", "vmnet", "vboxnet", "kube",
];
/// Tunnels: phones are rarely at the other end.
const TUNNELS: [&str; 8] = ["tun", "tap", "wg", "utun", "tailscale", "zt", "ipsec", "nordlynx"];

/// Where the system tells of its interfaces.
const INTERFACES: &str = "/sys/class/net";
/// What is set for programs in containers: by our images, and by engines that follow systemd.
const CONTAINER: &str = "container";

/// The addresses as they were last read.
static SEEN: Mutex<Option<(Instant, Seen)>> = Mutex::new(None);
/// What this process listens on.
static LISTENERS: Mutex<Vec<SocketAddr>> = Mutex::new(Vec::new());

/// Why no phone reaches a page of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// The machine is in no network.
    NoNetwork,
    /// It is a container, whose addresses lead there from its own machine only.
    Inside,
    /// Only the machine itself is served.
    LoopbackOnly,
    /// The browser used a name of its own machine, which is not this one.
    Elsewhere,
}

/// The addresses at which others reach a port of this machine, the likeliest first.
///
/// If this process does not listen on the port, another does; it is assumed to listen on all addresses.
pub fn addresses(port: u16) -> Result<Vec<IpAddr>, Unreachable> {
    let listeners = LISTENERS.lock();
    let listener = listeners.iter().rev().find(|listener| listener.port() == port).map(SocketAddr::ip);
    drop(listeners);
    of_listener(listener.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)), &seen())
}

/// Whether this is a container and the address is one of those that only its own machine knows.
pub fn is_inside(address: IpAddr) -> bool {
    in_container() && seen().inside.contains(&address.to_canonical())
}

/// Whether this process was started in a container.
pub fn in_container() -> bool {
    std::env::var_os(CONTAINER).is_some_and(|engine| !engine.is_empty())
}

/// Stores what this process listens on.
pub(crate) fn note_listener(addr: SocketAddr) {
    let mut listeners = LISTENERS.lock();
    if listeners.len() < MAX_LISTENERS {
        listeners.push(addr);
    }
}

fn of_listener(listener: IpAddr, seen: &Seen) -> Result<Vec<IpAddr>, Unreachable> {
    let listener = listener.to_canonical();
    if listener.is_loopback() {
        return Err(Unreachable::LoopbackOnly);
    }
    if !listener.is_unspecified() {
        return Ok(vec![listener]);
    }
    let served = seen.outside.iter().filter(|address| address.is_ipv4() || listener.is_ipv6());
    let served: Vec<_> = served.copied().collect();
    match (served.is_empty(), seen.inside.is_empty()) {
        (false, _) => Ok(served),
        (true, false) => Err(Unreachable::Inside),
        (true, true) => Err(Unreachable::NoNetwork),
    }
}

/// The addresses of this machine, or container.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// Those that others may reach, private ones first.
    outside: Vec<IpAddr>,
    /// In a container: those that lead there from its own machine only.
    inside: Vec<IpAddr>,
}

fn seen() -> Seen {
    let mut last = SEEN.lock();
    if let Some((at, seen)) = &*last
        && at.elapsed() < FRESH_FOR
    {
        return seen.clone();
    }
    let in_container = in_container();
    let is_inner = |it: &Interface| in_container && !is_of_machine(Path::new(INTERFACES), &it.name);
    let (inner, outer): (Vec<_>, _) = interfaces().into_iter().partition(is_inner);
    let inside = inner.into_iter().map(|it| it.address).collect();
    let seen = Seen { outside: in_order(outer, preferred()), inside };
    *last = Some((Instant::now(), seen.clone()));
    seen
}

/// Whether an interface is the machine's own and no end of a pair whose other end is outside of the container. So a
/// container that shares its machine's network still knows the machine's addresses.
fn is_of_machine(interfaces: &Path, name: &str) -> bool {
    let number = |file| fs::read_to_string(interfaces.join(name).join(file)).ok()?.trim().parse::<u32>().ok();
    let (own, peer) = (number("ifindex"), number("iflink"));
    own.is_some() && own == peer
}

/// An address of an interface that is up.
#[derive(Clone, Debug)]
struct Interface {
    name: String,
    is_tunnel: bool,
    address: IpAddr,
}

/// All but those of the loopback interface. Empty if the system does not say.
fn interfaces() -> Vec<Interface> {
    let all = match ifaddrs::getifaddrs() {
        Ok(all) => all,
        Err(error) => {
            tracing::warn!(%error, "the addresses of this machine can not be read");
            return Vec::new();
        }
    };
    let up = InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING;
    let outer = all.filter(|it| it.flags.contains(up) && !it.flags.contains(InterfaceFlags::IFF_LOOPBACK));
    let addressed = outer.filter_map(|it| {
        let address = it.address?;
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
        let address = v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))?;
        let is_tunnel = it.flags.contains(InterfaceFlags::IFF_POINTOPOINT);
        Some(Interface { name: it.interface_name, is_tunnel, address })
    });
    addressed.collect()
}

/// The address from which the system would send to another network, if it has a route.
///
/// Connecting a UDP socket sends nothing; it only makes the system choose.
fn preferred() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address for documentation (RFC 5737), which no host has.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// The addresses that phones may reach, the likeliest first; of IPv6 one for each interface.
fn in_order(interfaces: Vec<Interface>, preferred: Option<IpAddr>) -> Vec<IpAddr> {
    let mut ranked: Vec<_> = interfaces.into_iter().filter_map(|it| Some((rank(&it)?, it))).collect();
    ranked.sort_by_key(|(rank, it)| (*rank, Some(it.address) != preferred));
    let mut kept: Vec<Interface> = Vec::new();
    for (_, it) in ranked {
        let is_second = |known: &Interface| known.address.is_ipv6() && known.name == it.name && it.address.is_ipv6();
        if kept.len() < MAX_ADDRESSES && !kept.iter().any(|known| known.address == it.address || is_second(known)) {
            kept.push(it);
        }
    }
    kept.into_iter().map(|it| it.address).collect()
}

/// The lower, the likelier; `None` for an address that phones can't reach.
fn rank(it: &Interface) -> Option<u8> {
    let begins = |known: &[&str]| known.iter().any(|known| it.name.starts_with(known));
    // Docker's further bridges are called br- and twelve hexadecimal digits.
    let docker =
        it.name.strip_prefix("br-").is_some_and(|id| id.len() == 12 && id.bytes().all(|b| b.is_ascii_hexdigit()));
    if begins(&INNER) || docker || it.address.is_loopback() || it.address.is_unspecified() {
        return None;
    }
    let kind = match it.address {
        IpAddr::V4(ip) if ip.is_link_local() => return None,
        IpAddr::V4(ip) if ip.is_private() => 0,
        IpAddr::V4(_) => 1,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => return None,
        IpAddr::V6(ip) if ip.is_unique_local() => 2,
        IpAddr::V6(_) => 3,
    };
    Some(if it.is_tunnel || begins(&TUNNELS) { 4 + kind } else { kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn order(interfaces: &[(&str, &str)], preferred: Option<&str>) -> Vec<String> {
        let interfaces = interfaces.iter().map(|(name, address)| Interface {
            name: (*name).to_owned(),
            is_tunnel: name.starts_with("ppp"),
            address: ip(address),
        });
        in_order(interfaces.collect(), preferred.map(ip)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_hotspot_without_a_default_route_is_found() {
        assert_eq!(order(&[("wlan0", "10.42.0.1"), ("wlan0", "fe80::1")], None), ["10.42.0.1"]);
    }

    #[test]
    fn all_networks_are_named_with_the_likeliest_first() {
        let all = [
            ("lo", "127.0.0.1"),
            ("tailscale0", "100.64.1.2"),
            ("ppp0", "10.9.0.2"),
            ("docker0", "172.17.0.1"),
            ("br-0123456789ab", "172.18.0.1"),
            ("br-lan", "192.168.8.1"),
            ("eth1", "169.254.3.4"),
            ("eth0", "203.0.113.9"),
            ("eth0", "2001:db8::9"),
            ("eth0", "2001:db8::10"),
            ("eth0", "fd00::9"),
            ("wlan0", "192.168.1.7"),
        ];
        let wanted = ["192.168.1.7", "192.168.8.1", "203.0.113.9", "fd00::9", "10.9.0.2", "100.64.1.2"];
        assert_eq!(order(&all, Some("192.168.1.7")), wanted);
        assert_eq!(order(&all, None)[0], "192.168.8.1", "as the system lists them");
    }

    #[test]
    fn only_what_the_listener_serves_is_named() {
        let in_networks =
            |outside: &[&str]| Seen { outside: outside.iter().map(|it| ip(it)).collect(), inside: Vec::new() };
        let seen = in_networks(&["192.168.1.7", "fd00::9"]);
        assert_eq!(of_listener(ip("::"), &seen), Ok(seen.outside.clone()));
        assert_eq!(of_listener(ip("0.0.0.0"), &seen), Ok(vec![ip("192.168.1.7")]));
        assert_eq!(of_listener(ip("10.0.0.7"), &seen), Ok(vec![ip("10.0.0.7")]));
        for loopback in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(of_listener(ip(loopback), &seen), Err(Unreachable::LoopbackOnly));
        }
        assert_eq!(of_listener(ip("0.0.0.0"), &in_networks(&["fd00::9"])), Err(Unreachable::NoNetwork));
        assert_eq!(of_listener(ip("::"), &in_networks(&[])), Err(Unreachable::NoNetwork));
    }

    #[test]
    fn a_container_says_that_its_addresses_lead_nowhere() {
        let bridged = Seen { outside: vec![], inside: vec![ip("172.17.0.2")] };
        assert_eq!(of_listener(ip("::"), &bridged), Err(Unreachable::Inside));
        let both = Seen { outside: vec![ip("192.168.1.7")], ..bridged };
        assert_eq!(of_listener(ip("::"), &both), Ok(vec![ip("192.168.1.7")]));
    }

    #[test]
    fn the_end_of_a_pair_is_told_from_an_interface_of_the_machine() {
        let directory = tempfile::tempdir().unwrap();
        let interface = |name: &str, ifindex: &str, iflink: &str| {
            let files = directory.path().join(name);
            fs::create_dir(&files).unwrap();
            fs::write(files.join("ifindex"), ifindex).unwrap();
            fs::write(files.join("iflink"), iflink).unwrap();
            is_of_machine(directory.path(), name)
        };
        assert!(interface("wlan0", "3\n", "3\n"), "a card of the machine");
        assert!(!interface("eth0", "2\n", "17\n"), "as engines make it in a bridge");
        assert!(!is_of_machine(directory.path(), "none"), "nothing is known of it");
    }
}
