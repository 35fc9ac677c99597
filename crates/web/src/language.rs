//! The languages of the pages, and which one a request asks for.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::{HeaderMap, header, request::Parts};

use crate::cookies::{CookieName, CookieScope};

/// The cookie by which a person chooses a language for themselves. It has no installation's mark: a person speaks the
/// same language to all. One that was set over TLS goes before any other.
pub const LANGUAGE_COOKIE: &str = "language";

/// The tags of the languages (BCP 47), in the order in which pages list them; the first is for those who ask for none.
/// Each has a file in every folder `texts`.
const TAGS: [&str; 5] = ["en", "de", "es", "fr", "it"];

/// A language that the pages speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Language {
    index: usize,
}

impl Language {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..TAGS.len()).map(|index| Self { index })
    }

    /// The tag, for `<html lang>`.
    pub fn tag(self) -> &'static str {
        TAGS[self.index]
    }

    /// Its place among all.
    pub(crate) fn index(self) -> usize {
        self.index
    }

    /// The language with this tag, whatever the region behind it.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default();
        Self::all().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// The best language for an `Accept-Language` header (RFC 9110, section 12.5.4).
    pub fn negotiate(accept_language: &str) -> Self {
        let mut best = (0.0, Self::default());
        for part in accept_language.split(',').take(20) {
            let (tag, parameters) = part.split_once(';').unwrap_or((part, ""));
            let weight = parameters.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.trim().parse::<f32>().ok());
            if let (Some(language), Some(weight)) = (Self::from_tag(tag.trim()), weight)
                && weight > best.0
            {
                best = (weight, language);
            }
        }
        best.1
    }

    /// The language of a request: what the person chose, else what the browser asks for.
    pub fn of(headers: &HeaderMap) -> Self {
        let chosen = [CookieScope::TlsOnly, CookieScope::AnyTransport].into_iter().find_map(|scope| {
            let name = CookieName::unmarked(LANGUAGE_COOKIE, scope);
            name.values(headers).find_map(Self::from_tag)
        });
        let asked = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        chosen.or_else(|| asked.map(Self::negotiate)).unwrap_or_default()
    }
}

impl<S: Sync> FromRequestParts<S> for Language {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(tag: &str) -> Language {
        Language::from_tag(tag).unwrap()
    }

    #[test]
    fn accept_language_is_followed_by_weight() {
        for (header, expected) in [
            ("fr", "fr"),
            ("fr-CA, en;q=0.8", "fr"),
            ("en;q=0.5, fr;q=0.9", "fr"),
            ("nl, fr;q=0.4, en;q=0.7", "en"),
            ("nl, pt;q=0.9, IT-ch;q=0.7, de;q=0.3", "it"),
            ("nl", "en"),
            ("", "en"),
            ("fr;q=0", "en"),
            ("fr;q=x, ;;,", "en"),
        ] {
            assert_eq!(Language::negotiate(header), language(expected), "{header:?}");
        }
    }

    #[test]
    fn the_language_of_the_cookie_wins() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, "en".parse().unwrap());
        headers.insert(header::COOKIE, "voter=x; language=fr".parse().unwrap());
        assert_eq!(Language::of(&headers), language("fr"));
        headers.insert(header::COOKIE, "language=<b>".parse().unwrap());
        assert_eq!(Language::of(&headers), language("en"));
    }
}
