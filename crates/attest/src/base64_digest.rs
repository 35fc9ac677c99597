//! Digests in standard base64 with padding, as C2SP has them.

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::Digest;

/// 44 characters.
pub(crate) fn write_digest(digest: &Digest) -> String {
    STANDARD.encode(digest.as_bytes())
}

/// Reads what [`write_digest`] writes, and nothing else.
pub(crate) fn parse_digest(text: &str) -> Option<Digest> {
    let bytes = STANDARD.decode(text).ok()?;
    Some(Digest::from_bytes(bytes.try_into().ok()?))
}
