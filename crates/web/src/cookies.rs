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

/// The prefix of cookies that browsers accept only over TLS, from the host itself, for all its paths.
const HOST_ONLY: &str = "__Host-";
/// Letters of an installation's mark, of five bits each.
const MARK_LETTERS: usize = 4;
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The names that an installation's cookies have.
#[derive(Clone, Debug)]
pub struct CookieNames {
    mark: String,
    is_https: bool,
}

/// The full name of one cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieName(String);

impl CookieNames {
    /// The names of the installation with this secret; `is_https`: browsers reach the service over TLS.
    pub fn new(secret: &Secret, is_https: bool) -> Self {
        let signed = secret.sign(KeyPurpose::CookieNames, &[]);
        let letter = |byte: &u8| char::from(LETTERS[usize::from(byte % 32)]);
        Self { mark: signed[..MARK_LETTERS].iter().map(letter).collect(), is_https }
    }

    /// The name of the cookie for `what`.
    pub fn of(&self, what: &str) -> CookieName {
        let prefix = if self.is_https { HOST_ONLY } else { "" };
        CookieName(format!("{prefix}{what}-{}", self.mark))
    }
}

impl CookieName {
    /// A name without an installation's mark.
    pub fn unmarked(what: &str, is_https: bool) -> Self {
        let prefix = if is_https { HOST_ONLY } else { "" };
        Self(format!("{prefix}{what}"))
    }

    /// As in headers.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The values that a request has under this name.
    pub fn values<'a>(&'a self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
        values(headers, &self.0)
    }

    /// Sets the cookie for all paths of this host; scripts can't read it. With 0 seconds it is deleted.
    pub fn set(&self, headers: &mut HeaderMap, value: &str, max_age_seconds: u64) {
        // Lax rather than Strict, so that links in mails work. Posts from other sites are refused before anything is
        // done.
        let secure = if self.0.starts_with(HOST_ONLY) { "; Secure" } else { "" };
        let name = &self.0;
        let line = format!("{name}={value}; Path=/; Max-Age={max_age_seconds}; HttpOnly; SameSite=Lax{secure}");
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
        let name = |letter, is_https| CookieNames::new(&secret(letter), is_https).of("voter").as_str().to_owned();
        assert_eq!(name("x", false), "voter-dyc7");
        assert_eq!(name("x", true), "__Host-voter-dyc7");
        assert_ne!(name("x", false), name("y", false));
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
        let mut headers = HeaderMap::new();
        CookieNames::new(&secret("x"), true).of("voter").set(&mut headers, "1", 60);
        let line = headers[header::SET_COOKIE].to_str().unwrap();
        assert!(line.ends_with("=1; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"), "{line}");
    }
}
