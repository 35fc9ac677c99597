//! Receipts: whether a ballot is counted, for people and for programs. Never what it chose.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use domain::{Inclusion, PollId, Position, Receipt, Unavailable};
use http::{HeaderValue, StatusCode, header};
use minijinja::context;
use program::log_throttle::LogThrottle;
use serde::Serialize;
use utoipa::ToSchema;
use web::{language::Language, poll_address, problem::Problem};

use crate::{
    App, api,
    error_page::{self, RELOAD_SECONDS},
    openapi::ProblemBody,
    scores::Present,
    time,
};

/// Whether a receipt's ballot is counted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReceiptBody {
    /// `counted`: it is the voter's ballot that counts. `replaced`: a later ballot of the same voter counts instead.
    /// `past_round`: the poll was reset after it. `waiting`: it is recorded and the count has not come to it yet.
    /// `missing`: the count is past its place and does not hold it.
    #[schema(example = "counted")]
    status: &'static str,
    /// When the ballot was accepted (RFC 3339).
    #[schema(example = "2026-11-23T08:45:00.123Z")]
    cast_at: String,
    /// Once it is in the ledger: when it was counted, to the second (RFC 3339). Not there for ballots that were counted by a
    /// release that did not keep the time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-11-23T08:45:01Z")]
    counted_at: Option<String>,
    /// While it waits: the count has come to what was accepted until then (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    counted_through: Option<String>,
    /// While it waits and nothing is counted at present, or the ledger can't be read: since when (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    stale_since: Option<String>,
}

/// The shortest time between two lines of the log about the same: anybody can ask, as often as they like.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// Why a receipt says nothing.
enum NoAnswer {
    /// The text is no receipt of this poll.
    NoReceipt,
    /// The ledger does not answer.
    Unavailable,
}

impl From<Unavailable> for NoAnswer {
    fn from(error: Unavailable) -> Self {
        static LINE: LogThrottle = LogThrottle::new(BETWEEN_LINES);
        if let Some(requests) = LINE.due() {
            tracing::warn!(%error, requests, "receipts.unavailable: receipts could not be looked up");
        }
        Self::Unavailable
    }
}

