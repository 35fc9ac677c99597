//! The kinds of refusals: one status, one stable code and one text for each, for
//! people as a page in their language, for programs as problem details.

use axum::response::{IntoResponse, Response};
use domain::{
    ChangeRefused, ChoicesError, CountdownError, EventError, Poll, PollError, PollId, PollState, Unavailable,
};
use http::StatusCode;
use web::{language::Language, organiser::NotOrganiser};

use super::{event_faults, poll_faults};
use crate::{
    texts::{self, VoteText},
    voter::cookies::TwoVoters,
};

/// After how many seconds trying again makes sense when the log does not answer.
const RETRY_AFTER_SECONDS: u32 = 2;

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The log did not answer as it should; whether the ballot was recorded may not be known.
    Unavailable(Unavailable),
    /// The log did not answer, so nothing can be shown.
    CannotShow(Unavailable),
    /// The log did not answer as it should to what the organiser wanted done.
    CannotTell(Unavailable),
    /// The change is decided, and not every partition could be told yet. This is the poll as it will be.
    Underway(Box<Poll>),
    /// The choices don't fit the poll.
    Choices(ChoicesError),
    /// The poll takes no ballots.
    NotOpen(PollState),
    /// The poll allows no change, and this voter has a ballot.
    AlreadyCast,
    /// The poll was rewritten since it was shown, and the choices don't fit it any more.
    PollRewritten,
    /// Only holders of a voting code may vote.
    CodeNeeded,
    /// This is no voting code of the poll.
    WrongCode,
    /// The poll allows no change, and a ballot was cast with this voting code.
    CodeUsed,
    /// Too many codes or tokens were wrong; so many seconds to wait.
    TooManyTries(u32),
    /// The network brought as many new voters as the poll allows; so many seconds to wait.
    TooManyNewVoters(u32),
    /// This installation has no organiser.
    NoOrganiser,
    /// Only the organiser may do this, and there is no session.
    SignInNeeded,
    /// Voting codes of a poll in which anyone may vote.
    OpenToAnyone,
    /// Voting codes with numbers that there are not, or too many at once.
    CodeRange,
    /// The described poll breaks a limit.
    InvalidPoll(PollError),
    /// No poll can have this id.
    InvalidId,
    /// There is a poll with this id.
    PollExists,
    /// Question, options and rules can't be changed, because there are ballots.
    HasBallots,
    /// A correction that is more than one of words.
    NotACorrection,
    /// No number of new voters a minute.
    NewVotersLimit,
    /// The countdown is too short, too long, or over.
    Countdown(CountdownError),
    /// Ballots were to be published of which voters were not told so.
    NotToBePublished,
    /// Ballots were to be published of a poll that is not closed.
    NotClosed,
    /// Ballots were to be published while their votes are hidden.
    VotesHidden,
    /// The ballots are published, so the poll can only be reset.
    Published,
    /// A patch that changes nothing.
    EmptyPatch,
    /// There is no such poll.
    UnknownPoll,
    /// There is no such event.
    UnknownEvent,
    /// The described event breaks a limit.
    InvalidEvent(EventError),
    /// There is an event with this id.
    EventExists,
    /// The event is not of the version that was to be changed.
    EventChanged,
    /// The poll that is on would be taken out of its event.
    PollIsOn(PollId),
    /// There is no such poll, which an event names.
    NoSuchPollInEvent(PollId),
    /// There is no such page.
    NoSuchPage,
    /// The page is there and does not do this.
    MethodNotAllowed,
    /// The form is not UTF-8 text.
    NotUtf8,
    /// The form has a `%` without two hexadecimal digits behind it.
    PercentEncoding,
    /// The JSON can't be read.
    Json(String),
    /// The JSON is well-formed but not as described.
    JsonShape(String),
    /// The body is longer than this.
    TooLarge(usize),
    /// The body did not come to its end in time, or the connection broke.
    Interrupted,
    /// Not the content type that is taken here, which this is.
    ContentType(&'static str),
    /// A page of another site sent it.
    CrossSite,
    /// The browser sent the cookies of two voters.
    TwoVoters,
    /// The page is from an earlier turn at a shared device.
    AnotherTurn,
    /// The poll is none in which several people may vote on one device.
    NoKiosk,
    /// A mistake of ours.
    Panicked,
}

