//! The problems of the API, as its description has them.

use utoipa::ToSchema;

/// An RFC 9457 problem, as `web::problem` writes it. Only for the description.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what another crate writes")]
pub(crate) struct ProblemBody {
    /// Always `about:blank`.
    #[schema(example = "about:blank")]
    r#type: String,
    /// The reason phrase of the status.
    #[schema(example = "Not Found")]
    title: String,
    /// The HTTP status.
    #[schema(example = 404)]
    status: u16,
    /// What went wrong, for programs.
    #[schema(example = "unknown-poll")]
    code: String,
    /// What went wrong, for people.
    #[schema(example = "there is no poll lunch")]
    detail: String,
    /// Seconds after which trying again makes sense.
    retry_after_seconds: Option<u32>,
}

/// The problems of what the organiser gets, for the API's description.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "it describes what is answered elsewhere")]
pub(crate) enum OrganiserProblems {
    /// `not-organiser`: another token was sent, or none where one is needed
    #[response(status = 401, content_type = "application/problem+json")]
    NotOrganiser(ProblemBody),
    /// `ticket-refused`: the ticket is for something else or too old; `no-organiser`: this installation has none
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(ProblemBody),
    /// `unknown-poll`: there is no such poll
    #[response(status = 404, content_type = "application/problem+json")]
    UnknownPoll(ProblemBody),
    /// `too-many-tries`: wrong tokens; wait as `Retry-After` says
    #[response(status = 429, content_type = "application/problem+json")]
    TooManyTries(ProblemBody),
    /// `unavailable`: the ledger does not answer; `busy`: as many exports of ballots run as may
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemBody),
}

/// The problems of receipts, for the API's description.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "it describes what is answered elsewhere")]
pub(crate) enum ReceiptProblems {
    /// `receipt-unknown`: no receipt of this poll
    #[response(status = 404, content_type = "application/problem+json")]
    UnknownReceipt(ProblemBody),
    /// `unavailable`: the ledger does not answer
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemBody),
}
