//! The limits of a poll, and what is wrong with one that breaks them.

use super::spec::PollSpec;
use crate::{
    choices::{MAX_OPTIONS, option_key},
    question_text::{self, MAX_CHARS, TextFault},
    text::{self, Shape},
};

/// The longest question, in characters.
pub const MAX_QUESTION_CHARS: usize = MAX_CHARS;
/// The longest text of an option, in characters.
pub const MAX_OPTION_CHARS: usize = 200;

/// Why a poll can't be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PollError {
    /// Nothing to ask.
    #[error("question: must not be empty")]
    NoQuestion,
    /// Over [`MAX_QUESTION_CHARS`].
    #[error("question: at most {MAX_QUESTION_CHARS} characters, not {0}")]
    QuestionTooLong(usize),
    /// Fewer than 2 or more than [`MAX_OPTIONS`].
    #[error("options: 2 to {MAX_OPTIONS}, not {0}")]
    OptionCount(usize),
    /// An option without text.
    #[error("options: option {0} is empty")]
    EmptyOption(char),
    /// Over [`MAX_OPTION_CHARS`].
    #[error("options: option {key} has {chars} characters, at most {MAX_OPTION_CHARS} are allowed")]
    OptionTooLong {
        /// Which option.
        key: char,
        /// How long it is.
        chars: usize,
    },
    /// Two options that voters could not tell apart.
    #[error("options: options {0} and {1} are the same")]
    SameOption(char, char),
    /// Not between 1 and the number of options.
    #[error("max_choices: 1 to the number of options ({options}), not {max_choices}")]
    MaxChoices {
        /// How many options there are.
        options: usize,
        /// What was asked for.
        max_choices: u8,
    },
    /// A character that no page can show, in the question, or in the option with this key.
    #[error("{} holds the character U+{:04X}, which can't be shown", subject(*.0), u32::from(*.1))]
    Unshowable(Field, char),
    /// Something was typed, and nobody can see it: in the question, or in the option with this key.
    #[error("{} holds only characters that nobody can see", subject(*.0))]
    Unseen(Field),
}

/// A field of a poll that can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The question.
    Question,
    /// The option with this key.
    Option(char),
    /// The options as a whole.
    Options,
    /// How many options one ballot may choose.
    MaxChoices,
}

impl PollError {
    /// The field that is wrong.
    pub fn field(&self) -> Field {
        match *self {
            Self::NoQuestion | Self::QuestionTooLong(_) => Field::Question,
            Self::OptionCount(_) => Field::Options,
            Self::EmptyOption(key) | Self::OptionTooLong { key, .. } | Self::SameOption(_, key) => Field::Option(key),
            Self::MaxChoices { .. } => Field::MaxChoices,
            Self::Unshowable(field, _) | Self::Unseen(field) => field,
        }
    }
}

/// The beginning of an error's text.
fn subject(field: Field) -> String {
    match field {
        Field::Question => "question: it".into(),
        Field::Option(key) => format!("options: option {key}"),
        Field::Options => "options: one".into(),
        Field::MaxChoices => "max_choices: it".into(),
    }
}

/// What an organiser gave, with its texts tidied, if it keeps to the limits and voters can tell its options apart.
pub(super) fn tidied(mut spec: PollSpec) -> Result<PollSpec, PollError> {
    spec.question = tidied_text(&spec.question, Shape::Lines, Field::Question)?;
    for (key, option) in keyed(&mut spec.options) {
        *option = tidied_text(option, Shape::OneLine, Field::Option(key))?;
    }
    let spec = checked(spec)?;
    let looks: Vec<String> = spec.options.iter().map(|option| text::look(option)).collect();
    for (index, look) in looks.iter().enumerate() {
        if let Some(twin) = looks[..index].iter().position(|other| other == look) {
            return Err(PollError::SameOption(option_key(twin), option_key(index)));
        }
    }
    Ok(spec)
}

/// The options with their keys; those beyond the last key are too many anyway.
fn keyed(options: &mut [String]) -> impl Iterator<Item = (char, &mut String)> {
    options.iter_mut().take(MAX_OPTIONS).enumerate().map(|(index, option)| (option_key(index), option))
}

fn tidied_text(typed: &str, shape: Shape, field: Field) -> Result<String, PollError> {
    question_text::tidied(typed, shape).map_err(|fault| at(field, fault))
}

/// The error for a text of this field.
fn at(field: Field, fault: TextFault) -> PollError {
    match fault {
        TextFault::Empty => PollError::NoQuestion,
        TextFault::TooLong(chars) => PollError::QuestionTooLong(chars),
        TextFault::Unshowable(c) => PollError::Unshowable(field, c),
        TextFault::Unseen => PollError::Unseen(field),
    }
}

/// The limits that also hold for what is stored. An earlier release stored texts that are not [`tidied`]: they are read
/// as they are.
pub(super) fn checked(mut spec: PollSpec) -> Result<PollSpec, PollError> {
    trim(&mut spec.question);
    spec.options.iter_mut().for_each(trim);

    question_text::check(&spec.question).map_err(|fault| at(Field::Question, fault))?;
    let count = spec.options.len();
    if !(2..=MAX_OPTIONS).contains(&count) {
        return Err(PollError::OptionCount(count));
    }
    for (index, text) in spec.options.iter().enumerate() {
        let key = option_key(index);
        let chars = text.chars().count();
        if chars == 0 {
            return Err(PollError::EmptyOption(key));
        }
        if chars > MAX_OPTION_CHARS {
            return Err(PollError::OptionTooLong { key, chars });
        }
        if let Some(c) = text.chars().find(|c| c.is_control()) {
            return Err(PollError::Unshowable(Field::Option(key), c));
        }
        if let Some(twin) = spec.options[..index].iter().position(|other| other == text) {
            return Err(PollError::SameOption(option_key(twin), key));
        }
    }
    if spec.max_choices == 0 || usize::from(spec.max_choices) > count {
        return Err(PollError::MaxChoices { options: count, max_choices: spec.max_choices });
    }
    Ok(spec)
}

fn trim(text: &mut String) {
    let trimmed = text.trim();
    if trimmed.len() != text.len() {
        *text = trimmed.to_owned();
    }
}
