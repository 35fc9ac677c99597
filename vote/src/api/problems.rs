//! The problems that several operations can answer with, for the API's description.

use web::problem::{PROBLEM_JSON, Problem};

/// Those of every operation with the organiser's token.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "only the description uses them")]
pub(crate) enum TokenProblems {
    /// Not the organiser
    #[response(status = 401, content_type = PROBLEM_JSON)]
    NotOrganiser(Problem),
    /// This installation has no organiser
    #[response(status = 403, content_type = PROBLEM_JSON)]
    NoOrganiser(Problem),
    /// Too many wrong tokens; try again after `Retry-After`
    #[response(status = 429, content_type = PROBLEM_JSON)]
    TooManyTries(Problem),
}

/// Those of every operation with a body.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "only the description uses them")]
pub(crate) enum BodyProblems {
    /// The body did not come in time
    #[response(status = 408, content_type = PROBLEM_JSON)]
    Interrupted(Problem),
    /// Over 16 KiB for a ballot, over 128 KiB for a poll
    #[response(status = 413, content_type = PROBLEM_JSON)]
    TooLarge(Problem),
    /// Not application/json
    #[response(status = 415, content_type = PROBLEM_JSON)]
    ContentType(Problem),
}

/// Those of every operation whose body describes a poll.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "only the description uses them")]
pub(crate) enum DescribedPollProblems {
    /// Not JSON
    #[response(status = 400, content_type = PROBLEM_JSON)]
    NotJson(Problem),
    /// It breaks a limit, which the detail names
    #[response(status = 422, content_type = PROBLEM_JSON)]
    OverLimit(Problem),
}

/// Those of every operation whose body describes an event or a version of it.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "only the description uses them")]
pub(crate) enum DescribedEventProblems {
    /// Not JSON
    #[response(status = 400, content_type = PROBLEM_JSON)]
    NotJson(Problem),
    /// It breaks a limit or names a poll that there is not; the detail says which
    #[response(status = 422, content_type = PROBLEM_JSON)]
    OverLimit(Problem),
}

/// Those of every operation on one event.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "only the description uses them")]
pub(crate) enum EventProblems {
    /// Unknown event
    #[response(status = 404, content_type = PROBLEM_JSON)]
    UnknownEvent(Problem),
}

/// Those of every operation on one poll.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "only the description uses them")]
pub(crate) enum PollProblems {
    /// Unknown poll, or no such change
    #[response(status = 404, content_type = PROBLEM_JSON)]
    UnknownPoll(Problem),
}

/// Those of every operation that asks the log and changes nothing.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "only the description uses them")]
pub(crate) enum LogProblems {
    /// The log does not answer; try again
    #[response(status = 503, content_type = PROBLEM_JSON)]
    Unavailable(Problem),
}

/// Those of every operation that changes a poll.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "only the description uses them")]
pub(crate) enum ChangeProblems {
    /// The log does not answer, and it may have been done; look at the poll, then try again
    #[response(status = 503, content_type = PROBLEM_JSON)]
    Unavailable(Problem),
}

/// Those of casting a ballot, beside those of its body and its poll.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "only the description uses them")]
pub(crate) enum BallotProblems {
    /// Not JSON, or the cookies of two voters
    #[response(status = 400, content_type = PROBLEM_JSON)]
    Unreadable(Problem),
    /// From another site's page, or a voting code is needed
    #[response(status = 403, content_type = PROBLEM_JSON)]
    NotAllowed(Problem),
    /// The poll is not open, was rewritten, or allows no change
    #[response(status = 409, content_type = PROBLEM_JSON)]
    NotNow(Problem),
    /// Choices that don't fit the poll, or a wrong voting code
    #[response(status = 422, content_type = PROBLEM_JSON)]
    DoesNotFit(Problem),
    /// Too many wrong voting codes; try again after `Retry-After`
    #[response(status = 429, content_type = PROBLEM_JSON)]
    TooManyTries(Problem),
    /// `not-recorded` or `full`: certainly not recorded; `outcome-unknown`: not known; try again
    #[response(status = 503, content_type = PROBLEM_JSON)]
    Unavailable(Problem),
}

/// Those of asking for voting codes.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "only the description uses them")]
pub(crate) enum CodesProblems {
    /// In this poll anyone may vote
    #[response(status = 409, content_type = PROBLEM_JSON)]
    NoCodes(Problem),
    /// Not 1 to 2,000 codes with numbers up to 65,535
    #[response(status = 422, content_type = PROBLEM_JSON)]
    NoSuchCodes(Problem),
}
