//! Cookies: their names, how they are found in a request, and how they are set.
//!
//! A name holds a mark of the installation, `voter-k7qm`, since browsers send a cookie to every port of a host: two
//! installations on one host must not read each other's. If browsers use TLS it begins with `__Host-`: then no other
//! host of the same domain can set it, and no plain connection.
//!
//! A request may have several cookies of one name, set for other paths or domains, perhaps by an attacker. The caller
//! decides what that means; nothing here chooses one.

use domain::{KeyPurpose, Secret};
use http::{HeaderMap, HeaderValue, header};
use program::public_url::PublicUrl;

/// The prefix of cookies that browsers accept only over TLS, from the host itself, for all its paths.
const HOST_ONLY: &str = "__Host-";
/// Letters of an installation's mark, of five bits each.
const MARK_LETTERS: usize = 4;
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Over what a service's cookies are set and sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieScope {
    /// Over TLS alone, and set by the host itself alone.
    TlsOnly,
    /// Also over plain HTTP.
    AnyTransport,
}

/// The names that an installation's cookies have.
#[derive(Clone, Debug)]
pub struct CookieNames {
    mark: String,
    scope: CookieScope,
}

/// The full name of one cookie, and over what it is set and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieName {
    text: String,
    scope: CookieScope,
}

impl CookieScope {
    /// That of a service with this public address. Without one browsers may reach it over plain HTTP.
    pub fn of(url: Option<&PublicUrl>) -> Self {
        if url.is_some_and(PublicUrl::is_https) { Self::TlsOnly } else { Self::AnyTransport }
    }

    /// What the names begin with.
    fn prefix(self) -> &'static str {
        match self {
            Self::TlsOnly => HOST_ONLY,
            Self::AnyTransport => "",
        }
    }

    /// What ends the line of a cookie that is set, after the other attributes.
    pub fn attribute(self) -> &'static str {
        match self {
            Self::TlsOnly => "; Secure",
            Self::AnyTransport => "",
        }
    }
}

impl CookieNames {
    /// The names of the installation with this secret.
    pub fn new(secret: &Secret, scope: CookieScope) -> Self {
        let signed = secret.sign(KeyPurpose::CookieNames, &[]);
        let letter = |byte: &u8| char::from(LETTERS[usize::from(byte % 32)]);
        Self { mark: signed[..MARK_LETTERS].iter().map(letter).collect(), scope }
    }

    /// The name of the cookie for `what`.
    pub fn of(&self, what: &str) -> CookieName {
        CookieName { text: format!("{}{what}-{}", self.scope.prefix(), self.mark), scope: self.scope }
    }
}

impl CookieName {
    /// A name without an installation's mark.
    pub fn unmarked(what: &str, scope: CookieScope) -> Self {
        Self { text: format!("{}{what}", scope.prefix()), scope }
    }

    /// As in headers.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The values that a request has under this name.
    pub fn values<'a>(&'a self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
        values(headers, &self.text)
    }

    /// Sets the cookie for all paths of this host; scripts can't read it. With 0 seconds it is deleted.
    pub fn set(&self, headers: &mut HeaderMap, value: &str, max_age_seconds: u64) {
        // Lax rather than Strict, so that links in mails work. Posts from other sites are refused before anything is
        // done.
        let (name, attribute) = (&self.text, self.scope.attribute());
        let line = format!("{name}={value}; Path=/; Max-Age={max_age_seconds}; HttpOnly; SameSite=Lax{attribute}");
        headers.append(header::SET_COOKIE, HeaderValue::try_from(line).expect("a cookie's value is header text"));
    }
}

/// The values of all cookies of this name. Other cookies may hold any bytes and are skipped. Only ASCII white space is
/// trimmed: for a browser `\u{2000}__Host-voter` is a name without the prefix.
pub fn values<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
    let pairs = lines.flat_map(|line| line.split(|byte| *byte == b';')).filter_map(move |pair| {
        pair.trim_ascii().strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"="))
    });
    pairs.filter_map(|value| str::from_utf8(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(letter: &str) -> Secret {
        Secret::parse(&letter.repeat(32)).unwrap()
    }

    #[test]
    fn names_differ_between_installations_and_stay_in_later_releases() {
        let name = |letter, scope| CookieNames::new(&secret(letter), scope).of("voter").as_str().to_owned();
        assert_eq!(name("x", CookieScope::AnyTransport), "voter-dyc7");
        assert_eq!(name("x", CookieScope::TlsOnly), "__Host-voter-dyc7");
        assert_ne!(name("x", CookieScope::AnyTransport), name("y", CookieScope::AnyTransport));
    }

    #[test]
    fn cookies_need_tls_only_where_the_public_address_has_it() {
        let scope = |url: &str| CookieScope::of(Some(&url.parse().unwrap()));
        assert_eq!(scope("https://vote.example.org"), CookieScope::TlsOnly);
        assert_eq!(scope("http://vote.example.org"), CookieScope::AnyTransport);
        assert_eq!(CookieScope::of(None), CookieScope::AnyTransport);
    }

    #[test]
    fn a_cookie_is_found_among_any_others() {
        let mut headers = HeaderMap::new();
        for line in [&b"a=\xff\xfe; voter=one;voter=two"[..], b" voter = x; xvoter=y; voterx=z; voter", b"voter=\xff"] {
            headers.append(header::COOKIE, HeaderValue::from_bytes(line).unwrap());
        }
        assert_eq!(values(&headers, "voter").collect::<Vec<_>>(), ["one", "two"]);
    }

    #[test]
    fn only_ascii_white_space_is_trimmed() {
        let line = "\u{2000}__Host-voter=evil; \u{a0}__Host-voter=evil; __host-voter=evil; =__Host-voter=evil";
        let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_bytes(line.as_bytes()).unwrap())]);
        assert_eq!(values(&headers, "__Host-voter").next(), None);
    }

    #[test]
    fn a_host_only_cookie_has_the_attributes_that_browsers_demand() {
        let line = |scope| {
            let mut headers = HeaderMap::new();
            CookieNames::new(&secret("x"), scope).of("voter").set(&mut headers, "1", 60);
            headers[header::SET_COOKIE].to_str().unwrap().to_owned()
        };
        let plain = "voter-dyc7=1; Path=/; Max-Age=60; HttpOnly; SameSite=Lax";
        assert_eq!(line(CookieScope::TlsOnly), format!("__Host-{plain}; Secure"));
        assert_eq!(line(CookieScope::AnyTransport), plain);
    }
}
