//! The organiser's token: who knows it is the organiser. Both hosts check it here, and limit guessing.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use axum::response::{IntoResponse, Response};
use domain::{KeyPurpose, Secret, Signer};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::{
    attempts::{Attempts, Budget},
    language::Language,
    problem::Problem,
    texts::{SharedText, shared_text},
};
use program::{
    log_throttle::LogThrottle,
    settings::{Hidden, cleaned},
};

/// Wrong tokens from one address.
const WRONG_TOKENS: Budget = Budget { burst: 8, each: Duration::from_secs(10) };
/// Wrong tokens in all.
const WRONG_TOKENS_IN_ALL: Budget = Budget { burst: 100, each: Duration::from_secs(1) };

/// The shortest time between two lines of the log about wrong tokens.
const BETWEEN_LINES: Duration = Duration::from_mins(1);

/// The organiser's token, and how many wrong ones were sent lately.
pub struct OrganiserToken {
    token: Option<Hidden>,
    links: Secret,
    signer: Signer,
    attempts: Attempts<()>,
    wrong: LogThrottle,
}

/// Why a request is not the organiser's. As an answer it is a problem of the API (RFC 9457, RFC 6750).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOrganiser {
    /// This installation has no organiser.
    NoOrganiser,
    /// No token was sent.
    NoToken,
    /// The token is wrong.
    WrongToken,
    /// The token is wrong, and there were too many wrong ones lately; so many seconds to wait before the next.
    TooMany(u32),
}

impl OrganiserToken {
    /// The token of this installation; `None` if it has no organiser.
    pub fn new(token: Option<Hidden>, secret: &Secret) -> Self {
        let attempts = Attempts::new(WRONG_TOKENS, WRONG_TOKENS_IN_ALL);
        let links = token.as_ref().map_or_else(|| secret.clone(), |token| secret.bound_to(token.reveal()));
        Self {
            token,
            links,
            signer: secret.signer(KeyPurpose::OrganiserToken),
            attempts,
            wrong: LogThrottle::new(BETWEEN_LINES),
        }
    }

    /// The key of the links on the organiser's page ([`crate::signed_link`]). With another token they all become
    /// invalid.
    pub fn links(&self) -> &Secret {
        &self.links
    }

    /// The token itself, to derive sessions from; `None` if there is no organiser.
    pub fn reveal(&self) -> Option<&str> {
        self.token.as_ref().map(Hidden::reveal)
    }

    /// Whether `sent` from `address` is the token, which it may be at any time. Wrong ones are counted.
    pub fn check(&self, sent: &str, address: IpAddr) -> Result<(), NotOrganiser> {
        let token = self.reveal().ok_or(NotOrganiser::NoOrganiser)?;
        let now = Instant::now();
        // Signatures are compared, so that the time reveals neither the token nor its length.
        if self.signer.verify(&self.signer.sign(&[token.as_bytes()]), &[sent.as_bytes()]) {
            return Ok(());
        }
        if let Some(count) = self.wrong.due() {
            tracing::warn!(event = "organiser.wrong_token", count, "wrong organiser's tokens were sent");
        }
        self.attempts.wrong((), address, now).map_err(|wait| NotOrganiser::TooMany(wait.seconds()))?;
        Err(NotOrganiser::WrongToken)
    }
}

/// The bearer token of a request (RFC 6750). An empty one, or one that is no text, is wrong; other schemes are ignored.
pub fn bearer_token(headers: &HeaderMap) -> Option<String> {
    let value = String::from_utf8_lossy(headers.get(header::AUTHORIZATION)?.as_bytes());
    let (scheme, token) = value.split_once(' ').unwrap_or((&value, ""));
    scheme.eq_ignore_ascii_case("Bearer").then(|| cleaned(token).to_owned())
}

impl NotOrganiser {
    /// What is wrong, for people.
    pub fn text(self, language: Language) -> String {
        let key = match self {
            Self::NoOrganiser => SharedText::NoOrganiser,
            Self::NoToken => SharedText::TokenNeeded,
            Self::WrongToken => SharedText::WrongToken,
            Self::TooMany(seconds) => {
                let seconds = language.number(u64::from(seconds));
                return shared_text(language, SharedText::TooManyTokens, &[("seconds", &seconds)]);
            }
        };
        shared_text(language, key, &[])
    }

    /// The answer for programs, with the words of this language.
    pub fn answer(self, language: Language) -> Response {
        let detail = self.text(language);
        let challenge = match self {
            Self::NoOrganiser => return Problem::new(StatusCode::FORBIDDEN, "no-organiser", detail).into_response(),
            Self::TooMany(seconds) => {
                let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-tries", detail);
                return problem.retry_after(seconds).into_response();
            }
            Self::NoToken => "Bearer realm=\"scrutin\"",
            Self::WrongToken => "Bearer realm=\"scrutin\", error=\"invalid_token\"",
        };
        let mut response = Problem::new(StatusCode::UNAUTHORIZED, "not-organiser", detail).into_response();
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        response
    }
}

impl IntoResponse for NotOrganiser {
    fn into_response(self) -> Response {
        self.answer(Language::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "the-organisers-token";

    fn door(token: Option<&str>) -> OrganiserToken {
        OrganiserToken::new(token.map(|token| token.to_owned().into()), &Secret::parse(&"x".repeat(32)).unwrap())
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn only_the_token_itself_is_right_and_without_one_nothing_is() {
        let closed = door(None);
        assert_eq!(closed.check("", address(1)), Err(NotOrganiser::NoOrganiser));
        let door = door(Some(TOKEN));
        assert_eq!(door.check(TOKEN, address(1)), Ok(()));
        for wrong in ["", "the-organisers-tokem", "the-organisers-token ", "the-organisers"] {
            assert_eq!(door.check(wrong, address(1)), Err(NotOrganiser::WrongToken), "{wrong:?}");
        }
    }

    #[test]
    fn the_right_token_always_passes_and_wrong_ones_wait() {
        let door = door(Some(TOKEN));
        for _ in 0..8 {
            assert_eq!(door.check("guess", address(1)), Err(NotOrganiser::WrongToken));
        }
        for _ in 0..1_000 {
            assert!(matches!(door.check("guess", address(1)), Err(NotOrganiser::TooMany(seconds)) if seconds > 0));
            assert_eq!(door.check(TOKEN, address(1)), Ok(()));
        }
        assert_eq!(door.check("guess", address(2)), Err(NotOrganiser::WrongToken));
    }

    #[test]
    fn wrong_tokens_from_many_addresses_wait_as_well() {
        let door = door(Some(TOKEN));
        let told =
            (0..=255).filter(|last| door.check("guess", address(*last)) == Err(NotOrganiser::WrongToken)).count();
        assert!((100..110).contains(&told), "{told}");
        assert_eq!(door.check(TOKEN, address(1)), Ok(()));
    }

    #[test]
    fn a_bearer_token_is_found_whatever_the_case_of_its_scheme() {
        let sent = |value: &[u8]| {
            let value = HeaderValue::from_bytes(value).unwrap();
            bearer_token(&HeaderMap::from_iter([(header::AUTHORIZATION, value)]))
        };
        assert_eq!(sent(b"bearer  abc ").as_deref(), Some("abc"));
        assert_eq!(sent(b"Bearer").as_deref(), Some(""), "a wrong one, not none");
        assert_eq!(sent(b"Bearer \xff\xfe").as_deref(), Some("\u{fffd}\u{fffd}"));
        assert_eq!(sent(b"Basic abc"), None);
        assert_eq!(bearer_token(&HeaderMap::new()), None);
    }
}
