//! The ids of new polls and events: chosen ones, and made-up ones where none was chosen. Both follow the same rules.

use domain::{KeyPurpose, PollId, Secret};

use crate::refusal::Refusal;

/// Ids that none can have, since addresses such as `/organise/sign-in` mean something else.
const RESERVED_IDS: [&str; 2] = ["sign-in", "sign-out"];
/// How many made-up ids are tried; one in 2^40 is taken.
pub(crate) const ID_ATTEMPTS: u8 = 3;

/// The letters of made-up ids: none that is mistaken for another when read aloud or copied.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
const LENGTH: usize = 8;

/// The id that an organiser chose, unless it is reserved.
pub(crate) fn chosen_id(text: &str) -> Result<PollId, Refusal> {
    let id = PollId::parse(text).ok().filter(|id| !RESERVED_IDS.contains(&id.as_str()));
    id.ok_or(Refusal::InvalidId)
}

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
