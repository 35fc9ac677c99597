//! Which pages may show the live result in a frame. No other page of this service may be framed by anybody.

use std::str::FromStr;

use service::{
    headers::SecurityHeaders,
    settings::{PublicUrl, PublicUrlError},
};

/// Whose pages may frame the page made for it (`EMBED_ORIGINS`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EmbedOrigin {
    /// `*`: everybody's.
    Any,
    /// Those of one origin.
    Of(PublicUrl),
}

impl FromStr for EmbedOrigin {
    type Err = PublicUrlError;
    fn from_str(text: &str) -> Result<Self, PublicUrlError> {
        if text == "*" { Ok(Self::Any) } else { text.parse().map(Self::Of) }
    }
}

impl EmbedOrigin {
    fn as_str(&self) -> &str {
        match self {
            Self::Any => "*",
            Self::Of(url) => url.as_str(),
        }
    }
}

/// The headers of the page made for frames: without any origin it keeps to itself like all the others.
pub(crate) fn headers(origins: &[EmbedOrigin]) -> SecurityHeaders {
    if origins.is_empty() {
        return SecurityHeaders::new(&[]);
    }
    let origins: Vec<&str> = origins.iter().map(EmbedOrigin::as_str).collect();
    SecurityHeaders::embeddable(&[], &origins.join(" "))
}
