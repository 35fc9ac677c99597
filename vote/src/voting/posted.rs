//! What the pages of polls and of events share: a posted ballot, a code in it or in the address, and the address of the
//! page after it.

use std::{borrow::Cow, sync::Arc};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use domain::{Access, Choices, ChoicesError, Poll, PollId, Receipt};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};

use super::{
    ballot_form::BallotForm,
    cast::{self, StoredBallot},
};
use crate::{
    app::App,
    polls,
    refusal::Refusal,
    request::{body, form::Fields},
    voter::{
        codes::{self, HeldCode},
        cookies::VotingBrowser,
    },
};

/// The field of the page's address that holds the receipt, after a ballot from a browser that sent no cookie. If the
/// browser sends none here either, nothing else tells what happened: it was given a cookie with the form.
const VOTED: &str = "voted";

/// The poll for the page of a refused ballot: a rewritten one is read again, if the log answers.
pub(super) async fn poll_to_show(app: &App, poll: &Arc<Poll>, refusal: &Refusal) -> Arc<Poll> {
    match refusal {
        Refusal::PollRewritten => polls::recent(app, poll.id()).await.unwrap_or_else(|_| poll.clone()),
        _ => poll.clone(),
    }
}

/// A posted ballot, and the browser that posted it.
pub(super) struct BallotPost {
    pub(super) choices: Result<Choices, ChoicesError>,
    pub(super) code: Option<String>,
    pub(super) revision: Option<u32>,
    pub(super) turn: Option<String>,
    /// Which poll of an event.
    pub(super) poll: Option<String>,
    pub(super) browser: VotingBrowser,
}

impl BallotPost {
    /// Reads the form's fields. Choices that can't be a ballot are refused on the poll's own page; a form that can't be
    /// read is refused before the poll is looked for.
    pub(super) async fn read(app: &App, headers: &HeaderMap, body: Body) -> Result<Self, Refusal> {
        let form = body::form(headers, body, body::MAX_BALLOT_BYTES).await?;
        let BallotForm { choices, code, revision, turn, poll } = BallotForm::read(&form)?;
        let [code, turn, poll] = [code, turn, poll].map(|text| text.map(Cow::into_owned));
        Ok(Self { choices, code, revision, turn, poll, browser: VotingBrowser::of(headers, &app.cookies)? })
    }
}

/// A voting code in the address or in the form.
pub(super) struct TypedCode {
    /// As it was typed, tidied.
    pub(super) text: String,
    /// Which code it is; `None` if it is none of the poll.
    pub(super) held: Option<HeldCode>,
}

impl TypedCode {
    /// A code that was typed for this poll, which it may not need.
    pub(super) async fn of(text: Option<&str>, app: &App, poll: &Poll) -> Option<Self> {
        let text = codes::tidied(text.filter(|_| poll.access() == Access::Codes)?);
        // A page is shown also where this is not to be known.
        let held = cast::held_code(app, poll, &text).await.unwrap_or_default();
        Some(Self { text, held })
    }

    /// The code in an address, if there is one. On a device that several people share a code is typed each time: the
    /// address may be the last voter's.
    pub(super) async fn in_address(query: Option<&str>, app: &App, poll: &Poll) -> Option<Self> {
        let fields = Fields::read(query.filter(|_| !poll.kiosk())?.as_bytes()).ok()?;
        Self::of(Some(fields.get("code")).filter(|_| fields.has("code")), app, poll).await
    }
}

/// The receipt in the page's address, if it is of this poll; a link to another poll must not say "you have voted".
pub(super) fn receipt_in(query: &str, app: &App, poll: PollId) -> Option<Receipt> {
    let fields = Fields::read(query.as_bytes()).ok()?;
    Receipt::decode(fields.get(VOTED), &app.config.secret, poll).ok()
}

/// The query of the page's address after a recorded ballot; empty for a browser with cookies. A program (`ab`, a
/// script) looks at no page, and gets no receipt.
pub(super) fn receipt_query(app: &App, headers: &HeaderMap, poll: PollId, recorded: &StoredBallot) -> String {
    if headers.contains_key(header::COOKIE) || !wants_a_page(headers) {
        return String::new();
    }
    let receipt = Receipt { position: recorded.position, voter: recorded.voter };
    format!("{VOTED}={}", receipt.encode(&app.config.secret, poll))
}

/// Back to the page that the form was on, with this query.
pub(super) fn see_recorded(parts: &Parts, query: &str) -> Response {
    let path = parts.uri.path();
    let mut response = StatusCode::SEE_OTHER.into_response();
    let location =
        if query.is_empty() { HeaderValue::from_str(path) } else { HeaderValue::try_from(format!("{path}?{query}")) };
    response.headers_mut().insert(header::LOCATION, location.unwrap_or(HeaderValue::from_static("/")));
    response
}

/// Whether the client shows the answer to a person: browsers ask for HTML by name.
fn wants_a_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}
