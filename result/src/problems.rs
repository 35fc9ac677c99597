//! What goes wrong for programs, as problems (RFC 9457).

use domain::{PollId, Unavailable};
use http::StatusCode;
use utoipa::ToSchema;
use web::problem::Problem;

/// After how many seconds to ask again while the ledger does not answer.
const RETRY_AFTER_SECONDS: u32 = 2;

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

/// The id in an address; what is no id is no poll.
pub(crate) fn poll_id(text: &str) -> Result<PollId, Problem> {
    PollId::parse(text)
        .map_err(|error| Problem::new(StatusCode::NOT_FOUND, "unknown-poll", format!("{text:?}: {error}")))
}

/// There is no such poll.
pub(crate) fn unknown_poll(poll: PollId) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "unknown-poll", format!("there is no poll {poll}"))
}

/// The ledger did not answer this one read.
pub(crate) fn not_read(error: &Unavailable) -> Problem {
    tracing::warn!(%error, "the ledger could not be read for the organiser");
    unavailable()
}

/// The ledger does not answer.
pub(crate) fn unavailable() -> Problem {
    let detail = "the ledger does not answer at present; nothing is lost, please ask again";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(RETRY_AFTER_SECONDS)
}
