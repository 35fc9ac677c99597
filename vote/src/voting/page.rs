//! The page of a poll and the form on it: `GET` and `POST` at `/` and `/p/{poll}`.
//!
//! The form works without JavaScript: a recorded ballot is answered with 303 back to the page, which shows from the
//! cookie what was recorded. A refused ballot is answered with the page itself, which says why.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, Request, State},
    response::{IntoResponse, Redirect, Response},
};
use domain::{EventId, FrontPage, Poll};
use http::{HeaderMap, header};
use web::{event_address, poll_address, visitor::Visitor};

use super::{
    cast::{self, Attempt, counted},
    event_page,
    posted::{BallotPost, TypedCode, poll_to_show, receipt_in, receipt_query, see_recorded},
    vote_page::View,
};
use crate::{
    app::App,
    polls,
    refusal::Refusal,
    request::{PollPath, client_of, form::Fields},
    voter::cookies::VotingBrowser,
};

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
