//! Signed notes of C2SP: a text, an empty line, and lines with signatures.

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::InstallationId;

/// The longest note that is read, in bytes. The seal of 1,024 partitions has about 80,000.
pub const MAX_NOTE_BYTES: usize = 256 * 1024;

/// How many signatures of one note are looked at.
const MAX_SIGNATURES: usize = 64;

/// What begins a line with a signature: an em dash and a space.
const SIGNATURE_MARK: &str = "— ";

/// A statement that is signed as a text.
pub trait NoteText: Sized {
    /// The text, which ends with a newline. It is what is signed.
    fn text(&self) -> String;

    /// Of which installation it tells. The key that signs it has that one's name.
    fn installation(&self) -> &InstallationId;

    /// Reads what [`text`](Self::text) writes, and nothing that differs from it by a byte.
    fn parse(text: &str) -> Option<Self>;
}

/// A note whose signatures are not checked yet: see [`VerifierKey::open`](crate::VerifierKey::open).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// A line with a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoteSignature {
    /// The name of the key.
    pub(crate) name: String,
    /// The first bytes of the key's digest.
    pub(crate) key_id: [u8; 4],
    /// What the key made of the text.
    pub(crate) signature: Vec<u8>,
}

/// Why a note says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// No text with signatures behind it.
    #[error("it is not a signed note")]
    NotANote,
    /// Signed by others, or by nobody.
    #[error("it is not signed with this key")]
    NotSigned,
    /// The key did not sign this text.
    #[error("its signature is wrong")]
    WrongSignature,
    /// The text is of another kind than was expected. Whether it is signed was not asked.
    #[error("it is another text than it should be")]
    AnotherText,
}

impl SignedNote {
    /// Reads a note as it is stored and sent.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        let is_control = |byte: u8| byte < b' ' && byte != b'\n';
        if note.len() > MAX_NOTE_BYTES || note.bytes().any(is_control) {
            return Err(NoteError::NotANote);
        }
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::NotANote)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::NotANote)?;
        if lines.split('\n').count() > MAX_SIGNATURES {
            return Err(NoteError::NotANote);
        }
        let signatures = lines.split('\n').map(NoteSignature::parse).collect::<Option<_>>();
        Ok(Self { text: format!("{text}\n"), signatures: signatures.ok_or(NoteError::NotANote)? })
    }

    /// What is signed.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }
}

impl NoteSignature {
    fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix(SIGNATURE_MARK)?.split_once(' ')?;
        let bytes = STANDARD.decode(encoded).ok()?;
        let (key_id, signature) = bytes.split_first_chunk::<4>()?;
        (!name.is_empty()).then(|| Self { name: name.to_owned(), key_id: *key_id, signature: signature.to_vec() })
    }

    /// The note: a text with this signature.
    pub(crate) fn below(&self, text: &str) -> String {
        let encoded = STANDARD.encode([&self.key_id[..], &self.signature].concat());
        format!("{text}\n{SIGNATURE_MARK}{} {encoded}\n", self.name)
    }
}
