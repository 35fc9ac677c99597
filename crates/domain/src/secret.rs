//! The key of an installation, and what is derived from it.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The shortest `SECRET_KEY`, in bytes.
pub const MIN_SECRET_BYTES: usize = 32;

/// The secret of an installation (`SECRET_KEY`). All services of one installation share it.
///
/// Pseudonyms, receipts, cookies and links each use a key of their own derived from it, so that
/// what is made for one purpose is worth nothing for another.
#[derive(Clone)]
pub struct Secret {
    root: Signer,
    // Kept ready, because every ballot needs them.
    cookie_voters: Signer,
    code_voters: Signer,
    receipts: Signer,
    receipt_masks: Signer,
}

/// HMAC-SHA-256 under one key, which is worked into the hash once, not at each signature.
#[derive(Clone)]
pub struct Signer(Hmac<Sha256>);

/// The given key is too short to be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at least {MIN_SECRET_BYTES} bytes of randomness are needed, not {0}")]
pub struct SecretError(usize);

impl Secret {
    /// Takes the configured key, of at least [`MIN_SECRET_BYTES`].
    pub fn parse(key: &str) -> Result<Self, SecretError> {
        if key.len() < MIN_SECRET_BYTES {
            return Err(SecretError(key.len()));
        }
        Ok(Self::of(Signer::new(&Signer::new(key.as_bytes()).sign(&[b"scrutin"]))))
    }

    /// A secret of the same installation and of this text: with another text, everything that it signs is another.
    pub fn bound_to(&self, text: &str) -> Self {
        Self::of(Signer::new(&self.sign("bound", &[text.as_bytes()])))
    }

    fn of(root: Signer) -> Self {
        let signer = |purpose| root.signer(purpose);
        let (cookie_voters, code_voters) = (signer("voter.cookie"), signer("voter.code"));
        let (receipts, receipt_masks) = (signer("receipt"), signer("receipt.mask"));
        Self { root, cookie_voters, code_voters, receipts, receipt_masks }
    }

    /// The key for one purpose (RFC 5869's expand step with a single block).
    pub fn key(&self, purpose: &str) -> [u8; 32] {
        self.signer(purpose).sign(&[])
    }

    /// Signs for one purpose. Keep it where many signatures are made.
    pub fn signer(&self, purpose: &str) -> Signer {
        self.root.signer(purpose)
    }

    /// One signature for `purpose`; see [`Signer::sign`].
    pub fn sign(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        self.signer(purpose).sign(parts)
    }

    pub(crate) fn cookie_voters(&self) -> &Signer {
        &self.cookie_voters
    }

    pub(crate) fn code_voters(&self) -> &Signer {
        &self.code_voters
    }

    pub(crate) fn receipts(&self) -> &Signer {
        &self.receipts
    }

    pub(crate) fn receipt_masks(&self) -> &Signer {
        &self.receipt_masks
    }
}

impl Signer {
    fn new(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes a key of any length"))
    }

    fn signer(&self, purpose: &str) -> Self {
        Self::new(&self.sign(&[purpose.as_bytes()]))
    }

    /// HMAC-SHA-256 over the parts. Each goes in with its length, so no two lists of parts are the same message.
    pub fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&u64::try_from(part.len()).expect("a length fits").to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

/// Shows nothing of the key.
impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(…)")
    }
}

/// Shows nothing of the key.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_key_is_refused() {
        assert_eq!(Secret::parse("short").unwrap_err(), SecretError(5));
        assert!(Secret::parse(&"x".repeat(32)).is_ok());
    }

    #[test]
    fn purposes_and_parts_do_not_mix() {
        let secret = Secret::parse(&"x".repeat(32)).unwrap();
        assert_ne!(secret.key("voter"), secret.key("receipt"));
        assert_ne!(secret.sign("voter", &[b"ab", b"c"]), secret.sign("voter", &[b"a", b"bc"]));
        assert!(!format!("{secret:?}").contains('x'));
    }

    #[test]
    fn a_bound_secret_is_one_of_its_installation_and_text() {
        let secret = |key: &str| Secret::parse(&key.repeat(32)).unwrap();
        let key = |secret: Secret| secret.key("link");
        assert_eq!(key(secret("x").bound_to("a")), key(secret("x").bound_to("a")));
        assert_ne!(key(secret("x").bound_to("a")), key(secret("x").bound_to("b")));
        assert_ne!(key(secret("x").bound_to("a")), key(secret("y").bound_to("a")));
        assert_ne!(key(secret("x").bound_to("")), key(secret("x")));
    }
}
