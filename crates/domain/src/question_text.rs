//! The rules of a text that stands large on a page: a poll's question, an event's title.

use crate::text::{self, Shape};

/// The longest such text, in characters.
pub(crate) const MAX_CHARS: usize = 500;

/// What is wrong with such a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextFault {
    /// There is none.
    Empty,
    /// It has so many characters, over [`MAX_CHARS`].
    TooLong(usize),
    /// No page can show this character.
    Unshowable(char),
    /// Something was typed, and nobody can see it.
    Unseen,
}

/// What was typed, tidied. Its length is not checked yet.
pub(crate) fn tidied(typed: &str, shape: Shape) -> Result<String, TextFault> {
    let kept = text::tidied(typed, shape).map_err(TextFault::Unshowable)?;
    if kept.is_empty() && !typed.trim().is_empty() { Err(TextFault::Unseen) } else { Ok(kept) }
}

/// Whether the text keeps to the limits, which also hold for what is stored.
pub(crate) fn check(text: &str) -> Result<(), TextFault> {
    match text.chars().count() {
        0 => return Err(TextFault::Empty),
        1..=MAX_CHARS => {}
        chars => return Err(TextFault::TooLong(chars)),
    }
    match text.chars().find(|c| c.is_control() && *c != '\n') {
        Some(unshowable) => Err(TextFault::Unshowable(unshowable)),
        None => Ok(()),
    }
}
