//! The problems of the API, as its description has them.

use web::problem::Problem;

/// The problems of what the organiser gets, for the API's description.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "it describes what is answered elsewhere")]
pub(crate) enum OrganiserProblems {
    /// `not-organiser`: another token was sent, or none where one is needed
    #[response(status = 401, content_type = "application/problem+json")]
    NotOrganiser(Problem),
    /// `ticket-refused`: the ticket is for something else or too old; `no-organiser`: this installation has none
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
    /// `unknown-poll`: there is no such poll
    #[response(status = 404, content_type = "application/problem+json")]
    UnknownPoll(Problem),
    /// `too-many-tries`: wrong tokens; wait as `Retry-After` says
    #[response(status = 429, content_type = "application/problem+json")]
    TooManyTries(Problem),
    /// `unavailable`: the ledger does not answer; `busy`: as many exports of ballots run as may
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

/// The problems of receipts, for the API's description.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "it describes what is answered elsewhere")]
pub(crate) enum ReceiptProblems {
    /// `receipt-unknown`: no receipt of this poll
    #[response(status = 404, content_type = "application/problem+json")]
    UnknownReceipt(Problem),
    /// `unavailable`: the ledger does not answer
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

/// The problems of an event's exports, for the API's description.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "it describes what is answered elsewhere")]
pub(crate) enum EventExportProblems {
    /// `not-organiser`: another token was sent
    #[response(status = 401, content_type = "application/problem+json")]
    NotOrganiser(Problem),
    /// `ticket-refused`: the ticket is for something else or too old; `no-organiser`: this installation has none
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
    /// `unknown-event`: there is no such event
    #[response(status = 404, content_type = "application/problem+json")]
    UnknownEvent(Problem),
    /// `too-many-tries`: wrong tokens; wait as `Retry-After` says
    #[response(status = 429, content_type = "application/problem+json")]
    TooManyTries(Problem),
    /// `unavailable`: the ledger does not answer
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

/// The problems of where an event is, for the API's description.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "it describes what is answered elsewhere")]
pub(crate) enum EventNowProblems {
    /// `unknown-event`: there is no such event
    #[response(status = 404, content_type = "application/problem+json")]
    UnknownEvent(Problem),
    /// `unavailable`: the ledger does not answer
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

/// The problems of trees, for the API's description.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "it describes what is answered elsewhere")]
pub(crate) enum TreeProblems {
    /// `unknown-poll`: there is no such poll; `no-tree`: there is no such tree, or no such part of it
    #[response(status = 404, content_type = "application/problem+json")]
    NoSuchTree(Problem),
    /// `unavailable`: the ledger does not answer
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

/// The problems of seals and results, for the API's description.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "it describes what is answered elsewhere")]
pub(crate) enum SealProblems {
    /// `unknown-poll`: there is no such poll; `not-sealed`: it is not closed, or not all of it is counted; `no-result`:
    /// the same, or its votes are hidden
    #[response(status = 404, content_type = "application/problem+json")]
    NotSealed(Problem),
    /// `unavailable`: the ledger does not answer
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

/// The problems of published ballots, for the API's description.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "it describes what is answered elsewhere")]
pub(crate) enum PublicationProblems {
    /// `unknown-poll`: there is no such poll; `not-published`: its ballots are not published; `not-sealed`: a partition
    /// has not counted the close
    #[response(status = 404, content_type = "application/problem+json")]
    NotPublished(Problem),
    /// `unavailable`: the ledger does not answer; `busy`: as many files are sent as may be
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

/// The problems of what a voter keeps, for the API's description.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "it describes what is answered elsewhere")]
pub(crate) enum ReceiptNoteProblems {
    /// `receipt-unknown`: no receipt of this poll; `not-counted`: its ballot is not counted, or was before there were
    /// trees; `block-open`: there is no proof yet, but a promise
    #[response(status = 404, content_type = "application/problem+json")]
    NotThere(Problem),
    /// `unavailable`: the ledger does not answer
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

/// The problems of the key, for the API's description.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "it describes what is answered elsewhere")]
pub(crate) enum KeyProblems {
    /// `no-key`: no worker has worked here yet; `unavailable`: the ledger does not answer
    #[response(status = 503, content_type = "application/problem+json")]
    NoKey(Problem),
}
