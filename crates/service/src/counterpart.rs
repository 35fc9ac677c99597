//! Where browsers find the other service: `vote` links to the results, `result` to the voting page.

use http::{HeaderMap, header};

use crate::settings::PublicUrl;

/// The public address of the other service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counterpart {
    /// As configured (`VOTE_URL`, `RESULT_URL`).
    Fixed(PublicUrl),
    /// Nothing is configured: the same host as this service, over http, at this port. So the all-in-one
    /// works under whichever name or address of the machine a browser came by.
    Port(u16),
}

impl Counterpart {
    /// Its origin for the browser that sent these headers; `None` if it sent no usable `Host`.
    pub fn origin(&self, headers: &HeaderMap) -> Option<String> {
        match self {
            Self::Fixed(url) => Some(url.as_str().to_owned()),
            Self::Port(80) => Some(format!("http://{}", host(headers)?)),
            Self::Port(port) => Some(format!("http://{}:{port}", host(headers)?)),
        }
    }
}

/// The host name of a request, without its port, in lower case; `None` unless it is a plain name or address.
/// It goes into pages and headers, so nothing else may pass.
pub fn host(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::HOST)?.to_str().ok()?;
    let authority: http::uri::Authority = value.parse().ok().filter(|_| !value.contains('@'))?;
    let host = authority.host();
    let inner = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':');
    (!inner.is_empty() && inner.bytes().all(plain)).then(|| host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked_at(host: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::HOST, host.parse().unwrap())])
    }

    #[test]
    fn without_a_configured_address_it_is_the_same_host_at_the_other_port() {
        let result = Counterpart::Port(8081);
        assert_eq!(result.origin(&asked_at("192.168.1.7:8080")).unwrap(), "http://192.168.1.7:8081");
        assert_eq!(result.origin(&asked_at("[::1]:8080")).unwrap(), "http://[::1]:8081");
        assert_eq!(Counterpart::Port(80).origin(&asked_at("Laptop.local")).unwrap(), "http://laptop.local");
        assert_eq!(result.origin(&HeaderMap::new()), None);
    }

    #[test]
    fn a_host_that_is_no_name_goes_nowhere() {
        for bad in ["a b", "x\"onload=", "evil;script-src *", "u@x", ""] {
            assert_eq!(host(&asked_at(bad)), None, "{bad:?}");
        }
    }
}
