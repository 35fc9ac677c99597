//! The poll of the first start, as settings of the worker and of the all-in-one.

use clap::Args;
use domain::{Field, Poll, PollError, PollId, PollSpec};

const DEFAULT_QUESTION: &str = "Cats or Dogs?";
const DEFAULT_OPTION_A: &str = "Cats";
const DEFAULT_OPTION_B: &str = "Dogs";

/// The poll that is created at the first start. These settings never change it afterwards.
#[derive(Clone, Debug, Args)]
pub struct FirstPollSettings {
    /// Question of the default poll, 1 to 500 characters; used on the very first start only
    #[arg(long, env = "QUESTION", default_value = DEFAULT_QUESTION)]
    pub question: String,
    /// First option of the default poll, 1 to 200 characters; used on the very first start only
    #[arg(long, env = "OPTION_A", default_value = DEFAULT_OPTION_A)]
    pub option_a: String,
    /// Second option of the default poll, 1 to 200 characters; used on the very first start only
    #[arg(long, env = "OPTION_B", default_value = DEFAULT_OPTION_B)]
    pub option_b: String,
}

impl FirstPollSettings {
    /// The poll, or one line that names the key with the wrong value.
    pub fn poll(&self) -> Result<Poll, String> {
        let spec = PollSpec::simple(&self.question, [&self.option_a, &self.option_b]);
        Poll::new(PollId::MAIN, spec).map_err(|error| format!("{}: {error}", key(&error)))
    }
}

/// Logs that settings were not applied, if they are set and differ from the default poll, which exists.
pub fn tell_if_not_applied(first: &Poll, there: &Poll) {
    if let Some(keys) = not_applied(first, there) {
        tracing::warn!(
            event = "poll.settings_not_applied",
            poll.id = %there.id(),
            "{keys} make the default poll on the very first start only. It exists and asks otherwise: change it on its \
             page, /organise/{}, or remove the settings",
            there.id()
        );
    }
}

/// Whether this is the poll of default settings.
pub fn is_default(first: &Poll) -> bool {
    first.question() == DEFAULT_QUESTION && first.options() == [DEFAULT_OPTION_A, DEFAULT_OPTION_B]
}

/// The settings that differ from the poll. Those with their default value were not set.
fn not_applied(first: &Poll, there: &Poll) -> Option<String> {
    let option = |poll: &Poll, index: usize| poll.options().get(index).cloned().unwrap_or_default();
    let values = [
        ("QUESTION", first.question().to_owned(), there.question().to_owned(), DEFAULT_QUESTION),
        ("OPTION_A", option(first, 0), option(there, 0), DEFAULT_OPTION_A),
        ("OPTION_B", option(first, 1), option(there, 1), DEFAULT_OPTION_B),
    ];
    let keys: Vec<_> = values
        .into_iter()
        .filter(|(_, set, there, default)| set != there && set != default)
        .map(|(key, ..)| key)
        .collect();
    (!keys.is_empty()).then(|| keys.join(", "))
}

/// The setting that is at fault.
fn key(error: &PollError) -> &'static str {
    match error.field() {
        Field::Question => "QUESTION",
        Field::Option('a') => "OPTION_A",
        Field::Option(_) => "OPTION_B",
        Field::Options | Field::MaxChoices => "OPTION_A, OPTION_B",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_poll(question: &str, option_a: &str, option_b: &str) -> Result<Poll, String> {
        let [question, option_a, option_b] = [question, option_a, option_b].map(str::to_owned);
        FirstPollSettings { question, option_a, option_b }.poll()
    }

    #[test]
    fn a_first_poll_that_can_not_be_names_the_setting() {
        let long = "x".repeat(501);
        for (question, a, b, key) in [
            (" ", "Cats", "Dogs", "QUESTION: "),
            (&long, "Cats", "Dogs", "QUESTION: "),
            ("Which?", "", "Dogs", "OPTION_A: "),
            ("Which?", "Cats", &long, "OPTION_B: "),
            ("Which?", "Cats", "Cats", "OPTION_B: "),
        ] {
            let line = first_poll(question, a, b).unwrap_err();
            assert!(line.starts_with(key), "{line}");
        }
        assert!(first_poll("Which?", "Cats", "Dogs").is_ok());
    }

    #[test]
    fn settings_that_come_too_late_are_named_and_defaults_are_not() {
        let there = first_poll("Cats or Dogs?", "Cats", "Dogs").unwrap();
        let keys = |question, a, b| not_applied(&first_poll(question, a, b).unwrap(), &there);
        assert_eq!(keys("Cats or Dogs?", "Cats", "Dogs"), None);
        assert_eq!(keys("Cats or Dogs?", "Tea", "Dogs").as_deref(), Some("OPTION_A"));
        assert_eq!(keys("Which?", "Tea", "Milk").as_deref(), Some("QUESTION, OPTION_A, OPTION_B"));
        let rewritten = first_poll("Tea?", "Yes", "No").unwrap();
        let default = first_poll("Cats or Dogs?", "Cats", "Dogs").unwrap();
        assert_eq!(not_applied(&default, &rewritten), None, "nobody set anything");
    }
}
