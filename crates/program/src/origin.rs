//! Origins (RFC 6454): scheme, host and port, read once and compared in one spelling. All comparisons of origins use
//! this type, never texts.
//!
//! Two texts are the same origin although they differ in: upper and lower case, a default port, a dot at the end of
//! the name, IDN in Unicode or punycode, and the ways to write an address (`[0:0::1]`, `127.1`).

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use http::{HeaderMap, header};
use url::{Host, Url};

/// The longest text that is read as an origin or a host, in bytes; a DNS name has at most 253.
const MAX_BYTES: usize = 300;

/// An origin over http or https, in its one spelling.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    is_https: bool,
    host: String,
    port: u16,
}

/// Not an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an origin such as https://slides.example.org is needed: http or https, a host, perhaps a port, and no path")]
pub struct OriginError;

impl Origin {
    /// That of a whole address; `None` if it is not over http or https, has no host, or names a user.
    pub(crate) fn of(url: &Url) -> Option<Self> {
        let is_https = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        if !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        Some(Self { is_https, host: plain(url.host()?)?, port: url.port_or_known_default()? })
    }

    /// Over http at this host and port. An IPv6 address is in brackets.
    pub fn http(host: &str, port: u16) -> Self {
        Self { is_https: false, host: host.to_owned(), port }
    }

    /// The host: a name in lower case, or an address, of IPv6 in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether it is reached over TLS.
    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// Whether a request with these headers was sent to this origin, over http or, before a proxy, https.
    ///
    /// A proxy that ends TLS may write its own port into `Host`, so a default port there is any scheme's.
    pub fn is_asked(&self, headers: &HeaderMap) -> bool {
        RequestHost::of(headers).is_some_and(|asked| {
            let default = self.port == if self.is_https { 443 } else { 80 };
            let same_port = asked.port.map_or(default, |port| port == self.port || default && matches!(port, 80 | 443));
            same_port && asked.host == self.host
        })
    }

