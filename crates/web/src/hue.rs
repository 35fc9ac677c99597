//! Which of the styles' colours and patterns an option has. It has the same on all pages of both hosts.

/// How many there are before they repeat.
const HUES: usize = 6;

/// The colour of the option at `index`.
pub fn hue(index: usize) -> usize {
    index % HUES
}
