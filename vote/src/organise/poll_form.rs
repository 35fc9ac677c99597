//! The form for a new poll, also used to rewrite one: reads it, and finds the field at fault.

use std::num::NonZeroU16;

use domain::{Access, Poll, PollSpec, PollState, Visibility, Wording};
use serde::Serialize;
use web::{language::Language, poll_address};

use crate::{
    refusal::{Refusal, poll_faults},
    request::form::Fields,
    texts::{self, VoteText},
};

/// The name of the field for the limit on new voters.
pub(super) const LIMIT_FIELD: &str = "new_voters_per_minute";

/// The content of the form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of its own")]
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
    kiosk: bool,
    publish: bool,
    state: PollState,
    /// As it was typed; empty for no limit.
    new_voters_per_minute: String,
    /// Identifies this form, so that two posts of it make one poll; empty where no poll is made.
    pub(crate) once: String,
}

/// The field at fault, by its name in the form, and the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Fault {
    pub(crate) field: &'static str,
    pub(crate) text: String,
}

impl Default for PollForm {
    /// A single-choice poll, open at once to anyone, with live results, in which votes can be changed.
    fn default() -> Self {
        let (id, question, options, new_voters_per_minute) = Default::default();
        let once = program::random_text::<16>();
        let (access, results, state) = (Access::Anyone, Visibility::Live, PollState::Open);
        Self {
            id,
            question,
            options,
            max_choices: "1".into(),
            access,
            changes: true,
            results,
            listed: false,
            kiosk: false,
            publish: false,
            state,
            new_voters_per_minute,
            once,
        }
    }
}

impl PollForm {
    /// As it was posted.
    pub(crate) fn read(fields: &Fields) -> Self {
        Self {
            id: plain_id(fields.get("id").trim()),
            // Forms send line ends as CR LF.
            question: fields.get("question").replace("\r\n", "\n"),
            options: fields.get("options").replace("\r\n", "\n"),
            max_choices: fields.get("max_choices").trim().to_owned(),
            access: if fields.get("access") == "codes" { Access::Codes } else { Access::Anyone },
            changes: fields.has("changes"),
            results: if fields.get("results") == "hidden" { Visibility::Hidden } else { Visibility::Live },
            listed: fields.has("listed"),
            kiosk: fields.has("kiosk"),
            publish: fields.has("publish"),
            state: if fields.get("state") == "waiting" { PollState::Waiting } else { PollState::Open },
            new_voters_per_minute: fields.get(LIMIT_FIELD).trim().to_owned(),
            once: fields.get("once").to_owned(),
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
            changes: poll.votes_can_change(),
            results: poll.results(),
            listed: poll.listed(),
            kiosk: poll.kiosk(),
            publish: poll.publish(),
            state: poll.state(),
            new_voters_per_minute: poll.new_voters_per_minute().map_or_else(String::new, |limit| limit.to_string()),
            once: String::new(),
        }
    }

    /// The question and the options alone.
    pub(crate) fn wording(&self, at_millis: u64) -> Wording {
        Wording { question: self.question.clone(), options: self.option_lines(), at_millis }
    }

    fn option_lines(&self) -> Vec<String> {
        self.options.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    /// The poll that it describes. The limits of polls are checked later.
    pub(crate) fn spec(&self, language: Language) -> Result<PollSpec, Fault> {
        let max_choices = self.max_choices.parse().map_err(|_| Self::no_number(language))?;
        let limit = new_voters_limit(&self.new_voters_per_minute)
            .map_err(|refusal| Fault { field: LIMIT_FIELD, text: refusal.text(language) })?;
        Ok(PollSpec {
            question: self.question.clone(),
            options: self.option_lines(),
            max_choices,
            state: self.state,
            results: self.results,
            votes_can_change: self.changes,
            access: self.access,
            listed: self.listed,
            new_voters_per_minute: limit,
            kiosk: self.kiosk,
            publish: self.publish,
        })
    }

    /// A number of choices that is no number is treated as one outside the limits.
    fn no_number(language: Language) -> Fault {
        Fault { field: "max_choices", text: texts::text(language, VoteText::MaxChoices, &[]) }
    }
}

/// The id in plain letters. A text that stays no id is kept, to be refused.
fn plain_id(typed: &str) -> String {
    Some(poll_address::plain(typed)).filter(|plain| !plain.is_empty()).unwrap_or_else(|| typed.to_owned())
}

/// A limit on new voters as it was typed; none if it was left empty.
pub(super) fn new_voters_limit(typed: &str) -> Result<Option<NonZeroU16>, Refusal> {
    match typed.trim() {
        "" => Ok(None),
        typed => typed.parse().map(Some).map_err(|_| Refusal::NewVotersLimit),
    }
}

impl Fault {
    /// The field at fault, if the refusal is about one.
    pub(crate) fn of(language: Language, refusal: &Refusal) -> Option<Self> {
        let field = match refusal {
            Refusal::InvalidPoll(error) => poll_faults::field(error),
            Refusal::InvalidId | Refusal::PollExists => "id",
            Refusal::NotACorrection => "options",
            _ => return None,
        };
        Some(Self { field, text: refusal.text(language) })
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
        let spec = form.spec(Language::default()).unwrap();
        assert_eq!(spec.options, ["Yes", "No"]);
        assert!(!spec.votes_can_change && spec.state == PollState::Open && spec.access == Access::Anyone);
    }

    #[test]
    fn a_poll_comes_back_from_its_form() {
        let mut spec = PollSpec::simple("Tea?\nMilk?", ["Yes", "No"]);
        spec.access = Access::Codes;
        spec.results = Visibility::Hidden;
        spec.publish = true;
        let poll = Poll::new(domain::PollId::MAIN, spec.clone()).unwrap();
        assert_eq!(PollForm::of(&poll).spec(Language::default()).unwrap(), spec);
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
            let checked = form(posted).spec(Language::default()).and_then(|spec| {
                Poll::new(domain::PollId::MAIN, spec)
                    .map_err(|error| Fault::of(Language::default(), &Refusal::InvalidPoll(error)).unwrap())
            });
            let fault = checked.unwrap_err();
            assert_eq!(fault.field, field, "{posted}");
            assert!(fault.text.contains(text), "{}", fault.text);
        }
    }
}