impl Refusal {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Unavailable(_) | Self::CannotShow(_) | Self::CannotTell(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Underway(_) => StatusCode::ACCEPTED,
            Self::Choices(_)
            | Self::WrongCode
            | Self::CodeRange
            | Self::JsonShape(_)
            | Self::InvalidPoll(_)
            | Self::InvalidId
            | Self::InvalidEvent(_)
            | Self::NoSuchPollInEvent(_)
            | Self::EmptyPatch
            | Self::NotACorrection
            | Self::Countdown(_)
            | Self::NewVotersLimit => StatusCode::UNPROCESSABLE_ENTITY,
            Self::PollExists
            | Self::HasBallots
            | Self::NotToBePublished
            | Self::NotClosed
            | Self::VotesHidden
            | Self::Published
            | Self::AnotherTurn
            | Self::EventExists
            | Self::EventChanged
            | Self::PollIsOn(_) => StatusCode::CONFLICT,
            Self::TooManyTries(_) | Self::TooManyNewVoters(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::NotOpen(_) | Self::AlreadyCast | Self::CodeUsed | Self::PollRewritten | Self::OpenToAnyone => {
                StatusCode::CONFLICT
            }
            Self::CodeNeeded | Self::SignInNeeded | Self::CrossSite | Self::NoKiosk => StatusCode::FORBIDDEN,
            Self::UnknownPoll | Self::UnknownEvent | Self::NoOrganiser | Self::NoSuchPage => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotUtf8 | Self::PercentEncoding | Self::Json(_) | Self::TwoVoters => StatusCode::BAD_REQUEST,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Interrupted => StatusCode::REQUEST_TIMEOUT,
            Self::ContentType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The stable word for programs and metrics.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Unavailable(Unavailable::Full) => "full",
            Self::Unavailable(unavailable) if unavailable.nothing_happened() => "not-recorded",
            Self::CannotTell(unavailable) if unavailable.nothing_happened() => "unavailable",
            Self::Unavailable(_) | Self::CannotTell(_) => "outcome-unknown",
            Self::CannotShow(_) => "unavailable",
            Self::Underway(_) => "underway",
            Self::InvalidPoll(_) => "invalid-poll",
            Self::InvalidId => "invalid-id",
            Self::PollExists => "poll-exists",
            Self::HasBallots => "has-ballots",
            Self::EmptyPatch => "empty-patch",
            Self::NotACorrection => "not-a-correction",
            Self::NewVotersLimit => "new-voters-limit",
            Self::Countdown(_) => "bad-countdown",
            Self::NotToBePublished => "not-to-be-published",
            Self::NotClosed => "not-closed",
            Self::VotesHidden => "votes-hidden",
            Self::Published => "published",
            Self::Choices(choices) => match choices {
                ChoicesError::Empty => "no-choice",
                ChoicesError::NotAKey => "no-option-key",
                ChoicesError::UnknownOption(_) => "unknown-option",
                ChoicesError::Twice(_) => "option-twice",
                ChoicesError::TooMany { .. } => "too-many-choices",
            },
            Self::NotOpen(PollState::Waiting) => "poll-not-open-yet",
            Self::NotOpen(_) => "poll-closed",
            Self::AlreadyCast | Self::CodeUsed => "already-voted",
            Self::PollRewritten => "poll-rewritten",
            Self::CodeNeeded => "code-needed",
            Self::WrongCode => "wrong-code",
            Self::TooManyTries(_) => "too-many-tries",
            Self::TooManyNewVoters(_) => "too-many-new-voters",
            Self::NoOrganiser => "no-organiser",
            Self::SignInNeeded => "sign-in-needed",
            Self::OpenToAnyone => "open-to-anyone",
            Self::CodeRange => "code-range",
            Self::UnknownPoll => "unknown-poll",
            Self::UnknownEvent => "unknown-event",
            Self::InvalidEvent(_) => "invalid-event",
            Self::EventExists => "event-exists",
            Self::EventChanged => "event-changed",
            Self::PollIsOn(_) => "poll-is-on",
            Self::NoSuchPollInEvent(_) => "no-such-poll-in-event",
            Self::NoSuchPage => "no-such-page",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::NotUtf8 => "not-utf8",
            Self::PercentEncoding => "bad-percent-encoding",
            Self::Json(_) => "bad-json",
            Self::JsonShape(_) => "unexpected-json",
            Self::TooLarge(_) => "body-too-large",
            Self::Interrupted => "body-interrupted",
            Self::ContentType(_) => "content-type",
            Self::CrossSite => "cross-site",
            Self::TwoVoters => "two-voters",
            Self::AnotherTurn => "another-turn",
            Self::NoKiosk => "no-kiosk",
            Self::Panicked => "internal",
        }
    }