/// Whether the ballot of a receipt is counted. Whoever has the receipt may ask; it never says what was chosen.
#[utoipa::path(
    get,
    path = "/api/polls/{poll}/receipts/{receipt}",
    tag = "result",
    params(
        ("poll" = String, Path, description = "The poll's id"),
        ("receipt" = String, Path, description = "The 43 characters that the voter got"),
    ),
    responses(
        (status = 200, description = "What became of the ballot", body = ReceiptBody),
        (status = 404, description = "`receipt-unknown`: no receipt of this poll", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`: the ledger does not answer", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn for_programs(
    State(app): State<Arc<App>>,
    Path((poll, receipt)): Path<(String, String)>,
) -> Result<Response, Problem> {
    match look_up(&app, &poll, &receipt).await {
        Ok(found) => {
            let present = match found.inclusion {
                Inclusion::NotCountedYet => present(&app, found.poll).await,
                _ => None,
            };
            let body = ReceiptBody {
                status: status(found.inclusion),
                cast_at: time::rfc3339(found.cast_at),
                counted_at: found.counted_at.map(time::rfc3339),
                counted_through: present.as_ref().map(|now| time::rfc3339(now.counted_through_ms())),
                stale_since: present.and_then(|now| now.stale_since_ms()).map(time::rfc3339),
            };
            Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
        }
        Err(NoAnswer::NoReceipt) => {
            Err(Problem::new(StatusCode::NOT_FOUND, "receipt-unknown", "this is no receipt of this poll"))
        }
        Err(NoAnswer::Unavailable) => Err(api::unavailable()),
    }
}

/// `GET /p/{poll}/receipts/{receipt}`: the same for people.
pub(crate) async fn for_people(
    State(app): State<Arc<App>>,
    Path((poll, receipt)): Path<(String, String)>,
    language: Language,
) -> Response {
    let path = format!("/p/{poll}/receipts/{receipt}");
    let mut response = match look_up(&app, &poll, &receipt).await {
        Ok(found) => page(&app, language, &path, found).await,
        Err(NoAnswer::NoReceipt) => error_page::unknown_receipt(&app, language, "/"),
        Err(NoAnswer::Unavailable) => error_page::unavailable(&app, language, &path),
    };
    // The address is the receipt: it is nobody else's business, neither another host's nor a search engine's.
    let headers = response.headers_mut();
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
    response
}

/// What a receipt tells. Times are in milliseconds since 1970.
struct Found {
    poll: PollId,
    inclusion: Inclusion,
    cast_at: u64,
    counted_at: Option<u64>,
}

async fn look_up(app: &App, poll: &str, receipt: &str) -> Result<Found, NoAnswer> {
    let poll = PollId::parse(poll).map_err(|_| NoAnswer::NoReceipt)?;
    let Receipt { position, voter } = Receipt::decode(receipt, &app.secret, poll).map_err(|_| NoAnswer::NoReceipt)?;
    let inclusion = app.board.inclusion(poll, &Receipt { position, voter }).await?;
    let counted_at = match inclusion {
        Inclusion::Counted | Inclusion::Replaced | Inclusion::PastRound => counted_at(app, poll, position).await,
        Inclusion::NotCountedYet | Inclusion::Missing => None,
    };
    let (cast_at, counted_at) = in_order(position.millis(), counted_at, program::now_millis());
    Ok(Found { poll, inclusion, cast_at, counted_at })
}

/// When a ballot was cast and counted, as it can have been: not later than now, and not counted before it was cast. The
/// two are by two clocks, either of which may have been set; the earlier one bounds when it was cast.
fn in_order(cast_at: u64, counted_at: Option<u64>, now: u64) -> (u64, Option<u64>) {
    /// Within the second that a count is noted in, it is not known which was first.
    const NOTED_TO_MS: u64 = 999;
    let counted_at = counted_at.map(|counted_at| counted_at.min(now));
    let latest = counted_at.map_or(now, |counted_at| counted_at.saturating_add(NOTED_TO_MS).min(now));
    let cast_at = cast_at.min(latest);
    (cast_at, counted_at.map(|counted_at| counted_at.max(cast_at)))
}

/// That a ballot is counted is told even if it can't be had when.
async fn counted_at(app: &App, poll: PollId, position: Position) -> Option<u64> {
    app.board.counted_at(poll, position).await.unwrap_or_else(|error| {
        static LINE: LogThrottle = LogThrottle::new(BETWEEN_LINES);
        if let Some(requests) = LINE.due() {
            tracing::warn!(%error, requests, "receipts.no_time: when ballots of receipts were counted could not be \
                 looked up");
        }
        None
    })
}

async fn page(app: &App, language: Language, path: &str, found: Found) -> Response {
    let Found { poll, inclusion, cast_at, counted_at } = found;
    let present = present(app, poll).await;
    let waiting = inclusion == Inclusion::NotCountedYet;
    let counted_through = present.as_ref().filter(|_| waiting).map(|present| present.counted_through_ms());
    let stale_since = present.as_ref().filter(|_| waiting).and_then(|present| present.stale_since_ms());
    let context = context! {
        instance => app.instance.as_str(),
        path,
        result_path => poll_address::path(poll),
        status => status(inclusion),
        title => format!("receipt.{}", status(inclusion)),
        text => format!("receipt.{}.text", status(inclusion)),
        question => present.as_ref().map(|present| present.poll().question()),
        cast_at => time::rfc3339(cast_at),
        cast_at_text => time::date_and_time(language, cast_at),
        counted_at => counted_at.map(time::rfc3339),
        counted_at_text => counted_at.map(|millis| time::date_and_time(language, millis)),
        counted_through => counted_through.map(time::rfc3339),
        counted_through_text => counted_through.map(|millis| time::date_and_time(language, millis)),
        stale_since => stale_since.map(time::rfc3339),
        stale_since_text => stale_since.map(|millis| time::date_and_time(language, millis)),
        reload_seconds => waiting.then_some(RELOAD_SECONDS),
    };
    app.pages.respond(StatusCode::OK, language, "receipt.html", context)
}

/// The poll's present score. It is a courtesy here: a receipt is answered without it if it can't be had.
async fn present(app: &App, poll: PollId) -> Option<Arc<Present>> {
    app.board.present(poll).await.ok().flatten()
}

fn status(inclusion: Inclusion) -> &'static str {
    match inclusion {
        Inclusion::Counted => "counted",
        Inclusion::Replaced => "replaced",
        Inclusion::PastRound => "past_round",
        Inclusion::NotCountedYet => "waiting",
        Inclusion::Missing => "missing",
    }
}

#[cfg(test)]
mod tests {
    use super::in_order;

    #[test]
    fn a_receipt_never_says_what_can_not_have_been() {
        const NOW: u64 = 1_795_423_560_000;
        let before = |millis| NOW - millis;
        // As usual: counted within the second, which is noted without its milliseconds.
        assert_eq!(in_order(before(9_500), Some(before(10_000)), NOW), (before(9_500), Some(before(9_500))));
        assert_eq!(in_order(before(9_500), Some(before(9_000)), NOW), (before(9_500), Some(before(9_000))));
        // The log's clock was set forward: cast tomorrow.
        for counted_at in [None, Some(before(1_000))] {
            let (cast_at, counted_at) = in_order(NOW + 86_400_000, counted_at, NOW);
            assert!(cast_at <= NOW && counted_at.is_none_or(|counted_at| cast_at <= counted_at), "{cast_at}");
        }
        // The ledger's clock was set back, or forward.
        let (cast_at, counted_at) = in_order(before(5_000), Some(before(3_600_000)), NOW);
        assert!(counted_at.is_some_and(|counted_at| cast_at <= counted_at && counted_at <= NOW));
        assert_eq!(in_order(before(5_000), Some(NOW + 3_600_000), NOW), (before(5_000), Some(NOW)));
    }
}
