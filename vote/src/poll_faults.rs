//! What can be wrong with a poll that an organiser wants, in words: the same on the pages and for programs.

use domain::{Field, PollError};
use web::language::{Language, Message};

use crate::messages::MESSAGES;

/// All of them.
pub(crate) const POLL_FAULTS: &[Message] = &[
    ("poll.no-question", "Write a question.", "Écrivez une question."),
    (
        "poll.question-too-long",
        "The question has {chars} characters; 500 are allowed.",
        "La question compte {chars} caractères\u{a0}; 500 sont permis.",
    ),
    ("poll.option-count", "2 to 26 options are needed, not {count}.", "Il faut 2 à 26 options, et non {count}."),
    ("poll.empty-option", "Option {number} is empty.", "L’option {number} est vide."),
    (
        "poll.option-too-long",
        "Option {number} has {chars} characters; 200 are allowed.",
        "L’option {number} compte {chars} caractères\u{a0}; 200 sont permis.",
    ),
    (
        "poll.same-option",
        "Options {first} and {second} are the same.",
        "Les options {first} et {second} sont identiques.",
    ),
    (
        "poll.max-choices",
        "The number of choices must be from 1 to the number of options.",
        "Le nombre de choix doit aller de 1 au nombre d’options.",
    ),
    (
        "poll.unshowable-question",
        "The question holds a character that can’t be shown: {character}.",
        "La question contient un caractère qui ne peut pas être affiché\u{a0}: {character}.",
    ),
    (
        "poll.unshowable-option",
        "Option {number} holds a character that can’t be shown: {character}.",
        "L’option {number} contient un caractère qui ne peut pas être affiché\u{a0}: {character}.",
    ),
    (
        "poll.unseen-question",
        "The question holds only characters that nobody can see.",
        "La question ne contient que des caractères que personne ne peut voir.",
    ),
    (
        "poll.unseen-option",
        "Option {number} holds only characters that nobody can see.",
        "L’option {number} ne contient que des caractères que personne ne peut voir.",
    ),
    (
        "invalid-id",
        "The name must be 1 to 32 of a–z, 0–9 and dashes, begin and end with a letter or digit, and not be one of this site’s own.",
        "Le nom doit compter 1 à 32 caractères parmi a–z, 0–9 et le tiret, commencer et finir par une lettre ou un chiffre, et ne pas être réservé par ce site.",
    ),
    ("poll-exists", "There is a poll with this name already.", "Un scrutin porte déjà ce nom."),
    (
        "new-voters-limit",
        "The limit on new voters must be a number from 1 to 65,535, or be left empty.",
        "La limite de nouveaux votants doit être un nombre de 1 à 65\u{202f}535, ou rester vide.",
    ),
    (
        "not-a-correction",
        "A correction changes words only: as many options as before, in the same order, and none with the text of \
         another.",
        "Une correction ne change que les mots\u{a0}: autant d’options qu’avant, dans le même ordre, et aucune avec le \
         texte d’une autre.",
    ),
    ("empty-patch", "Nothing is to be changed.", "Il n’y a rien à modifier."),
];

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
    let say = |key, values: &[(&str, &str)]| MESSAGES.format(language, key, values);
    let count = |count: usize| language.number(count as u64);
    // People count options, where programs have letters for them.
    let number = |key: char| (u32::from(key) - u32::from('a') + 1).to_string();
    match error {
        PollError::NoQuestion => say("poll.no-question", &[]),
        PollError::QuestionTooLong(chars) => say("poll.question-too-long", &[("chars", &count(*chars))]),
        PollError::OptionCount(found) => say("poll.option-count", &[("count", &count(*found))]),
        PollError::EmptyOption(key) => say("poll.empty-option", &[("number", &number(*key))]),
        PollError::OptionTooLong { key, chars } => {
            say("poll.option-too-long", &[("number", &number(*key)), ("chars", &count(*chars))])
        }
        PollError::SameOption(first, second) => {
            say("poll.same-option", &[("first", &number(*first)), ("second", &number(*second))])
        }
        PollError::MaxChoices { .. } => say("poll.max-choices", &[]),
        PollError::Unshowable(Field::Option(key), character) => {
            let values = [("number", number(*key)), ("character", code_point(*character))];
            say("poll.unshowable-option", &values.each_ref().map(|(name, value)| (*name, value.as_str())))
        }
        PollError::Unshowable(_, character) => {
            say("poll.unshowable-question", &[("character", &code_point(*character))])
        }
        PollError::Unseen(Field::Option(key)) => say("poll.unseen-option", &[("number", &number(*key))]),
        PollError::Unseen(_) => say("poll.unseen-question", &[]),
    }
}

/// As Unicode writes it.
fn code_point(character: char) -> String {
    format!("U+{:04X}", u32::from(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_broken_limit_is_told_in_french_too() {
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
            assert_eq!(super::text(Language::French, &error), text, "{error}");
        }
    }
}
