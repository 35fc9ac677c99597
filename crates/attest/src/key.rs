//! The Ed25519 key by which an installation signs notes, and what checks its signatures.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{Digest, InstallationId, KeyPurpose, Secret};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::note::{NoteError, NoteSignature, NoteText, SignedNote};

/// The type byte of Ed25519 keys in C2SP's signed notes.
const ED25519_TYPE: u8 = 1;

/// Signs the notes of an installation. The same note always gets the same signature.
pub struct NoteKey {
    pair: Ed25519KeyPair,
    verifier: VerifierKey,
}

/// Checks the signatures of one key: what `/.well-known/scrutin-key` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    public: [u8; 32],
}

/// Not a verifier key of Ed25519.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is one line, such as scrutin/0a1b2c+3d4e5f60+AWxvb2…")]
pub struct KeyError;

/// The name of the key of an installation.
pub fn key_name(installation: &InstallationId) -> String {
    format!("scrutin/{installation}")
}

impl NoteKey {
    /// The key of this installation, which follows from its secret.
    pub fn new(secret: &Secret, installation: &InstallationId) -> Self {
        let seed = secret.sign(KeyPurpose::Notes, &[]);
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("every 32 bytes are a seed");
        let public = pair.public_key().as_ref().try_into().expect("a public key has 32 bytes");
        Self { pair, verifier: VerifierKey::new(key_name(installation), public) }
    }

    /// What checks its signatures.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The note with its signature, as it is sent.
    pub fn sign(&self, note: &impl NoteText) -> String {
        let text = note.text();
        let VerifierKey { name, id, .. } = &self.verifier;
        let signature = self.pair.sign(text.as_bytes()).as_ref().to_vec();
        NoteSignature { name: name.clone(), key_id: *id, signature }.below(&text)
    }
}

/// Shows nothing of the key.
impl fmt::Debug for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteKey({})", self.verifier)
    }
}

impl VerifierKey {
    fn new(name: String, public: [u8; 32]) -> Self {
        let message = [name.as_bytes(), b"\n", &[ED25519_TYPE], &public].concat();
        let id = *Digest::of(&message).as_bytes().first_chunk().expect("a digest is longer");
        Self { name, id, public }
    }

    /// The name: `scrutin/INSTALLATION` where it is one of Scrutin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same key under the name that it has in this installation. All installations of one secret have one key, and
    /// a tree that was imported keeps the name of the one in which it began.
    pub fn of_installation(&self, installation: &InstallationId) -> Self {
        Self::new(key_name(installation), self.public)
    }

    /// Whether both are one key, under whichever names.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.public == other.public
    }

    /// Checks a note and returns what it says: whether this key signed it under the name that it has in the note's
    /// installation.
    ///
    /// Signatures of other keys are passed over, as C2SP says; one of this key that is wrong spoils the note.
    pub fn open<T: NoteText>(&self, note: &str) -> Result<T, NoteError> {
        let note = SignedNote::parse(note)?;
        // Of another text it is not known which key is to have signed it, so nobody is accused of a wrong signature.
        let statement = T::parse(note.text()).ok_or(NoteError::AnotherText)?;
        self.of_installation(statement.installation()).check(&note)?;
        Ok(statement)
    }

    /// Whether this key signed the note.
    pub fn check(&self, note: &SignedNote) -> Result<(), NoteError> {
        let ours = |signature: &&NoteSignature| signature.name == self.name && signature.key_id == self.id;
        let mut signatures = note.signatures().iter().filter(ours).peekable();
        signatures.peek().ok_or(NoteError::NotSigned)?;
        let key = UnparsedPublicKey::new(&ED25519, self.public);
        let right = |signature: &NoteSignature| key.verify(note.text().as_bytes(), &signature.signature).is_ok();
        if signatures.all(right) { Ok(()) } else { Err(NoteError::WrongSignature) }
    }
}

