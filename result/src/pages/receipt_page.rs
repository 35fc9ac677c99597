//! Receipts for people.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use domain::{Inclusion, PollId};
use http::{HeaderValue, StatusCode, header};
use minijinja::value::Serde;
use serde::Serialize;
use web::{language::Language, poll_address};

use crate::{
    app::App,
    receipts::{BallotStatus, leaf, look_up, score_if_known, status},
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
        Ok(found) => {
            let kept = kept(&app, &poll, &receipt, &found).await;
            page(&app, language, &path, found, kept).await
        }
        Err(refusal) => refusal.into_response(),
    };
    // The address is the receipt. Neither other hosts nor search engines may learn it.
    let headers = response.headers_mut();
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
    response
}

/// What the voter may keep; none while the ballot is not counted, and where the tree can't be read at present.
async fn kept(app: &App, poll: &str, receipt: &str, found: &BallotStatus) -> Option<KeptFile> {
    if matches!(found.inclusion, Inclusion::NotCountedYet | Inclusion::Missing) {
        return None;
    }
    let held = leaf(app, poll, receipt).await.ok()??;
    let kind = if held.place.is_some() { "proof" } else { "promise" };
    Some(KeptFile { poll: found.poll, kind, path: format!("/api/polls/{poll}/receipts/{receipt}/{kind}") })
}

async fn page(app: &App, language: Language, path: &str, found: BallotStatus, kept: Option<KeptFile>) -> Response {
    let BallotStatus { poll, partition, inclusion, cast_at, counted_at } = found;
    let score = score_if_known(app, poll).await;
    let (title, text) = said_of(inclusion);
    let moment = |millis| Moment { machine: time::rfc3339(millis), text: time::date_and_time(language, millis) };
    let waiting = score.as_deref().filter(|_| inclusion == Inclusion::NotCountedYet);
    let page = ReceiptPage {
        instance: &app.instance,
        path,
        kept,
        result_path: score
            .as_ref()
            .map_or_else(|| poll_address::path(poll), |score| poll_address::path_of(score.poll())),
        status: status(inclusion),
        title: title.key(),
        text: text.key(),
        question: score.as_ref().map(|score| score.poll().question()),
        cast_at: moment(cast_at),
        counted_at: counted_at.map(moment),
        counted_through: waiting.and_then(|score| score.counted_through_ms(partition)).map(moment),
        stale_since: waiting.and_then(|score| score.share_stale_since_ms(partition)).map(moment),
        reload_seconds: (inclusion == Inclusion::NotCountedYet).then_some(RELOAD_SECONDS),
    };
    app.pages.respond(StatusCode::OK, language, "receipt.html", Serde(page).into())
}

/// The values of `receipt.html`.
#[derive(Serialize)]
struct ReceiptPage<'a> {
    instance: &'a str,
    path: &'a str,
    kept: Option<KeptFile>,
    result_path: String,
    status: &'static str,
    title: &'static str,
    text: &'static str,
    question: Option<&'a str>,
    cast_at: Moment,
    counted_at: Option<Moment>,
    counted_through: Option<Moment>,
    stale_since: Option<Moment>,
    reload_seconds: Option<u32>,
}

/// A signed file that the voter may keep.
#[derive(Serialize)]
struct KeptFile {
    poll: PollId,
    /// `promise` or `proof`.
    kind: &'static str,
    path: String,
}

/// A time, for the page's script and for people.
#[derive(Serialize)]
struct Moment {
    machine: String,
    text: String,
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
