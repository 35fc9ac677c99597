//! How questions and options look, on the voting page and on the organiser's.

/// How many colours the styles have before they repeat.
const HUES: usize = 6;

/// Longer questions are set smaller, so that the options stay in sight.
const LONG_QUESTION_CHARS: usize = 120;

/// The colour of the option at `index`.
pub(crate) fn hue(index: usize) -> usize {
    index % HUES
}

/// Whether a question is set smaller.
pub(crate) fn is_long(question: &str) -> bool {
    question.chars().count() > LONG_QUESTION_CHARS
}