/// As C2SP writes a verifier key: `NAME+KEYID+BASE64`.
impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = u32::from_be_bytes(self.id);
        let encoded = STANDARD.encode([&[ED25519_TYPE], &self.public[..]].concat());
        write!(f, "{}+{id:08x}+{encoded}", self.name)
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (name, rest) = text.split_once('+').ok_or(KeyError)?;
        let (_, encoded) = rest.split_once('+').ok_or(KeyError)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| KeyError)?;
        let [ED25519_TYPE, public @ ..] = &bytes[..] else { return Err(KeyError) };
        let key = Self::new(name.to_owned(), public.try_into().map_err(|_| KeyError)?);
        let is_foreign = |c: char| c.is_whitespace() || c.is_control();
        let fits = !name.is_empty() && !name.contains(is_foreign) && key.to_string() == text;
        if fits { Ok(key) } else { Err(KeyError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checkpoint::Checkpoint, note::MAX_NOTE_BYTES, origin::TreeOrigin};

    /// The note and the key of the specification's example (c2sp.org/signed-note has the note; Go's package
    /// `sumdb/note` has this pair).
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    fn key(seed: &str) -> NoteKey {
        NoteKey::new(&Secret::parse(&seed.repeat(32)).unwrap(), &InstallationId::new("7b1f"))
    }

    #[test]
    fn a_note_of_somebody_elses_program_is_checked() {
        let key: VerifierKey = KEY.parse().unwrap();
        assert_eq!(key.to_string(), KEY);
        let note = SignedNote::parse(NOTE).unwrap();
        assert_eq!(key.check(&note), Ok(()));
        let forged = SignedNote::parse(&NOTE.replace("answer", "solution")).unwrap();
        assert_eq!(key.check(&forged), Err(NoteError::WrongSignature));
        let other = SignedNote::parse(&NOTE.replace("PeterNeumann", "Peter")).unwrap();
        assert_eq!(key.check(&other), Err(NoteError::NotSigned));
        assert_eq!(key.open::<Checkpoint>(NOTE), Err(NoteError::AnotherText));
        assert_eq!(key.open::<Checkpoint>(&NOTE.replace("answer", "solution")), Err(NoteError::AnotherText));
        let line = NOTE.lines().last().unwrap();
        let foreign = format!("{NOTE}{}\n", line.replace("PeterNeumann", "Somebody"));
        assert_eq!(key.check(&SignedNote::parse(&foreign).unwrap()), Ok(()));
        let spoilt = format!("{NOTE}{}\n", line.replace("nAM=", "mAM="));
        assert_eq!(key.check(&SignedNote::parse(&spoilt).unwrap()), Err(NoteError::WrongSignature));
    }

    #[test]
    fn the_key_follows_from_the_secret_and_stays_the_same() {
        assert_eq!(key("x").verifier(), key("x").verifier());
        assert_ne!(key("x").verifier().to_string(), key("y").verifier().to_string());
        let golden = "scrutin/7b1f+4bf053fd+ARLE7d4Bc8Osu/CEDUx5WZ9r2bSVqYJWdpcVO7gi/ByV";
        assert_eq!(key("x").verifier().to_string(), golden);
        assert!(!format!("{:?}", key("x")).contains("seed"));
    }

    #[test]
    fn one_secret_has_one_key_under_the_name_of_each_installation() {
        let origin = TreeOrigin::parse("scrutin/7b1f/tea/1/0/0").unwrap();
        let checkpoint = Checkpoint { origin, size: 0, root: domain::empty_root() };
        let note = key("x").sign(&checkpoint);
        let of = |seed: &str, installation: &str| {
            NoteKey::new(&Secret::parse(&seed.repeat(32)).unwrap(), &InstallationId::new(installation))
        };
        let (elsewhere, another) = (of("x", "moved"), of("y", "7b1f"));
        assert_eq!(elsewhere.verifier().open(&note), Ok(checkpoint.clone()));
        assert!(elsewhere.verifier().is_same_as(key("x").verifier()));
        assert_eq!(another.verifier().open::<Checkpoint>(&note), Err(NoteError::NotSigned));
        assert!(!another.verifier().is_same_as(key("x").verifier()));
        // The name in the signature is that of the installation in the text.
        let foreign = elsewhere.sign(&checkpoint);
        assert_eq!(key("x").verifier().open::<Checkpoint>(&foreign), Err(NoteError::NotSigned));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let wrong_id = KEY.replace("c74f20a3", "c74f20a4");
        let wrong_type = KEY.replace("+ARpc", "+ABpc");
        for bad in ["", "a+b", "a+b+c", &wrong_id, &wrong_type, &KEY[..KEY.len() - 4], &format!("{KEY}\n")] {
            assert_eq!(bad.parse::<VerifierKey>(), Err(KeyError), "{bad}");
        }
    }

    #[test]
    fn what_is_no_note_is_refused() {
        let bad = [
            "",
            "text\n",
            "text\n\n",
            "text\n\nno signature\n",
            "text\n\n—  AAAAAA==\n",
            "text\n\n— name\n",
            "text\n\n— name AAA=\n",
            "te\rxt\n\n— name AAAAAAA=\n",
            "text\n\n— name AAAAAAA=",
        ];
        for bad in bad {
            assert_eq!(SignedNote::parse(bad), Err(NoteError::NotANote), "{bad:?}");
        }
        assert!(SignedNote::parse("text\n\nmore\n\n— name AAAAAAA=\n").is_ok());
        let long = format!("{}\n\n— name AAAAAAA=\n", "x".repeat(MAX_NOTE_BYTES));
        assert_eq!(SignedNote::parse(&long), Err(NoteError::NotANote));
    }
}
