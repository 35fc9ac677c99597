//! The languages of the pages: which one a person wants, and the texts in both.

use std::{convert::Infallible, fmt::Write};

use axum::extract::FromRequestParts;
use http::{HeaderMap, header, request::Parts};

use crate::cookies::CookieName;

/// The cookie by which a person chooses a language for themselves. It has no installation's mark: a person speaks the
/// same language to all. Where it was set over TLS, nobody else's is looked at.
pub const LANGUAGE_COOKIE: &str = "language";

/// A language that the pages speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English, where nothing else is asked for.
    #[default]
    English,
    /// French.
    French,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::English, Self::French];

    /// The BCP 47 tag, for `<html lang>`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
        }
    }

    /// The language with this tag, whatever the region behind it.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
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
        let chosen = [true, false].into_iter().find_map(|is_https| {
            let name = CookieName::unmarked(LANGUAGE_COOKIE, is_https);
            name.values(headers).find_map(Self::from_tag)
        });
        let asked = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        chosen.or_else(|| asked.map(Self::negotiate)).unwrap_or_default()
    }

    /// A whole number as people write it: `1,234` or `1 234` (with a narrow no-break space).
    pub fn number(self, value: u64) -> String {
        let separator = match self {
            Self::English => ',',
            Self::French => '\u{202f}',
        };
        let digits = value.to_string();
        let mut text = String::with_capacity(digits.len() + digits.len() / 3 * 3);
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(separator);
            }
            text.push(digit);
        }
        text
    }
}

impl<S: Sync> FromRequestParts<S> for Language {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

/// One text: its key, in English, in French. `{name}` stands for a value.
pub type Message = (&'static str, &'static str, &'static str);

/// The texts of the frame that all pages share; every service adds them to its own.
pub const SHARED_MESSAGES: &[Message] = &[
    ("skip", "Skip to the content", "Aller au contenu"),
    ("instance", "Answered by {name}", "Réponse de {name}"),
    ("language.other", "Français", "English"),
    ("language.other.tag", "fr", "en"),
    ("tagline", "Live voting", "Vote en direct"),
    (
        "reach.no-network",
        "Phones can’t vote yet: this computer is in no network. Join one, then load this page again.",
        "Les téléphones ne peuvent pas encore voter\u{a0}: cet ordinateur n’est dans aucun réseau. \
         Rejoignez-en un, puis rechargez cette page.",
    ),
    (
        "reach.loopback-only",
        "Phones can’t vote: the voting page is served to this computer alone (VOTE_ADDR, LISTEN_ADDR).",
        "Les téléphones ne peuvent pas voter\u{a0}: la page de vote n’est servie qu’à cet ordinateur \
         (VOTE_ADDR, LISTEN_ADDR).",
    ),
    (
        "reach.elsewhere",
        "Phones don’t find this address: it leads each device to itself. \
         Open this page by the computer’s network address, or set VOTE_URL.",
        "Les téléphones ne trouvent pas cette adresse\u{a0}: elle mène chaque appareil à lui-même. \
         Ouvrez cette page par l’adresse réseau de l’ordinateur, ou réglez VOTE_URL.",
    ),
];

/// The texts of a service.
#[derive(Clone, Copy, Debug)]
pub struct Messages(pub &'static [&'static [Message]]);

impl Messages {
    /// The text for `key`; `None` if there is none, which is a mistake in a template.
    pub fn get(self, language: Language, key: &str) -> Option<&'static str> {
        let (_, english, french) = self.0.iter().flat_map(|list| list.iter()).find(|message| message.0 == key)?;
        Some(match language {
            Language::English => english,
            Language::French => french,
        })
    }

    /// The text for `key`, with its values put in. An unknown key gives the key itself.
    pub fn format(self, language: Language, key: &str, values: &[(&str, &str)]) -> String {
        let mut text = String::new();
        let mut rest = self.get(language, key).unwrap_or(key);
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(before);
            let Some((name, behind)) = after.split_once('}') else { break };
            match values.iter().find(|(known, _)| *known == name) {
                Some((_, value)) => text.push_str(value),
                None => write!(text, "{{{name}}}").expect("writing to a String"),
            }
            rest = behind;
        }
        text.push_str(rest);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browsers_wish_is_followed_by_weight() {
        for (header, expected) in [
            ("fr", Language::French),
            ("fr-CA, en;q=0.8", Language::French),
            ("en;q=0.5, fr;q=0.9", Language::French),
            ("de, fr;q=0.4, en;q=0.7", Language::English),
            ("de", Language::English),
            ("", Language::English),
            ("fr;q=0", Language::English),
            ("fr;q=x, ;;,", Language::English),
        ] {
            assert_eq!(Language::negotiate(header), expected, "{header:?}");
        }
    }

    #[test]
    fn what_a_person_chose_wins() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, "en".parse().unwrap());
        headers.insert(header::COOKIE, "voter=x; language=fr".parse().unwrap());
        assert_eq!(Language::of(&headers), Language::French);
        headers.insert(header::COOKIE, "language=<b>".parse().unwrap());
        assert_eq!(Language::of(&headers), Language::English);
    }

    #[test]
    fn numbers_are_written_as_people_do() {
        assert_eq!(Language::English.number(1_234_567), "1,234,567");
        assert_eq!(Language::French.number(1_234), "1\u{202f}234");
        assert_eq!(Language::English.number(123), "123");
    }

    #[test]
    fn texts_take_their_values_and_never_interpret_them() {
        let messages = Messages(&[&[("hello", "Hello {name}!", "Bonjour {name} !")]]);
        assert_eq!(messages.format(Language::French, "hello", &[("name", "{name}")]), "Bonjour {name} !");
        assert_eq!(messages.format(Language::English, "hello", &[("name", "Ada")]), "Hello Ada!");
        assert_eq!(messages.get(Language::English, "missing"), None);
    }
}
