//! The key of an installation, and what is derived from it.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// The shortest `SECRET_KEY`, in bytes.
pub const MIN_SECRET_BYTES: usize = 32;
/// A whole signature.
const MAC_BYTES: usize = 32;

/// The secret of an installation (`SECRET_KEY`). All services of one installation share it.
///
/// Each [`KeyPurpose`] has a key of its own derived from it, so that what is made for one purpose is worth nothing for
/// another.
#[derive(Clone)]
pub struct Secret {
    root: Signer,
    // Kept ready, because every ballot needs them.
    cookie_voters: Signer,
    code_voters: Signer,
    receipts: Signer,
    receipt_masks: Signer,
}

/// What a key is for: all purposes there are, so that one look shows that no two share a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPurpose {
    /// Pseudonyms of voters who are known by their cookie.
    CookieVoters,
    /// Pseudonyms of voters who are known by their voting code.
    CodeVoters,
    /// The MAC of a receipt.
    Receipts,
    /// What hides the pseudonym in a receipt.
    ReceiptMasks,
    /// The fingerprint by which log and ledger know the secret.
    Fingerprint,
    /// A secret that is bound to a text; see [`Secret::bound_to`].
    Bound,
    /// The mark of the installation in the names of cookies.
    CookieNames,
    /// The cookie `voter`.
    VoterCookie,
    /// The cookie `ballots`.
    BallotsCookie,
    /// The cookie `voter` of release 0.1.0.
    FirstVoterCookie,
    /// The cookie `ballots` of release 0.1.0.
    FirstBallotsCookie,
    /// The cookie `turns`.
    TurnsCookie,
    /// The session cookie of the organiser.
    OrganiserCookie,
    /// Comparing the organiser's token with what was sent.
    OrganiserToken,
    /// Voting codes of a poll.
    VotingCodes,
    /// Voting codes of an event.
    EventVotingCodes,
    /// Poll ids that are derived from a request.
    PollIds,
    /// Links to exports.
    ExportLinks,
    /// Links to the votes of a hidden poll.
    FiguresLinks,
    /// Links for the organiser's projector.
    ProjectorLinks,
    /// The key by which what anyone can check is signed.
    Notes,
}

/// HMAC-SHA-256 under one key, which is worked into the hash once, not at each signature.
#[derive(Clone)]
pub struct Signer(Hmac<Sha256>);

/// The given key is too short to be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at least {MIN_SECRET_BYTES} bytes of randomness are needed, not {0}")]
pub struct SecretError(usize);

impl KeyPurpose {
    /// What the key is derived from. It never changes: all that was signed with the key would be invalid.
    fn word(self) -> &'static str {
        match self {
            Self::CookieVoters => "voter.cookie",
            Self::CodeVoters => "voter.code",
            Self::Receipts => "receipt",
            Self::ReceiptMasks => "receipt.mask",
            Self::Fingerprint => "installation.fingerprint",
            Self::Bound => "bound",
            Self::CookieNames => "cookie.names",
            Self::VoterCookie => "cookie.voter.2",
            Self::BallotsCookie => "cookie.ballots.2",
            Self::FirstVoterCookie => "cookie.voter",
            Self::FirstBallotsCookie => "cookie.ballots",
            Self::TurnsCookie => "cookie.turns",
            Self::OrganiserCookie => "cookie.organiser",
            Self::OrganiserToken => "organiser.token",
            Self::VotingCodes => "code",
            Self::EventVotingCodes => "code.event",
            Self::PollIds => "poll.once",
            Self::ExportLinks => "link.export",
            Self::FiguresLinks => "link.figures",
            Self::ProjectorLinks => "link.projector",
            Self::Notes => "note",
        }
    }
}

impl Secret {
    /// Takes the configured key, of at least [`MIN_SECRET_BYTES`].
    pub fn parse(key: &str) -> Result<Self, SecretError> {
        if key.len() < MIN_SECRET_BYTES {
            return Err(SecretError(key.len()));
        }
        Ok(Self::of(Signer::new(&Signer::new(key.as_bytes()).sign(&[b"scrutin"]))))
    }

    /// A secret of the same installation and of this text. With another text it signs nothing alike.
    pub fn bound_to(&self, text: &str) -> Self {
        Self::of(Signer::new(&self.sign(KeyPurpose::Bound, &[text.as_bytes()])))
    }

    fn of(root: Signer) -> Self {
        Self {
            cookie_voters: root.derived(KeyPurpose::CookieVoters),
            code_voters: root.derived(KeyPurpose::CodeVoters),
            receipts: root.derived(KeyPurpose::Receipts),
            receipt_masks: root.derived(KeyPurpose::ReceiptMasks),
            root,
        }
    }

    /// Signs for one purpose. Keep it where many signatures are made.
    pub fn signer(&self, purpose: KeyPurpose) -> Signer {
        self.root.derived(purpose)
    }

