//! SHA-256 over parts whose boundaries are part of what is hashed.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::tagged::{decode_base64, encode_base64};

/// The length of a digest, in bytes.
pub const DIGEST_BYTES: usize = 32;

/// A SHA-256 digest.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; DIGEST_BYTES]);

impl Digest {
    /// From its bytes.
    pub const fn from_bytes(bytes: [u8; DIGEST_BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; DIGEST_BYTES] {
        &self.0
    }

    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads what [`Display`](fmt::Display) writes: 64 lower-case hexadecimal digits.
    pub fn parse_hex(text: &str) -> Option<Self> {
        parse_hex(text).map(Self)
    }

    /// Digests that stand one behind the other, as tiles hold them; `None` if the length is no multiple of 32.
    pub fn list(bytes: &[u8]) -> Option<Vec<Self>> {
        let (digests, rest) = bytes.as_chunks::<DIGEST_BYTES>();
        rest.is_empty().then(|| digests.iter().map(|digest| Self(*digest)).collect())
    }

    /// The bytes of these digests, one behind the other.
    pub fn join(digests: &[Self]) -> Vec<u8> {
        digests.iter().flat_map(|digest| digest.0).collect()
    }

    /// In URL-safe base64 without padding.
    pub fn to_base64(self) -> String {
        encode_base64(&[&self.0])
    }

    /// Reads what [`to_base64`](Self::to_base64) writes.
    pub fn parse_base64(text: &str) -> Option<Self> {
        decode_base64(text).map(Self)
    }
}

/// `N` bytes from twice as many lower-case hexadecimal digits.
pub(crate) fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

/// Lower-case hexadecimal digits.
pub(crate) fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// Hashes parts in an order that is fixed by what they are: a text stands behind its length in bytes, an integer is 8
/// bytes, big-endian. So no two lists of parts of one kind are the same message.
#[derive(Clone)]
pub(crate) struct Parts(Sha256);

impl Parts {
    /// Begins with the text that says what is hashed.
    pub(crate) fn labelled(label: &str) -> Self {
        Self(Sha256::new()).text(label)
    }

    /// Begins with one byte: RFC 6962 tells leaves from inner nodes by it.
    pub(crate) fn prefixed(prefix: u8) -> Self {
        Self(Sha256::new()).bytes(&[prefix])
    }

    /// Adds a text behind its length.
    pub(crate) fn text(self, text: &str) -> Self {
        self.integer(text.len() as u64).bytes(text.as_bytes())
    }

    /// Adds an integer.
    pub(crate) fn integer(self, integer: u64) -> Self {
        self.bytes(&integer.to_be_bytes())
    }

    /// Adds bytes of a length that is always the same.
    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.update(bytes);
        self
    }

    /// The digest.
    pub(crate) fn digest(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}
