//! The page of a poll and the form on it: `GET` and `POST` at `/` and `/p/{poll}`.
//!
//! The form works without JavaScript: a recorded ballot is answered with 303 back to the page, which shows from the
//! cookie what was recorded. A refused ballot is answered with the page itself, which says why.

use std::{borrow::Cow, sync::Arc};

use axum::{
    body::Body,
    extract::{RawQuery, Request, State},
    response::{IntoResponse, Redirect, Response},
};
use domain::{Access, Choices, ChoicesError, EventId, FrontPage, Poll, PollId, Receipt};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use web::{event_address, poll_address, visitor::Visitor};

use super::{
    ballot_form::BallotForm,
    cast::{self, Attempt, StoredBallot, counted},
    event_page,
    vote_page::View,
};
use crate::{
    app::App,
    polls,
    refusal::Refusal,
    request::{PollPath, body, client_of, form::Fields},
    voter::{
        codes::{self, HeldCode},
        cookies::VotingBrowser,
    },
};

/// The field of the page's address that holds the receipt, after a ballot from a browser that sent no cookie. If the
/// browser sends none here either, nothing else tells what happened: it was given a cookie with the form.
const VOTED: &str = "voted";

/// Shows the poll. `?code=…`, as QR codes have it, fills in the voting code; `?code=` asks for another one.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    path: PollPath,
    RawQuery(query): RawQuery,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let poll = match at(&app, &path).await.map_err(Refusal::when_showing)? {
        AtAddress::Poll(poll) => poll,
        AtAddress::Event(event) => return event_page::show_event(&app, event, query, &visitor, &headers).await,
    };
    let browser = VotingBrowser::of(&headers, &app.cookies)?;
    let voted = query.as_deref().filter(|_| !headers.contains_key(header::COOKIE));
    let voted = voted.and_then(|query| receipt_in(query, &app, poll.id()));
    let typed = TypedCode::in_address(query.as_deref(), &app, &poll).await;
    let (code, event) = (typed.as_ref(), None);
    let view =
        View { app: &app, visitor: &visitor, poll: &poll, browser: &browser, headers: &headers, code, voted, event };
    let mut response = view.page(None, None);
    // With its cookie set before it votes, a browser can post twice (a lost answer, two taps) and is one voter.
    browser.set_voter_cookie(response.headers_mut(), &app.cookies);
    Ok(response)
}

/// Takes a ballot. This path must be cheap: nothing is rendered when all is well.
pub(crate) async fn cast(State(app): State<Arc<App>>, path: PollPath, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let read = async {
        let post = BallotPost::read(&app, &parts.headers, body).await?;
        Ok((post, at(&app, &path).await?))
    };
    let (post, poll) = match read.await.map_err(counted)? {
        (post, AtAddress::Poll(poll)) => (post, poll),
        (post, AtAddress::Event(event)) => return event_page::cast_at(&app, event, &parts, post).await,
    };
    let BallotPost { choices, code, revision, turn, mut browser, .. } = post;
    let (code, turn, from) = (code.as_deref(), turn.as_deref(), client_of(&app, &parts));
    let attempt = Attempt { choices: choices.as_ref().copied(), revision, code, event: None, turn, from };
    let mut response = match cast::cast(&app, &poll, &mut browser, attempt).await {
        Ok(recorded) => see_recorded(&parts, &receipt_query(&app, &parts.headers, poll.id(), &recorded)),
        Err(Refusal::UnknownPoll) => return Err(Refusal::UnknownPoll),
        Err(refusal) => {
            let now = poll_to_show(&app, &poll, &refusal).await;
            let code = TypedCode::of(code, &app, &now).await;
            let visitor = Visitor::of(&parts.uri, &parts.headers);
            let (app, headers, code) = (&app, &parts.headers, code.as_ref());
            let (voted, event) = (None, None);
            let view = View { app, visitor: &visitor, poll: &now, browser: &browser, headers, code, voted, event };
            view.page(Some(&refusal), choices.ok())
        }
    };
    cast::set_cookies(&app, &browser, &poll, response.headers_mut());
    Ok(response)
}

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
        let held = cast::held_code(app, poll, &text).await;
        Some(Self { text, held })
    }

    /// The code in an address, if there is one. On a device that several people share a code is typed each time: the
    /// address may be the last voter's.
    pub(super) async fn in_address(query: Option<&str>, app: &App, poll: &Poll) -> Option<Self> {
        let fields = Fields::read(query.filter(|_| !poll.kiosk())?.as_bytes()).ok()?;
        Self::of(Some(fields.get("code")).filter(|_| fields.has("code")), app, poll).await
    }
}

/// Makes the next person at this device another voter, in this poll and if it allows that.
pub(crate) async fn next_voter(
    State(app): State<Arc<App>>,
    path: PollPath,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let poll = find(&app, &path).await.map_err(Refusal::when_showing)?;
    let mut browser = VotingBrowser::of(&headers, &app.cookies)?;
    if !poll.kiosk() {
        return Err(Refusal::NoKiosk);
    }
    browser.begin_next_turn(poll.id());
    let mut response = see_other(&poll, query.as_deref());
    browser.set_cookies_of_turn(response.headers_mut(), &app.cookies);
    Ok(response)
}

/// Answers a `GET` at the address of the button "next voter".
pub(crate) async fn back_to_poll(
    State(app): State<Arc<App>>,
    path: PollPath,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let poll = find(&app, &path).await.map_err(Refusal::when_showing)?;
    Ok(see_other(&poll, query.as_deref()))
}

/// Back to the page of the poll, or of the event that the query names.
fn see_other(poll: &Poll, query: Option<&str>) -> Response {
    let named = query.and_then(|query| Fields::read(query.as_bytes()).ok());
    let event = named.and_then(|fields| EventId::parse(fields.get("event")).ok());
    Redirect::to(&event.map_or_else(|| poll_address::path_of(poll), event_address::path)).into_response()
}

/// What a voting page's address stands for.
enum AtAddress {
    Poll(Arc<Poll>),
    /// Only the root address.
    Event(EventId),
}

/// What the organiser put in front is at the root address; the default poll is still below `/p`.
async fn at(app: &App, path: &PollPath) -> Result<AtAddress, Refusal> {
    let poll = find(app, path).await?;
    Ok(match poll.front_page().filter(|_| path.is_root) {
        None => AtAddress::Poll(poll),
        Some(FrontPage::Poll(other)) => AtAddress::Poll(polls::recent(app, other).await?),
        Some(FrontPage::Event(event)) => AtAddress::Event(event),
    })
}

async fn find(app: &App, path: &PollPath) -> Result<Arc<Poll>, Refusal> {
    polls::recent(app, path.id()?).await
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