    /// One signature for `purpose`; see [`Signer::sign`].
    pub fn sign(&self, purpose: KeyPurpose, parts: &[&[u8]]) -> [u8; MAC_BYTES] {
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

    fn derived(&self, purpose: KeyPurpose) -> Self {
        Self::new(&self.sign(&[purpose.word().as_bytes()]))
    }

    /// HMAC-SHA-256 over the parts. Each goes in with its length, so no two lists of parts are the same message.
    pub fn sign(&self, parts: &[&[u8]]) -> [u8; MAC_BYTES] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&u64::try_from(part.len()).expect("a length fits").to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// A short signature: the first `N` bytes, at most 32.
    pub fn tag<const N: usize>(&self, parts: &[&[u8]]) -> [u8; N] {
        *self.sign(parts).first_chunk().expect("a tag is no longer than the signature")
    }

    /// Whether this is the [`tag`](Self::tag) of the parts. Takes the same time for every wrong tag.
    pub fn verify<const N: usize>(&self, tag: &[u8; N], parts: &[&[u8]]) -> bool {
        are_equal(&self.tag::<N>(parts), tag)
    }
}

/// Whether the two are equal, found out in a time that depends only on their length.
pub fn are_equal(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
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
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_short_key_is_refused() {
        assert_eq!(Secret::parse("short").unwrap_err(), SecretError(5));
        assert!(Secret::parse(&"x".repeat(32)).is_ok());
    }

    #[test]
    fn purposes_and_parts_do_not_mix() {
        let secret = Secret::parse(&"x".repeat(32)).unwrap();
        let sign = |purpose, parts: &[&[u8]]| secret.sign(purpose, parts);
        assert_ne!(sign(KeyPurpose::CookieVoters, &[b"a"]), sign(KeyPurpose::CodeVoters, &[b"a"]));
        assert_ne!(sign(KeyPurpose::Receipts, &[b"ab", b"c"]), sign(KeyPurpose::Receipts, &[b"a", b"bc"]));
        assert!(!format!("{secret:?}").contains('x'));
    }

    #[test]
    fn every_purpose_has_a_word_of_its_own() {
        let last = KeyPurpose::Notes as u8;
        let all = [
            KeyPurpose::CookieVoters,
            KeyPurpose::CodeVoters,
            KeyPurpose::Receipts,
            KeyPurpose::ReceiptMasks,
            KeyPurpose::Fingerprint,
            KeyPurpose::Bound,
            KeyPurpose::CookieNames,
            KeyPurpose::VoterCookie,
            KeyPurpose::BallotsCookie,
            KeyPurpose::FirstVoterCookie,
            KeyPurpose::FirstBallotsCookie,
            KeyPurpose::TurnsCookie,
            KeyPurpose::OrganiserCookie,
            KeyPurpose::OrganiserToken,
            KeyPurpose::VotingCodes,
            KeyPurpose::EventVotingCodes,
            KeyPurpose::PollIds,
            KeyPurpose::ExportLinks,
            KeyPurpose::FiguresLinks,
            KeyPurpose::ProjectorLinks,
            KeyPurpose::Notes,
        ];
        assert_eq!(all.map(|purpose| purpose as u8).to_vec(), (0..=last).collect::<Vec<_>>());
        assert_eq!(BTreeSet::from(all.map(KeyPurpose::word)).len(), all.len());
    }

    #[test]
    fn only_the_tag_of_these_parts_is_accepted() {
        let secret = Secret::parse(&"x".repeat(32)).unwrap();
        let signer = secret.signer(KeyPurpose::VoterCookie);
        let tag: [u8; 8] = signer.tag(&[b"a"]);
        assert_eq!(tag, secret.sign(KeyPurpose::VoterCookie, &[b"a"])[..8]);
        assert!(signer.verify(&tag, &[b"a"]));
        assert!(!signer.verify(&tag, &[b"b"]));
        assert!(!secret.signer(KeyPurpose::BallotsCookie).verify(&tag, &[b"a"]));
        for index in 0..tag.len() {
            let mut forged = tag;
            forged[index] ^= 1;
            assert!(!signer.verify(&forged, &[b"a"]), "byte {index}");
        }
    }

    #[test]
    fn a_bound_secret_is_one_of_its_installation_and_text() {
        let secret = |key: &str| Secret::parse(&key.repeat(32)).unwrap();
        let signed = |secret: Secret| secret.sign(KeyPurpose::ExportLinks, &[]);
        assert_eq!(signed(secret("x").bound_to("a")), signed(secret("x").bound_to("a")));
        assert_ne!(signed(secret("x").bound_to("a")), signed(secret("x").bound_to("b")));
        assert_ne!(signed(secret("x").bound_to("a")), signed(secret("y").bound_to("a")));
        assert_ne!(signed(secret("x").bound_to("")), signed(secret("x")));
    }
}
