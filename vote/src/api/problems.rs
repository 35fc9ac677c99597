//! The problems that several operations can answer with, for the API's description.

use web::problem::Problem;

/// Those of every operation with the organiser's token.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "only the description uses them")]
pub(crate) enum TokenProblems {
    /// Not the organiser
    #[response(status = 401)]
    NotOrganiser(Problem),
    /// This installation has no organiser
    #[response(status = 403)]
    NoOrganiser(Problem),
    /// Too many wrong tokens; try again after `Retry-After`
    #[response(status = 429)]
    TooManyTries(Problem),
}

/// Those of every operation with a body.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "only the description uses them")]
pub(crate) enum BodyProblems {
    /// The body did not come in time
    #[response(status = 408)]
    Interrupted(Problem),
    /// Over 16 KiB for a ballot, over 128 KiB for a poll
    #[response(status = 413)]
    TooLarge(Problem),
    /// Not application/json
    #[response(status = 415)]
    ContentType(Problem),
}

/// Those of every operation on one poll.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "only the description uses them")]
pub(crate) enum PollProblems {
    /// Unknown poll, or no such change
    #[response(status = 404)]
    UnknownPoll(Problem),
}

/// Those of every operation that asks the log and changes nothing.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "only the description uses them")]
pub(crate) enum LogProblems {
    /// The log does not answer; try again
    #[response(status = 503)]
    Unavailable(Problem),
}

/// Those of every operation that changes a poll.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "only the description uses them")]
pub(crate) enum ChangeProblems {
    /// The log does not answer, and it may have been done; look at the poll, then try again
    #[response(status = 503)]
    Unavailable(Problem),
}
