//! Which pages may show the live result in a frame. No other page of this service may be framed by anybody.

use std::str::FromStr;

use program::origin::{Origin, OriginError};
use web::headers::SecurityHeaders;

/// Whose pages may frame the page made for it (`EMBED_ORIGINS`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EmbedOrigin {
    /// `*`: everybody's, and those of slides in a file.
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

/// The headers of the page made for frames: without any origin it keeps to itself like all the others.
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
