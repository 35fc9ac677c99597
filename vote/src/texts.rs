//! The texts of these pages: `vote/texts/`, one file for each language. Templates name most of them; code names these.

use rust_embed::RustEmbed;
use web::{
    language::Language,
    texts::{Catalogue, ProgramTexts, TextsError},
};

#[derive(RustEmbed)]
#[folder = "texts"]
struct Files;

static TEXTS: ProgramTexts<VoteText> = ProgramTexts::new(|| Catalogue::load::<Files>("vote/texts", VoteText::KEYS));

/// Checks the files of texts. Programs ask this before anything else; no page can be made of files that are wrong.
pub fn check_texts() -> Result<(), &'static TextsError> {
    TEXTS.check()
}

/// All texts, for templates.
pub(crate) fn catalogue() -> &'static Catalogue {
    TEXTS.catalogue()
}

/// A text with its values.
pub(crate) fn text(language: Language, key: VoteText, values: &[(&str, &str)]) -> String {
    TEXTS.text(language, key, values)
}

/// The form of a text for a number, which is the value `{count}`.
pub(crate) fn counted(language: Language, key: VoteText, count: u64, values: &[(&str, &str)]) -> String {
    TEXTS.counted(language, key, count, values)
}

web::text_keys! {
    /// The texts that code names.
    pub(crate) enum VoteText {
        // The voting page.
        Description = "description",
        Sending = "sending",
        // Where the page of a refusal leads.
        Home = "home",
        Back = "back",
        Retry = "retry",
        SignIn = "sign-in",
        Polls = "polls",
        PollBack = "poll.back",
        Events = "events",
        EventBack = "event.back",
        // What such a page is about.
        TitleUnavailable = "title.unavailable",
        TitleUnknownPoll = "title.unknown-poll",
        TitleUnknownEvent = "title.unknown-event",
        TitleNoSuchPage = "title.no-such-page",
        TitleInternal = "title.internal",
        TitleNoOrganiser = "title.no-organiser",
        TitleSignIn = "title.sign-in",
        TitleRefused = "title.refused",
        // Why something was not done.
        NotRecorded = "not-recorded",
        Full = "full",
        OutcomeUnknown = "outcome-unknown",
        PollsUnavailable = "polls-unavailable",
        ChangeUnderway = "change-underway",
        ChangeNotDone = "change-not-done",
        ChangeUnknown = "change-unknown",
        NoChoice = "no-choice",
        NoOptionKey = "no-option-key",
        UnknownOption = "unknown-option",
        OptionTwice = "option-twice",
        TooManyChoices = "too-many-choices",
        PollNotOpenYet = "poll-not-open-yet",
        PollClosed = "poll-closed",
        AlreadyVoted = "already-voted",
        PollRewritten = "poll-rewritten",
        CodeNeeded = "code-needed",
        WrongCode = "wrong-code",
        CodeUsed = "code-used",
        TooManyTries = "too-many-tries",
        TooManyNewVoters = "too-many-new-voters",
        SignInNeeded = "sign-in-needed",
        SignInNoPage = "sign-in.no-page",
        OpenToAnyone = "open-to-anyone",
        CodeRange = "code-range",
        UnknownPoll = "unknown-poll",
        UnknownEvent = "unknown-event",
        NoSuchPage = "no-such-page",
        MethodNotAllowed = "method-not-allowed",
        NotUtf8 = "not-utf8",
        BadPercentEncoding = "bad-percent-encoding",
        BadJson = "bad-json",
        UnexpectedJson = "unexpected-json",
        BodyTooLarge = "body-too-large",
        BodyInterrupted = "body-interrupted",
        ContentType = "content-type",
        CrossSite = "cross-site",
        AnotherTurn = "another-turn",
        NoKiosk = "no-kiosk",
        TwoVoters = "two-voters",
        Internal = "internal",
        // What is wrong with a poll that the organiser wants.
        NoQuestion = "poll.no-question",
        QuestionTooLong = "poll.question-too-long",
        OptionCount = "poll.option-count",
        EmptyOption = "poll.empty-option",
        OptionTooLong = "poll.option-too-long",
        SameOption = "poll.same-option",
        MaxChoices = "poll.max-choices",
        UnshowableQuestion = "poll.unshowable-question",
        UnshowableOption = "poll.unshowable-option",
        UnseenQuestion = "poll.unseen-question",
        UnseenOption = "poll.unseen-option",
        // What is wrong with an event that the organiser wants.
        EventNoTitle = "event.no-title",
        EventTitleTooLong = "event.title-too-long",
        EventUnshowableTitle = "event.unshowable-title",
        EventUnseenTitle = "event.unseen-title",
        EventTooManyPolls = "event.too-many-polls",
        EventSamePoll = "event.same-poll",
        EventNoSuchPoll = "event.no-such-poll",
        EventPollIsOn = "event.poll-is-on",
        EventExists = "event-exists",
        EventChanged = "event-changed",
        // What is wrong with a countdown.
        CountdownLength = "countdown.length",
        CountdownPast = "countdown.past",
        InvalidId = "invalid-id",
        PollExists = "poll-exists",
        NewVotersLimit = "new-voters-limit",
        NotACorrection = "not-a-correction",
        EditTooLate = "edit.too-late",
        NotToBePublished = "not-to-be-published",
        NotClosed = "not-closed",
        VotesHidden = "votes-hidden",
        Published = "published",
        EmptyPatch = "empty-patch",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_templates_and_code_have_the_same_texts() {
        check_texts().unwrap();
        assert_eq!(testkit::texts::faults(env!("CARGO_MANIFEST_DIR"), VoteText::KEYS), [""; 0]);
    }
}
