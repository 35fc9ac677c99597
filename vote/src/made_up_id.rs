//! Ids for polls that were given none.

use domain::PollId;

/// What a made-up id consists of: no letters or digits that are mistaken for others when read aloud or copied.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
const LENGTH: usize = 8;

/// A random id: one of 2^40.
pub(crate) fn made_up_id() -> PollId {
    let letters = service::random_bytes::<LENGTH>().map(|byte| LETTERS[usize::from(byte) % LETTERS.len()]);
    let text = str::from_utf8(&letters).expect("ASCII letters and digits");
    PollId::parse(text).expect("letters and digits are an id")
}
