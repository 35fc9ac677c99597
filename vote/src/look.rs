//! How questions and options look, on the voting page and on the organiser's.

/// Longer questions are set smaller, so that the options stay in sight.
const LONG_QUESTION_CHARS: usize = 120;

/// Whether a question is set smaller.
pub(crate) fn is_long(question: &str) -> bool {
    question.chars().count() > LONG_QUESTION_CHARS
}
