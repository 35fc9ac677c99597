//! What answers with notes, tiles and published ballots have in common: types and how long they may be kept.

use axum::response::{IntoResponse, Response};
use domain::Unavailable;
use http::{HeaderValue, header};
use program::log_throttle::LogThrottle;

use crate::refusal::ResultRefusal;

/// The type of notes and of published ballots.
pub(crate) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// The shortest time between two log lines: anybody can ask, as often as they like.
const BETWEEN_LINES: std::time::Duration = std::time::Duration::from_secs(10);

/// For how long a proxy or a browser may keep an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// It is for one reader, or changes at any time.
    Never,
    /// What all who look ask for, and what may be another a moment later.
    ASecond,
    /// It hardly ever changes.
    AMinute,
    /// It never changes.
    Forever,
}

impl Keep {
    fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Never => "no-store",
            Self::ASecond => "public, max-age=1",
            Self::AMinute => "public, max-age=60",
            Self::Forever => "public, max-age=31536000, immutable",
        })
    }
}

/// An answer of this type.
pub(crate) fn answer(keep: Keep, content_type: HeaderValue, body: impl IntoResponse) -> Response {
    let headers = [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, keep.header())];
    (headers, body).into_response()
}

/// A note.
pub(crate) fn note(keep: Keep, note: String) -> Response {
    answer(keep, TEXT, note)
}

/// The ledger did not answer. It is logged now and then.
pub(crate) fn unavailable(error: &Unavailable) -> ResultRefusal {
    static LINE: LogThrottle = LogThrottle::new(BETWEEN_LINES);
    if let Some(requests) = LINE.due() {
        tracing::warn!(event = "trees.unavailable", %error, requests, "trees of ballots could not be read");
    }
    ResultRefusal::Unavailable
}
