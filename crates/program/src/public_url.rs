//! Where browsers reach a service (`VOTE_URL`, `RESULT_URL`): an origin and perhaps a path, below which all its pages
//! are.

use std::{fmt, str::FromStr};

use crate::origin::{Origin, http_url};

/// The first parts of the services' own paths. A base path that begins with one would be ambiguous.
const OWN_PARTS: [&str; 9] = ["p", "e", "api", "organise", "events", "polls", "static", "language", "socket.io"];

/// The address at which browsers reach a service: `http` or `https`, a host, perhaps a port, perhaps a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    origin: Origin,
    base: BasePath,
    text: String,
}

/// The path below which a service is: empty, or `/vote`. No slash ends it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BasePath(String);

/// Not an address that browsers can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicUrlError {
    /// No address of a page.
    #[error("an address such as https://vote.example.org is needed: http or https, a host, perhaps a port or a path")]
    NoAddress,
    /// A path with characters that can't be used everywhere.
    #[error("the path may have letters, digits, and - . _ ~ between its slashes")]
    Path,
    /// A path that begins like one of a page.
    #[error("the path can't begin with /{0}, as paths of pages do")]
    OwnPath(&'static str),
}

impl PublicUrl {
    /// Over http at this host and port, without a path. An IPv6 address is in brackets.
    pub fn http(host: &str, port: u16) -> Self {
        Self::new(Origin::http(host, port), BasePath::default())
    }

    fn new(origin: Origin, base: BasePath) -> Self {
        let text = format!("{origin}{}", base.as_str());
        Self { origin, base, text }
    }

    /// Without a slash at the end, so that a path of a page can follow.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What browsers send as `Origin` from there.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The path below which everything is.
    pub fn base(&self) -> &BasePath {
        &self.base
    }

    /// Whether browsers reach it over TLS.
    pub fn is_https(&self) -> bool {
        self.origin.is_https()
    }
}

impl FromStr for PublicUrl {
    type Err = PublicUrlError;
    fn from_str(text: &str) -> Result<Self, PublicUrlError> {
        let url = http_url(text).ok_or(PublicUrlError::NoAddress)?;
        let origin = Origin::of(&url).ok_or(PublicUrlError::NoAddress)?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(PublicUrlError::NoAddress);
        }
        let path = url.path().trim_end_matches('/');
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
        if path.contains("//") || !path.bytes().all(known) {
            return Err(PublicUrlError::Path);
        }
        let first = path.split('/').nth(1).unwrap_or_default();
        match OWN_PARTS.iter().find(|own| **own == first) {
            Some(own) => Err(PublicUrlError::OwnPath(own)),
            None => Ok(Self::new(origin, BasePath(path.to_owned()))),
        }
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl BasePath {
    /// That of a public address, if there is one.
    pub fn of(url: Option<&PublicUrl>) -> Self {
        url.map(|url| url.base.clone()).unwrap_or_default()
    }

    /// Empty, or `/vote`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The rest of a path that a proxy passed on whole: `/p/lunch` of `/vote/p/lunch`; `None` if it is not below.
    pub fn strip<'a>(&self, path: &'a str) -> Option<&'a str> {
        match path.strip_prefix(&self.0)? {
            "" => Some("/"),
            rest => rest.starts_with('/').then_some(rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_are_origins_perhaps_with_a_path() {
        let url: PublicUrl = "https://Vote.example.org/".parse().unwrap();
        assert_eq!((url.as_str(), url.base().as_str()), ("https://vote.example.org", ""));
        assert!(url.is_https());
        let url: PublicUrl = "http://Example.org:80/Vote/tonight/".parse().unwrap();
        assert_eq!((url.as_str(), url.base().as_str()), ("http://example.org/Vote/tonight", "/Vote/tonight"));
        assert_eq!(url.origin().to_string(), "http://example.org");
        for bad in ["vote.example.org", "ftp://x", "http://x?y", "http://x/#y", "http://u@x", ""] {
            assert_eq!(bad.parse::<PublicUrl>(), Err(PublicUrlError::NoAddress), "{bad}");
        }
        for bad in ["http://x/a//b", "http://x/a;b", "http://x/a%20b", "http://x/é"] {
            assert_eq!(bad.parse::<PublicUrl>(), Err(PublicUrlError::Path), "{bad}");
        }
        assert_eq!("http://x/api/vote".parse::<PublicUrl>(), Err(PublicUrlError::OwnPath("api")));
    }

    #[test]
    fn a_path_beside_the_base_is_not_below_it() {
        let base = BasePath("/vote".into());
        assert_eq!(base.strip("/vote/p/lunch"), Some("/p/lunch"));
        assert_eq!((base.strip("/vote"), base.strip("/vote/")), (Some("/"), Some("/")));
        assert_eq!((base.strip("/voter"), base.strip("/p/lunch")), (None, None));
        assert_eq!(BasePath::default().strip("/p/lunch"), Some("/p/lunch"));
    }
}
