//! The poll of the very first start, as settings: of the worker and of the all-in-one.

use clap::Args;
use domain::{Poll, PollError, PollId, PollSpec};

/// The poll that is made on the very first start, and never changed by these settings afterwards.
#[derive(Clone, Debug, Args)]
pub struct FirstPollSettings {
    /// Question of the default poll, 1 to 500 characters; used on the very first start only
    #[arg(long, env = "QUESTION", default_value = "Cats or Dogs?")]
    pub question: String,
    /// First option of the default poll, 1 to 200 characters; used on the very first start only
    #[arg(long, env = "OPTION_A", default_value = "Cats")]
    pub option_a: String,
    /// Second option of the default poll, 1 to 200 characters; used on the very first start only
    #[arg(long, env = "OPTION_B", default_value = "Dogs")]
    pub option_b: String,
}

impl FirstPollSettings {
    /// The poll, or one line that names the key whose value can't be.
    pub fn poll(&self) -> Result<Poll, String> {
        let spec = PollSpec::simple(&self.question, [&self.option_a, &self.option_b]);
        Poll::new(PollId::MAIN, spec).map_err(|error| format!("{}: {error}", key(&error)))
    }
}

/// The setting that is at fault.
fn key(error: &PollError) -> &'static str {
    match error {
        PollError::NoQuestion
        | PollError::QuestionTooLong(_)
        | PollError::Unshowable(None, _)
        | PollError::Unseen(None) => "QUESTION",
        PollError::EmptyOption('a')
        | PollError::OptionTooLong { key: 'a', .. }
        | PollError::Unshowable(Some('a'), _)
        | PollError::Unseen(Some('a')) => "OPTION_A",
        PollError::OptionCount(_) | PollError::MaxChoices { .. } => "OPTION_A, OPTION_B",
        _ => "OPTION_B",
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
}
