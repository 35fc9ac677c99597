//! Faults of a described event as texts.

use domain::EventError;
use web::language::Language;

use super::poll_faults::code_point;
use crate::texts::{self, VoteText};

/// Which limit of events is broken.
pub(super) fn text(language: Language, error: &EventError) -> String {
    let say = |key, values: &[(&str, &str)]| texts::text(language, key, values);
    let count = |count: usize| language.number(count as u64);
    match error {
        EventError::NoTitle => say(VoteText::EventNoTitle, &[]),
        EventError::TitleTooLong(chars) => say(VoteText::EventTitleTooLong, &[("chars", &count(*chars))]),
        EventError::UnshowableTitle(c) => say(VoteText::EventUnshowableTitle, &[("character", &code_point(*c))]),
        EventError::UnseenTitle => say(VoteText::EventUnseenTitle, &[]),
        EventError::TooManyPolls(found) => say(VoteText::EventTooManyPolls, &[("count", &count(*found))]),
        EventError::SamePoll(poll) => say(VoteText::EventSamePoll, &[("poll", poll.as_str())]),
    }
}

#[cfg(test)]
mod tests {
    use domain::PollId;

    use super::*;

    #[test]
    fn each_broken_limit_is_told_in_german_too() {
        let german = Language::from_tag("de").unwrap();
        for (error, text) in [
            (EventError::NoTitle, "Schreiben Sie einen Titel."),
            (EventError::TitleTooLong(1_501), "Der Titel hat 1.501 Zeichen; erlaubt sind 500."),
            (
                EventError::UnshowableTitle('\0'),
                "Der Titel enthält ein Zeichen, das nicht angezeigt werden kann: U+0000.",
            ),
            (EventError::UnseenTitle, "Der Titel enthält nur Zeichen, die niemand sehen kann."),
            (EventError::TooManyPolls(101), "Eine Veranstaltung hat höchstens 100 Abstimmungen, nicht 101."),
            (EventError::SamePoll(PollId::MAIN), "Die Abstimmung main steht zweimal in der Liste."),
        ] {
            assert_eq!(super::text(german, &error), text, "{error}");
        }
    }
}
