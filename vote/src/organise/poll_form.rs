//! The form for a new poll, and the same for rewriting one: reading it, and saying which field is at fault.

use domain::{Access, Poll, PollError, PollSpec, PollState, Visibility};
use serde::Serialize;
use service::language::Language;

use crate::{form::Fields, messages::MESSAGES};

/// What stands in the form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PollForm {
    pub(crate) id: String,
    question: String,
    /// One on each line.
    options: String,
    max_choices: String,
    access: Access,
    changes: bool,
    results: Visibility,
    listed: bool,
    state: PollState,
}

/// The field that is at fault, by its name in the form, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Fault {
    pub(crate) field: &'static str,
    pub(crate) text: String,
}

impl Default for PollForm {
    /// A single-choice poll, open at once to anyone, with live results, in which votes can be changed.
    fn default() -> Self {
        let (id, question, options) = Default::default();
        let (access, results, state) = (Access::Anyone, Visibility::Live, PollState::Open);
        Self { id, question, options, max_choices: "1".into(), access, changes: true, results, listed: false, state }
    }
}

impl PollForm {
    /// As it was posted.
    pub(crate) fn read(fields: &Fields) -> Self {
        Self {
            id: fields.get("id").trim().to_owned(),
            // Forms send line ends as CR LF.
            question: fields.get("question").replace("\r\n", "\n"),
            options: fields.get("options").replace("\r\n", "\n"),
            max_choices: fields.get("max_choices").trim().to_owned(),
            access: if fields.get("access") == "codes" { Access::Codes } else { Access::Anyone },
            changes: fields.has("changes"),
            results: if fields.get("results") == "hidden" { Visibility::Hidden } else { Visibility::Live },
            listed: fields.has("listed"),
            state: if fields.get("state") == "waiting" { PollState::Waiting } else { PollState::Open },
        }
    }

    /// As the poll is.
    pub(crate) fn of(poll: &Poll) -> Self {
        Self {
            id: poll.id().to_string(),
            question: poll.question().to_owned(),
            options: poll.options().join("\n"),
            max_choices: poll.max_choices().to_string(),
            access: poll.access(),
            changes: poll.changes(),
            results: poll.results(),
            listed: poll.listed(),
            state: poll.state(),
        }
    }

    /// What it asks for. Whether that keeps to the limits of polls is still to be checked.
    pub(crate) fn spec(&self, language: Language) -> Result<PollSpec, Fault> {
        let options = self.options.lines().map(str::trim).filter(|line| !line.is_empty());
        let max_choices =
            self.max_choices.parse().map_err(|_| fault(language, "max_choices", "form.max-choices", &[]))?;
        Ok(PollSpec {
            question: self.question.clone(),
            options: options.map(str::to_owned).collect(),
            max_choices,
            state: self.state,
            results: self.results,
            changes: self.changes,
            access: self.access,
            listed: self.listed,
        })
    }
}

/// A fault of a field, in words.
pub(crate) fn fault(language: Language, field: &'static str, key: &str, values: &[(&str, &str)]) -> Fault {
    Fault { field, text: MESSAGES.format(language, key, values) }
}

/// Which limit of polls is broken, and by which field.
pub(crate) fn broken_limit(language: Language, error: &PollError) -> Fault {
    let number = |key: char| (u32::from(key) - u32::from('a') + 1).to_string();
    let count = |count: usize| language.number(count as u64);
    match error {
        PollError::NoQuestion => fault(language, "question", "form.no-question", &[]),
        PollError::QuestionTooLong(chars) => {
            fault(language, "question", "form.question-too-long", &[("chars", &count(*chars))])
        }
        PollError::OptionCount(found) => fault(language, "options", "form.option-count", &[("count", &count(*found))]),
        PollError::EmptyOption(key) => fault(language, "options", "form.empty-option", &[("number", &number(*key))]),
        PollError::OptionTooLong { key, chars } => {
            let values = [("number", number(*key)), ("chars", count(*chars))];
            fault(
                language,
                "options",
                "form.option-too-long",
                &values.each_ref().map(|(name, text)| (*name, text.as_str())),
            )
        }
        PollError::SameOption(first, second) => {
            let (first, second) = (number(*first), number(*second));
            fault(language, "options", "form.same-option", &[("first", &first), ("second", &second)])
        }
        PollError::MaxChoices { .. } => fault(language, "max_choices", "form.max-choices", &[]),
        PollError::ControlCharacter("question") => fault(language, "question", "form.control", &[]),
        PollError::ControlCharacter(_) => fault(language, "options", "form.control", &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> PollForm {
        PollForm::read(&Fields::read(text.as_bytes()).unwrap())
    }

    #[test]
    fn options_are_lines_and_blank_ones_are_passed_over() {
        let form = form("question=Tea%3F&options=Yes%0D%0A%0D%0A+No+%0D%0A&max_choices=1");
        let spec = form.spec(Language::English).unwrap();
        assert_eq!(spec.options, ["Yes", "No"]);
        assert!(!spec.changes && spec.state == PollState::Open && spec.access == Access::Anyone);
    }

    #[test]
    fn a_poll_comes_back_from_its_form() {
        let mut spec = PollSpec::simple("Tea?\nMilk?", ["Yes", "No"]);
        spec.access = Access::Codes;
        spec.results = Visibility::Hidden;
        let poll = Poll::new(domain::PollId::MAIN, spec.clone()).unwrap();
        assert_eq!(PollForm::of(&poll).spec(Language::English).unwrap(), spec);
    }

    #[test]
    fn each_broken_limit_names_its_field() {
        for (posted, field, text) in [
            ("question=&options=a%0Ab&max_choices=1", "question", "Write a question."),
            ("question=x&options=a&max_choices=1", "options", "2 to 26 options are needed, not 1."),
            ("question=x&options=a%0Aa&max_choices=1", "options", "Options 1 and 2 are the same."),
            ("question=x&options=a%0Ab&max_choices=3", "max_choices", "from 1 to the number of options"),
            ("question=x&options=a%0Ab&max_choices=two", "max_choices", "from 1 to the number of options"),
            ("question=a%00&options=a%0Ab&max_choices=1", "question", "can’t be shown"),
        ] {
            let checked = form(posted).spec(Language::English).and_then(|spec| {
                Poll::new(domain::PollId::MAIN, spec).map_err(|error| broken_limit(Language::English, &error))
            });
            let fault = checked.unwrap_err();
            assert_eq!(fault.field, field, "{posted}");
            assert!(fault.text.contains(text), "{}", fault.text);
        }
    }

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
            (PollError::ControlCharacter("question"), "Il y a un caractère qui ne peut pas être affiché."),
            (PollError::ControlCharacter("options"), "Il y a un caractère qui ne peut pas être affiché."),
        ] {
            assert_eq!(broken_limit(Language::French, &error).text, text, "{error}");
        }
    }
}
