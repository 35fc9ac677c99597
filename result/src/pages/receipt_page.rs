//! Receipts for people.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use domain::Inclusion;
use http::{HeaderValue, StatusCode, header};
use minijinja::context;
use web::{language::Language, poll_address};

use crate::{
    app::App,
    receipts::{BallotStatus, look_up, score_if_known, status},
    texts::ResultText,
    time,
};

/// After how many seconds the page of a ballot that is not counted yet looks again.
const RELOAD_SECONDS: u32 = 5;

/// `GET /p/{poll}/receipts/{receipt}`.
pub(crate) async fn receipt(
    State(app): State<Arc<App>>,
    Path((poll, receipt)): Path<(String, String)>,
    language: Language,
) -> Response {
    let path = format!("/p/{poll}/receipts/{receipt}");
    let mut response = match look_up(&app, &poll, &receipt).await {
        Ok(found) => page(&app, language, &path, found).await,
        Err(refusal) => refusal.into_response(),
    };
    // The address is the receipt. Neither other hosts nor search engines may learn it.
    let headers = response.headers_mut();
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
    response
}

async fn page(app: &App, language: Language, path: &str, found: BallotStatus) -> Response {
    let BallotStatus { poll, inclusion, cast_at, counted_at } = found;
    let score = score_if_known(app, poll).await;
    let (title, text) = said_of(inclusion);
    let waiting = inclusion == Inclusion::NotCountedYet;
    let counted_through = score.as_ref().filter(|_| waiting).map(|score| score.counted_through_ms());
    let stale_since = score.as_ref().filter(|_| waiting).and_then(|score| score.stale_since_ms());
    let context = context! {
        instance => app.instance.as_str(),
        path,
        result_path => poll_address::path(poll),
        status => status(inclusion),
        title => title.key(),
        text => text.key(),
        question => score.as_ref().map(|score| score.poll().question()),
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

/// The heading of the page, and the text below it.
fn said_of(inclusion: Inclusion) -> (ResultText, ResultText) {
    match inclusion {
        Inclusion::Counted => (ResultText::ReceiptCounted, ResultText::ReceiptCountedText),
        Inclusion::Replaced => (ResultText::ReceiptReplaced, ResultText::ReceiptReplacedText),
        Inclusion::PastRound => (ResultText::ReceiptPastRound, ResultText::ReceiptPastRoundText),
        Inclusion::NotCountedYet => (ResultText::ReceiptWaiting, ResultText::ReceiptWaitingText),
        Inclusion::Missing => (ResultText::ReceiptMissing, ResultText::ReceiptMissingText),
    }
}
