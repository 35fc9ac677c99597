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
use domain::{Choices, ChoicesError, Poll, PollId, Receipt};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use web::{poll_address, visitor::Visitor};

use super::{
    ballot_form::BallotForm,
    cast::{self, Attempt, StoredBallot, counted},
    vote_page::View,
};
use crate::{
    app::App,
    polls,
    refusal::Refusal,
    request::{PollPath, body, client_of, form::Fields},
    voter::{codes, cookies::VotingBrowser},
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
    let poll = find(&app, &path).await.map_err(Refusal::when_showing)?;
    let browser = VotingBrowser::of(&headers, &app.cookies)?;
    let voted = query.as_deref().filter(|_| !headers.contains_key(header::COOKIE));
    let voted = voted.and_then(|query| receipt_in(query, &app, poll.id()));
    let typed = query.as_deref().and_then(typed_code);
    // On a device that several people share a code is typed each time: this address may be the last voter's.
    let code = typed.as_deref().filter(|_| !poll.kiosk());
    let view = View { app: &app, visitor: &visitor, poll: &poll, browser: &browser, headers: &headers, code, voted };
    let mut response = view.page(None, None);
    // With its cookie set before it votes, a browser can post twice (a lost answer, two taps) and is one voter.
    browser.set_voter_cookie(response.headers_mut(), &app.cookies);
    Ok(response)
}

/// Takes a ballot. This path must be cheap: nothing is rendered when all is well.
pub(crate) async fn cast(State(app): State<Arc<App>>, path: PollPath, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let BallotPost { choices, code, revision, turn, poll, mut browser } =
        read(&app, &path, &parts.headers, body).await.map_err(counted)?;
    let (code, turn, from) = (code.as_deref(), turn.as_deref(), client_of(&app, &parts));
    let attempt = Attempt { choices: choices.as_ref().copied(), revision, code, turn, from };
    let mut response = match cast::cast(&app, &poll, &mut browser, attempt).await {
        Ok(recorded) => back_to(&app, &parts, poll.id(), &recorded),
        Err(Refusal::UnknownPoll) => return Err(Refusal::UnknownPoll),
        Err(refusal) => {
            let now = poll_to_show(&app, &poll, &refusal).await;
            let visitor = Visitor::of(&parts.uri, &parts.headers);
            let (app, headers) = (&app, &parts.headers);
            let view = View { app, visitor: &visitor, poll: &now, browser: &browser, headers, code, voted: None };
            view.page(Some(&refusal), choices.ok())
        }
    };
    cast::set_cookies(&app, &browser, &poll, response.headers_mut());
    Ok(response)
}

/// The poll for the page of a refused ballot: a rewritten one is read again, if the log answers.
async fn poll_to_show(app: &App, poll: &Arc<Poll>, refusal: &Refusal) -> Arc<Poll> {
    match refusal {
        Refusal::PollRewritten => polls::recent(app, poll.id()).await.unwrap_or_else(|_| poll.clone()),
        _ => poll.clone(),
    }
}

/// The posted form, the browser, and the poll.
struct BallotPost {
    choices: Result<Choices, ChoicesError>,
    code: Option<String>,
    revision: Option<u32>,
    turn: Option<String>,
    poll: Arc<Poll>,
    browser: VotingBrowser,
}

/// The form's fields, and the poll they are for. Choices that can't be a ballot are refused on the poll's own page; a
/// form that can't be read is refused before the poll is looked for.
async fn read(app: &App, path: &PollPath, headers: &HeaderMap, body: Body) -> Result<BallotPost, Refusal> {
    let form = body::form(headers, body, body::MAX_BALLOT_BYTES).await?;
    let ballot = BallotForm::read(&form)?;
    let (choices, code) = (ballot.choices, ballot.code.map(Cow::into_owned));
    let (revision, turn) = (ballot.revision, ballot.turn.map(Cow::into_owned));
    let browser = VotingBrowser::of(headers, &app.cookies)?;
    Ok(BallotPost { choices, code, revision, turn, poll: find(app, path).await?, browser })
}

/// Makes the next person at this device another voter, in this poll and if it allows that.
pub(crate) async fn next_voter(
    State(app): State<Arc<App>>,
    path: PollPath,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let poll = find(&app, &path).await.map_err(Refusal::when_showing)?;
    let mut browser = VotingBrowser::of(&headers, &app.cookies)?;
    if !poll.kiosk() {
        return Err(Refusal::NoKiosk);
    }
    browser.begin_next_turn(poll.id());
    let mut response = see_other(poll.id());
    browser.set_cookies_of_turn(response.headers_mut(), &app.cookies);
    Ok(response)
}

/// Answers a `GET` at the address of the button "next voter".
pub(crate) async fn back_to_poll(path: PollPath) -> Result<Response, Refusal> {
    path.id().map(see_other)
}

fn see_other(poll: PollId) -> Response {
    Redirect::to(&poll_address::path(poll)).into_response()
}

/// The code in an address, if there is one; perhaps empty.
fn typed_code(query: &str) -> Option<String> {
    let fields = Fields::read(query.as_bytes()).ok()?;
    fields.has("code").then(|| codes::tidied(fields.get("code")))
}

async fn find(app: &App, path: &PollPath) -> Result<Arc<Poll>, Refusal> {
    polls::recent(app, path.id()?).await
}

/// The receipt in the page's address, if it is of this poll; a link to another poll must not say "you have voted".
fn receipt_in(query: &str, app: &App, poll: PollId) -> Option<Receipt> {
    let fields = Fields::read(query.as_bytes()).ok()?;
    Receipt::decode(fields.get(VOTED), &app.config.secret, poll).ok()
}

fn back_to(app: &App, parts: &Parts, poll: PollId, recorded: &StoredBallot) -> Response {
    let (path, headers) = (parts.uri.path(), &parts.headers);
    let mut response = StatusCode::SEE_OTHER.into_response();
    // A program (`ab`, a script) looks at no page, and gets no receipt.
    let location = if headers.contains_key(header::COOKIE) || !wants_a_page(headers) {
        HeaderValue::from_str(path)
    } else {
        let receipt = Receipt { position: recorded.position, voter: recorded.voter };
        HeaderValue::try_from(format!("{path}?{VOTED}={}", receipt.encode(&app.config.secret, poll)))
    };
    let location = location.unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(header::LOCATION, location);
    response
}

/// Whether the client shows the answer to a person: browsers ask for HTML by name.
fn wants_a_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}