    /// Whether only the machine itself can reach it.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

impl FromStr for Origin {
    type Err = OriginError;
    fn from_str(text: &str) -> Result<Self, OriginError> {
        let url = http_url(text).ok_or(OriginError)?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        Self::of(&url).filter(|_| bare).ok_or(OriginError)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, default) = if self.is_https { ("https", 443) } else { ("http", 80) };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == default { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// The address in a text of somebody who types `http://` or `https://`; `None` for anything that a browser would first
/// have to mend.
pub fn http_url(text: &str) -> Option<Url> {
    let text = text.trim();
    let scheme = text.split_once("://")?.0;
    let http = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    let plain = text.len() <= MAX_BYTES && !text.bytes().any(|byte| byte.is_ascii_control() || b" \\".contains(&byte));
    if http && plain { Url::parse(text).ok() } else { None }
}

/// The host and port that a request names in `Host`.
pub struct RequestHost {
    /// A name in lower case, or an address, of IPv6 in brackets.
    pub host: String,
    /// The port, where it is not the scheme's own.
    pub port: Option<u16>,
}

impl RequestHost {
    /// `None` unless it is a plain name or address. It goes into pages and headers, so nothing else may pass.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(header::HOST)?.to_str().ok()?;
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        if text.len() > MAX_BYTES || !text.bytes().all(known) {
            return None;
        }
        // Under a scheme without a default port, `:80` would differ from no port; so it is removed here.
        let after_name = text.rsplit_once(']').map_or(text, |(_, behind)| behind);
        let port = match after_name.rsplit_once(':') {
            None | Some((_, "")) => None,
            Some((_, port)) => Some(port.parse().ok()?),
        };
        let url = Url::parse(&format!("http://{text}")).ok()?;
        Some(Self { host: plain(url.host()?)?, port })
    }
}

/// A host without the dot that may end a whole name.
fn plain(host: Host<&str>) -> Option<String> {
    match host {
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            (!name.is_empty() && !name.ends_with('.')).then(|| name.to_owned())
        }
        address => Some(address.to_string()),
    }
}

/// Whether only the machine itself can reach this host: a name or address of the loopback interface, or the unspecified
/// address.
pub fn is_loopback(host: &str) -> bool {
    if host == "localhost" || host.ends_with(".localhost") {
        return true;
    }
    let inner = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host);
    let here = |ip: Ipv4Addr| ip.is_loopback() || ip.is_unspecified();
    match inner.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(IpAddr::V4(ip)) => here(ip),
        Ok(IpAddr::V6(ip)) => ip == Ipv6Addr::LOCALHOST || ip.is_unspecified(),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        text.parse().unwrap()
    }

    fn asked_at(host: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::HOST, host.parse().unwrap())])
    }

    #[test]
    fn one_origin_has_one_spelling() {
        for (text, spelled) in [
            ("http://vote.test:80", "http://vote.test"),
            ("https://vote.test:443/", "https://vote.test"),
            ("HTTPS://Vote.TEST.", "https://vote.test"),
            ("http://vote.test:443", "http://vote.test:443"),
            ("https://vote.test:80", "https://vote.test:80"),
            ("http://bücher.example:8080", "http://xn--bcher-kva.example:8080"),
            ("http://XN--BCHER-KVA.example:8080", "http://xn--bcher-kva.example:8080"),
            ("http://[0:0:0::1]:8080", "http://[::1]:8080"),
            ("http://[2001:DB8::0:1]", "http://[2001:db8::1]"),
            ("http://10.0.0.7:08080", "http://10.0.0.7:8080"),
            (" https://a.example ", "https://a.example"),
        ] {
            assert_eq!(origin(text).to_string(), spelled, "{text}");
            assert_eq!(origin(spelled), origin(text));
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for bad in [
            "",
            "null",
            "*",
            "vote.test",
            "//vote.test",
            "http:vote.test",
            "http:\\\\vote.test",
            "ftp://vote.test",
            "http://u@vote.test",
            "http://vote.test/path",
            "http://vote.test?x",
            "http://vote.test#x",
            "http://",
            "http://.",
            "http://vote.test:99999",
            "http://a b",
            "https://a.example,https://b.example",
            "file://",
        ] {
            assert_eq!(bad.parse::<Origin>(), Err(OriginError), "{bad}");
        }
        assert!(format!("http://{}", "a".repeat(400)).parse::<Origin>().is_err());
    }

    #[test]
    fn a_request_is_for_an_origin_whatever_its_host_spells() {
        for (text, host) in [
            ("http://vote.test", "vote.test:80"),
            ("http://vote.test:80", "Vote.Test"),
            ("http://vote.test.", "vote.test"),
            ("http://vote.test", "vote.test.:80"),
            ("https://vote.test", "vote.test"),
            ("https://vote.test", "vote.test:443"),
            ("https://vote.test", "vote.test:80"),
            ("http://vote.test:8080", "vote.test:8080"),
            ("http://[::1]:8080", "[0::1]:8080"),
            ("http://[::1]", "[::1]:80"),
            ("http://[::1]", "[::1]"),
            ("http://vote.test", "vote.test:"),
        ] {
            assert!(origin(text).is_asked(&asked_at(host)), "{text} at {host}");
        }
        for (text, host) in [
            ("http://vote.test", "vote.test:8080"),
            ("http://vote.test:8080", "vote.test"),
            ("http://vote.test:8080", "vote.test:80"),
            ("http://vote.test", "evil.test"),
            ("http://vote.test", "vote.test..:80"),
            ("http://[::1]:80", "[::1]:8080"),
            ("http://vote.test", "u@vote.test"),
            ("http://vote.test", "vote.test:99999"),
            ("http://vote.test", ""),
        ] {
            assert!(!origin(text).is_asked(&asked_at(host)), "{text} at {host}");
        }
        assert!(!origin("http://vote.test").is_asked(&HeaderMap::new()));
    }

    #[test]
    fn names_and_addresses_of_this_machine_alone_are_known() {
        for here in [
            "localhost",
            "LOCALHOST:8081",
            "vote.localhost",
            "localhost.",
            "127.0.0.1",
            "127.8.9.1",
            "[::1]",
            "0.0.0.0",
            "[::]",
            "[::ffff:127.0.0.1]",
            "127.1",
        ] {
            assert!(origin(&format!("http://{here}")).is_loopback(), "{here}");
        }
        for elsewhere in ["192.168.1.7", "laptop.local", "localhost.example", "notlocalhost", "[fd00::1]", "128.0.0.1"]
        {
            assert!(!origin(&format!("http://{elsewhere}")).is_loopback(), "{elsewhere}");
        }
    }
}
