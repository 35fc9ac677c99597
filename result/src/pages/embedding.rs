//! Which pages may show the live result in a frame. The other pages of this service can't be framed.

use std::str::FromStr;

use program::origin::{Origin, OriginError};
use web::headers::SecurityHeaders;

/// Pages that may frame `/p/POLL/embed` (`EMBED_ORIGINS`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EmbedOrigin {
    /// `*`: all, also slides in a file.
    Any,
    /// Those of one origin.
    Of(Origin),
}

impl FromStr for EmbedOrigin {
    type Err = OriginError;
    fn from_str(text: &str) -> Result<Self, OriginError> {
        if text.trim() == "*" { Ok(Self::Any) } else { text.parse().map(Self::Of) }
    }
}

/// The headers of `/p/POLL/embed`. Without an origin it can't be framed, like all other pages.
pub(crate) fn headers(origins: &[EmbedOrigin]) -> SecurityHeaders {
    if origins.contains(&EmbedOrigin::Any) {
        return SecurityHeaders::embeddable_anywhere();
    }
    let of: Vec<&Origin> = origins
        .iter()
        .filter_map(|origin| match origin {
            EmbedOrigin::Of(origin) => Some(origin),
            EmbedOrigin::Any => None,
        })
        .collect();
    if of.is_empty() { SecurityHeaders::new(None) } else { SecurityHeaders::embeddable(&of) }
}
