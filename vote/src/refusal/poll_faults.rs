//! Faults of a described poll as texts: the same on the pages and in the API.

use domain::{Field, PollError};
use web::language::Language;

use crate::texts::{self, VoteText};

/// The name that the field at fault has, in the form and in JSON.
pub(crate) fn field(error: &PollError) -> &'static str {
    match error.field() {
        Field::Question => "question",
        Field::Option(_) | Field::Options => "options",
        Field::MaxChoices => "max_choices",
    }
}

/// Which limit of polls is broken.
pub(crate) fn text(language: Language, error: &PollError) -> String {
    let say = |key, values: &[(&str, &str)]| texts::text(language, key, values);
    let count = |count: usize| language.number(count as u64);
    // People count options, where programs have letters for them.
    let number = |key: char| (u32::from(key) - u32::from('a') + 1).to_string();
    match error {
        PollError::NoQuestion => say(VoteText::NoQuestion, &[]),
        PollError::QuestionTooLong(chars) => say(VoteText::QuestionTooLong, &[("chars", &count(*chars))]),
        PollError::OptionCount(found) => say(VoteText::OptionCount, &[("count", &count(*found))]),
        PollError::EmptyOption(key) => say(VoteText::EmptyOption, &[("number", &number(*key))]),
        PollError::OptionTooLong { key, chars } => {
            say(VoteText::OptionTooLong, &[("number", &number(*key)), ("chars", &count(*chars))])
        }
        PollError::SameOption(first, second) => {
            say(VoteText::SameOption, &[("first", &number(*first)), ("second", &number(*second))])
        }
        PollError::MaxChoices { .. } => say(VoteText::MaxChoices, &[]),
        PollError::Unshowable(Field::Option(key), character) => {
            let values = [("number", number(*key)), ("character", code_point(*character))];
            say(VoteText::UnshowableOption, &values.each_ref().map(|(name, value)| (*name, value.as_str())))
        }
        PollError::Unshowable(_, character) => {
            say(VoteText::UnshowableQuestion, &[("character", &code_point(*character))])
        }
        PollError::Unseen(Field::Option(key)) => say(VoteText::UnseenOption, &[("number", &number(*key))]),
        PollError::Unseen(_) => say(VoteText::UnseenQuestion, &[]),
    }
}

/// As Unicode writes it.
pub(super) fn code_point(character: char) -> String {
    format!("U+{:04X}", u32::from(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_broken_limit_is_told_in_french_too() {
        let french = Language::from_tag("fr").unwrap();
        for (error, text) in [
            (PollError::NoQuestion, "Écrivez une question."),
            (PollError::QuestionTooLong(1_501), "La question compte 1\u{202f}501 caractères\u{a0}; 500 sont permis."),
            (PollError::OptionCount(1), "Il faut 2 à 26 options, et non 1."),
            (PollError::EmptyOption('c'), "L’option 3 est vide."),
            (
                PollError::OptionTooLong { key: 'b', chars: 201 },
                "L’option 2 compte 201 caractères\u{a0}; 200 sont permis.",
            ),
            (PollError::SameOption('a', 'd'), "Les options 1 et 4 sont identiques."),
            (
                PollError::MaxChoices { options: 2, max_choices: 3 },
                "Le nombre de choix doit aller de 1 au nombre d’options.",
            ),
            (
                PollError::Unshowable(Field::Question, '\0'),
                "La question contient un caractère qui ne peut pas être affiché\u{a0}: U+0000.",
            ),
            (
                PollError::Unshowable(Field::Option('b'), '\u{1b}'),
                "L’option 2 contient un caractère qui ne peut pas être affiché\u{a0}: U+001B.",
            ),
            (
                PollError::Unseen(Field::Question),
                "La question ne contient que des caractères que personne ne peut voir.",
            ),
            (
                PollError::Unseen(Field::Option('a')),
                "L’option 1 ne contient que des caractères que personne ne peut voir.",
            ),
        ] {
            assert_eq!(super::text(french, &error), text, "{error}");
        }
    }
}
