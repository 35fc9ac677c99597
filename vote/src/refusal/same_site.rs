//! Refuses requests that a page of another site makes a browser send and that would change something.

use http::{HeaderMap, HeaderValue, Method, header};
use program::origin::Origin;

/// Whether a request may change something. One that a page of another site made a browser send may not.
/// `Sec-Fetch-Site` shows it; old browsers, and all over http, send only `Origin`. A client that sends neither is no
/// browser, and has nobody's cookies. The public address is allowed beside the `Host`, since proxies may change that.
pub(crate) fn is_same_site(method: &Method, headers: &HeaderMap, public: Option<&Origin>) -> bool {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return true;
    }
    let sent = |name| headers.get(name).map(HeaderValue::as_bytes).filter(|value| !value.is_empty());
    let (site, origin) = (sent("sec-fetch-site"), sent(header::ORIGIN.as_str()));
    match (site, origin) {
        (Some(b"same-origin" | b"none"), _) | (None, None) => true,
        (Some(_), None) => false,
        (site, Some(origin)) => {
            let Some(origin) = str::from_utf8(origin).ok().and_then(|text| text.parse::<Origin>().ok()) else {
                return false;
            };
            // If `Sec-Fetch-Site` names another site, the `Host` does not count.
            public == Some(&origin) || site.is_none() && origin.is_asked(headers)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(headers: &[(&'static str, &str)], public: Option<&str>) -> bool {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let public = public.map(|url| url.parse().unwrap());
        is_same_site(&Method::POST, &HeaderMap::from_iter::<Vec<_>>(headers.collect()), public.as_ref())
    }

    #[test]
    fn a_post_from_a_page_of_this_host_passes_whatever_the_proxy_spells() {
        for (origin, host) in [
            ("http://vote.test", "vote.test:80"),
            ("http://vote.test", "VOTE.test"),
            ("https://vote.test", "vote.test:443"),
            ("http://[::1]:8080", "[::1]:8080"),
            ("http://vote.test.", "vote.test"),
        ] {
            assert!(passes(&[("origin", origin), ("host", host)], None), "{origin} at {host}");
        }
        for public in ["http://vote.test", "http://vote.test:80", "http://Vote.Test."] {
            assert!(passes(&[("origin", "http://vote.test"), ("host", "10.0.0.7:8080")], Some(public)), "{public}");
        }
        assert!(passes(&[("host", "vote.test")], None), "no browser");
        assert!(passes(&[("sec-fetch-site", "same-origin"), ("origin", "null")], None));
    }

    #[test]
    fn a_post_from_elsewhere_does_not() {
        for origin in ["http://evil.test", "null", "http://vote.test:8080", "x", "http://vote.test.evil.test", "\u{e9}"]
        {
            assert!(
                !passes(&[("origin", origin), ("host", "vote.test")], Some("https://vote.example.org")),
                "{origin}"
            );
        }
        assert!(!passes(&[("sec-fetch-site", "cross-site"), ("host", "vote.test")], None));
        assert!(!passes(
            &[("sec-fetch-site", "same-site"), ("origin", "http://vote.test"), ("host", "vote.test")],
            None
        ));
        let proxied = [("sec-fetch-site", "cross-site"), ("origin", "http://vote.test"), ("host", "inner:8080")];
        assert!(passes(&proxied, Some("http://vote.test:80")), "the public address");
    }
}
