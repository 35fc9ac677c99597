//! Receipts for programs.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use domain::Inclusion;
use http::header;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    described_problems::ReceiptProblems,
    receipts::{look_up, score_if_known, status},
    refusal::ResultRefusal,
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
    /// Once it is in the ledger: when it was counted, to the second (RFC 3339). Absent for ballots that were counted by
    /// a release that did not store the time.
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

/// Whether the ballot of a receipt is counted. Anybody who has the receipt may ask. The answer never says what was
/// chosen.
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
        ReceiptProblems,
    )
)]
pub(crate) async fn receipt(
    State(app): State<Arc<App>>,
    Path((poll, receipt)): Path<(String, String)>,
) -> Result<Response, ResultRefusal> {
    let found = look_up(&app, &poll, &receipt).await?;
    let score = match found.inclusion {
        Inclusion::NotCountedYet => score_if_known(&app, found.poll).await,
        _ => None,
    };
    let body = ReceiptBody {
        status: status(found.inclusion),
        cast_at: time::rfc3339(found.cast_at),
        counted_at: found.counted_at.map(time::rfc3339),
        counted_through: score.as_ref().and_then(|now| now.counted_through_ms(found.partition)).map(time::rfc3339),
        stale_since: score.and_then(|now| now.share_stale_since_ms(found.partition)).map(time::rfc3339),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}