    /// What went wrong, for people.
    pub(crate) fn text(&self, language: Language) -> String {
        let say = |key, values: &[(&str, &str)]| texts::text(language, key, values);
        let key = match self {
            Self::Unavailable(Unavailable::Full) => VoteText::Full,
            Self::Unavailable(unavailable) if unavailable.nothing_happened() => VoteText::NotRecorded,
            Self::Unavailable(_) => VoteText::OutcomeUnknown,
            Self::CannotShow(_) => VoteText::PollsUnavailable,
            Self::CannotTell(unavailable) if unavailable.nothing_happened() => VoteText::ChangeNotDone,
            Self::CannotTell(_) => VoteText::ChangeUnknown,
            Self::Underway(_) => VoteText::ChangeUnderway,
            Self::Choices(choices) => return choices_text(language, choices),
            Self::NotOpen(PollState::Waiting) => VoteText::PollNotOpenYet,
            Self::NotOpen(_) => VoteText::PollClosed,
            Self::AlreadyCast => VoteText::AlreadyVoted,
            Self::PollRewritten => VoteText::PollRewritten,
            Self::CodeNeeded => VoteText::CodeNeeded,
            Self::WrongCode => VoteText::WrongCode,
            Self::CodeUsed => VoteText::CodeUsed,
            Self::TooManyTries(seconds) => {
                return say(VoteText::TooManyTries, &[("seconds", &language.number(u64::from(*seconds)))]);
            }
            Self::TooManyNewVoters(seconds) => {
                return say(VoteText::TooManyNewVoters, &[("seconds", &language.number(u64::from(*seconds)))]);
            }
            Self::NoOrganiser => return NotOrganiser::NoOrganiser.text(language),
            Self::SignInNeeded => VoteText::SignInNeeded,
            Self::OpenToAnyone => VoteText::OpenToAnyone,
            Self::CodeRange => VoteText::CodeRange,
            Self::InvalidPoll(error) => return poll_faults::text(language, error),
            Self::InvalidId => VoteText::InvalidId,
            Self::PollExists => VoteText::PollExists,
            Self::HasBallots => VoteText::EditTooLate,
            Self::NotACorrection => VoteText::NotACorrection,
            Self::NewVotersLimit => VoteText::NewVotersLimit,
            Self::Countdown(CountdownError::Length) => VoteText::CountdownLength,
            Self::Countdown(CountdownError::Past) => VoteText::CountdownPast,
            Self::NotToBePublished => VoteText::NotToBePublished,
            Self::NotClosed => VoteText::NotClosed,
            Self::VotesHidden => VoteText::VotesHidden,
            Self::Published => VoteText::Published,
            Self::EmptyPatch => VoteText::EmptyPatch,
            Self::UnknownPoll => VoteText::UnknownPoll,
            Self::UnknownEvent => VoteText::UnknownEvent,
            Self::InvalidEvent(error) => return event_faults::text(language, error),
            Self::EventExists => VoteText::EventExists,
            Self::EventChanged => VoteText::EventChanged,
            Self::PollIsOn(poll) => return say(VoteText::EventPollIsOn, &[("poll", poll.as_str())]),
            Self::NoSuchPollInEvent(poll) => return say(VoteText::EventNoSuchPoll, &[("poll", poll.as_str())]),
            Self::NoSuchPage => VoteText::NoSuchPage,
            Self::MethodNotAllowed => VoteText::MethodNotAllowed,
            Self::NotUtf8 => VoteText::NotUtf8,
            Self::PercentEncoding => VoteText::BadPercentEncoding,
            Self::Json(reason) => return say(VoteText::BadJson, &[("reason", reason)]),
            Self::JsonShape(reason) => return say(VoteText::UnexpectedJson, &[("reason", reason)]),
            Self::TooLarge(limit_bytes) => {
                return say(VoteText::BodyTooLarge, &[("limit", &language.number(*limit_bytes as u64))]);
            }
            Self::Interrupted => VoteText::BodyInterrupted,
            Self::ContentType(expected) => return say(VoteText::ContentType, &[("expected", expected)]),
            Self::CrossSite => VoteText::CrossSite,
            Self::TwoVoters => VoteText::TwoVoters,
            Self::AnotherTurn => VoteText::AnotherTurn,
            Self::NoKiosk => VoteText::NoKiosk,
            Self::Panicked => VoteText::Internal,
        };
        say(key, &[])
    }

