//! Made-up ids, for polls without a chosen one.

use domain::{KeyPurpose, PollId, Secret};

/// The letters of made-up ids: none that is mistaken for another when read aloud or copied.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
const LENGTH: usize = 8;

/// A random id: one of 2^40.
pub(crate) fn made_up_id() -> PollId {
    spelled(program::random_bytes())
}

/// The id that belongs to `once`, `content` and `attempt`; without the secret nobody can derive it.
pub(crate) fn id_of(secret: &Secret, once: &str, content: &[u8], attempt: u8) -> PollId {
    spelled(secret.signer(KeyPurpose::PollIds).tag(&[once.as_bytes(), content, &[attempt]]))
}

fn spelled(bytes: [u8; LENGTH]) -> PollId {
    let letters = bytes.map(|byte| LETTERS[usize::from(byte) % LETTERS.len()]);
    let text = str::from_utf8(&letters).expect("ASCII letters and digits");
    PollId::parse(text).expect("letters and digits are an id")
}
