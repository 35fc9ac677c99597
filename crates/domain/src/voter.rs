//! Pseudonyms of voters.

use std::fmt;

use crate::{
    poll_id::PollId,
    secret::{Secret, Signer},
};

/// A voter's pseudonym in one poll: the first 16 bytes of HMAC-SHA-256(secret; poll, token).
///
/// The token (the random value in the voter's cookie, or a voting code) is stored nowhere, and the
/// pseudonyms of one person in two polls can't be joined without the secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VoterId([u8; 16]);

impl VoterId {
    /// The pseudonym in `poll` of the voter with this cookie token.
    pub fn of_cookie(secret: &Secret, poll: PollId, token: &[u8]) -> Self {
        Self::derive(secret.cookie_voters(), poll, token)
    }

    /// The pseudonym in `poll` of the voter with this voting code.
    pub fn of_code(secret: &Secret, poll: PollId, code: &[u8]) -> Self {
        Self::derive(secret.code_voters(), poll, code)
    }

    fn derive(signer: &Signer, poll: PollId, token: &[u8]) -> Self {
        let signed = signer.sign(&[poll.as_str().as_bytes(), token]);
        let mut id = [0; 16];
        id.copy_from_slice(&signed[..16]);
        Self(id)
    }

    /// A pseudonym read back from a log or a ledger.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes that logs and ledgers store.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// Shows nothing: a voter's id must not be in a log line.
impl fmt::Debug for VoterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VoterId(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pseudonym_of_a_cookie_never_changes() {
        let secret = Secret::parse("0123456789abcdef0123456789abcdef").unwrap();
        let voter = VoterId::of_cookie(&secret, PollId::MAIN, b"token");
        // A changed derivation would make every voter of a running poll a new one.
        assert_eq!(u128::from_be_bytes(*voter.as_bytes()), GOLDEN, "{:#x}", u128::from_be_bytes(*voter.as_bytes()));
        assert_ne!(voter, VoterId::of_cookie(&secret, PollId::parse("other").unwrap(), b"token"));
        assert_ne!(voter, VoterId::of_code(&secret, PollId::MAIN, b"token"));
    }

    const GOLDEN: u128 = 0x8d3f_afbe_403c_f047_1e05_278f_440b_b21b;
}