    /// The heading of a page that shows nothing but this.
    pub(crate) fn title(&self) -> VoteText {
        match self {
            Self::Unavailable(_) | Self::CannotShow(_) | Self::CannotTell(_) => VoteText::TitleUnavailable,
            Self::UnknownPoll => VoteText::TitleUnknownPoll,
            Self::UnknownEvent => VoteText::TitleUnknownEvent,
            Self::NoSuchPage => VoteText::TitleNoSuchPage,
            Self::NoOrganiser => VoteText::TitleNoOrganiser,
            Self::SignInNeeded => VoteText::TitleSignIn,
            Self::Panicked => VoteText::TitleInternal,
            _ => VoteText::TitleRefused,
        }
    }

    /// Seconds after which trying again makes sense.
    pub(crate) fn retry_after_seconds(&self) -> Option<u32> {
        match self {
            Self::Unavailable(_) | Self::CannotShow(_) | Self::CannotTell(_) => Some(RETRY_AFTER_SECONDS),
            Self::TooManyTries(seconds) | Self::TooManyNewVoters(seconds) => Some(*seconds),
            _ => None,
        }
    }

    /// The same where a poll was only to be shown: whether something was recorded is not the question then.
    pub(crate) fn when_showing(self) -> Self {
        match self {
            Self::Unavailable(unavailable) => Self::CannotShow(unavailable),
            other => other,
        }
    }
}

fn choices_text(language: Language, error: &ChoicesError) -> String {
    let with_key = |text, key: &char| texts::text(language, text, &[("key", &key.to_string())]);
    match error {
        ChoicesError::Empty => texts::text(language, VoteText::NoChoice, &[]),
        ChoicesError::NotAKey => texts::text(language, VoteText::NoOptionKey, &[]),
        ChoicesError::UnknownOption(key) => with_key(VoteText::UnknownOption, key),
        ChoicesError::Twice(key) => with_key(VoteText::OptionTwice, key),
        ChoicesError::TooMany { allowed, chosen } => {
            let (allowed, chosen) = (u64::from(*allowed), chosen.to_string());
            texts::counted(language, VoteText::TooManyChoices, allowed, &[("chosen", &chosen)])
        }
    }
}

impl From<ChangeRefused> for Refusal {
    fn from(refused: ChangeRefused) -> Self {
        match refused {
            ChangeRefused::Invalid(error) => Self::InvalidPoll(error),
            ChangeRefused::HasBallots => Self::HasBallots,
            ChangeRefused::OtherOptions => Self::NotACorrection,
            ChangeRefused::NotToBePublished => Self::NotToBePublished,
            ChangeRefused::NotClosed => Self::NotClosed,
            ChangeRefused::VotesHidden => Self::VotesHidden,
            ChangeRefused::Published => Self::Published,
            ChangeRefused::Countdown(error) => Self::Countdown(error),
        }
    }
}

impl From<TwoVoters> for Refusal {
    fn from(TwoVoters: TwoVoters) -> Self {
        Self::TwoVoters
    }
}

/// An answer without words: the layer around all handlers turns it into a page or a problem, in the visitor's language.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
