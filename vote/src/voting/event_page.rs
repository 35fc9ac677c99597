//! The page of an event: `GET` and `POST` at `/e/{event}`. It shows the question that is on, and its form is that of
//! the poll. While none is on, it says so.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, Request, State},
    response::Response,
};
use domain::{Event, EventId, Poll, PollId, PollState};
use http::{HeaderMap, request::Parts};
use web::visitor::Visitor;

use super::{
    cast::{self, Attempt, counted},
    event_view::{self, OnEvent},
    posted::{BallotPost, TypedCode, poll_to_show, receipt_in, receipt_query, see_recorded},
    vote_page::View,
};
use crate::{
    app::App,
    events, polls,
    refusal::Refusal,
    request::{EventPath, client_of, form::Fields},
    voter::cookies::VotingBrowser,
};

/// The field of the page's address that names the poll for which a ballot was recorded: another one may be on by now.
const RECORDED: &str = "recorded";
/// The field of the page's address that names the versions of event and poll that the browser has heard of: `7.3`.
const AT: &str = "at";

/// Shows the question that is on.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    path: EventPath,
    RawQuery(query): RawQuery,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    show_event(&app, path.id()?, query, &visitor, &headers).await
}

/// The same at another address.
pub(super) async fn show_event(
    app: &App,
    id: EventId,
    query: Option<String>,
    visitor: &Visitor,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let query = query.unwrap_or_default();
    let (version, poll_version) = heard_of(&query);
    let event = events::since(app, id, version).await.map_err(Refusal::when_showing)?;
    let poll = match event.progress().poll() {
        Some(poll) if !event.archived() => Some(polls::since(app, poll, poll_version).await),
        _ => None,
    };
    let poll = poll.transpose().or_else(nothing_is_on).map_err(Refusal::when_showing)?;
    let browser = VotingBrowser::of(headers, &app.cookies)?;
    let on = poll.as_ref().map(|poll| poll.id());
    let earlier =
        earlier_ballot(app, &query, headers, &browser, |named| Some(named) != on && event.polls().contains(&named));
    let earlier = earlier.await;
    let on = OnEvent { event: &event, earlier: earlier.as_deref(), is_recorded: true };
    let mut response = match &poll {
        None => event_view::between(app, visitor, headers, on, None),
        Some(poll) => {
            let voted = Some(query.as_str()).filter(|_| !headers.contains_key(http::header::COOKIE));
            let voted = voted.and_then(|query| receipt_in(query, app, poll.id()));
            let typed = TypedCode::in_address(Some(&query), app, poll).await;
            let (code, event, browser) = (typed.as_ref(), Some(on), &browser);
            View { app, visitor, poll, browser, headers, code, voted, event }.page(None, None)
        }
    };
    // As on the page of a poll.
    browser.set_voter_cookie(response.headers_mut(), &app.cookies);
    Ok(response)
}

/// Takes a ballot for the poll that the form names; without one, for the poll that is on.
pub(crate) async fn cast(State(app): State<Arc<App>>, path: EventPath, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let post = BallotPost::read(&app, &parts.headers, body).await.map_err(counted)?;
    cast_at(&app, path.id().map_err(counted)?, &parts, post).await
}

/// The same at another address.
pub(super) async fn cast_at(app: &App, id: EventId, parts: &Parts, mut post: BallotPost) -> Result<Response, Refusal> {
    let read = async {
        let event = events::recent(app, id).await?;
        let poll = meant(&event, post.poll.as_deref())?;
        Ok((polls::recent(app, poll).await?, event))
    };
    let (poll, event) = read.await.map_err(counted)?;
    let (code, turn, from) = (post.code.as_deref(), post.turn.as_deref(), client_of(app, parts));
    let (choices, revision, event_id) = (post.choices.as_ref().copied(), post.revision, Some(event.id()));
    let attempt = Attempt { choices, revision, code, event: event_id, turn, from };
    let mut response = match cast::cast(app, &poll, &mut post.browser, attempt).await {
        Ok(recorded) => {
            let receipt = receipt_query(app, &parts.headers, poll.id(), &recorded);
            let and = if receipt.is_empty() { "" } else { "&" };
            see_recorded(parts, &format!("{RECORDED}={}{and}{receipt}", poll.id()))
        }
        Err(Refusal::UnknownPoll) => return Err(Refusal::UnknownPoll),
        Err(refusal) => refused(app, parts, &post, &poll, &event, &refusal).await,
    };
    cast::set_cookies(app, &post.browser, &poll, response.headers_mut());
    Ok(response)
}

/// The page after a refused ballot: the question that is on, and which one the ballot was for.
async fn refused(
    app: &App,
    parts: &Parts,
    post: &BallotPost,
    poll: &Arc<Poll>,
    event: &Event,
    refusal: &Refusal,
) -> Response {
    let (visitor, headers) = (&Visitor::of(&parts.uri, &parts.headers), &parts.headers);
    let is_on = event.progress().poll() == Some(poll.id()) && !event.archived();
    let now = match event.progress().poll() {
        _ if is_on => Some(poll_to_show(app, poll, refusal).await),
        Some(other) if !event.archived() => polls::recent(app, other).await.ok(),
        _ => None,
    };
    let earlier = (!is_on).then_some(&**poll);
    let on = OnEvent { event, earlier, is_recorded: false };
    let Some(now) = now else { return event_view::between(app, visitor, headers, on, Some(refusal)) };
    let code = TypedCode::of(post.code.as_deref(), app, &now).await;
    let (browser, code, voted, event) = (&post.browser, code.as_ref(), None, Some(on));
    let attempted = post.choices.as_ref().ok().copied().filter(|_| is_on);
    View { app, visitor, poll: &now, browser, headers, code, voted, event }.page(Some(refusal), attempted)
}

/// The poll that a ballot is for.
fn meant(event: &Event, named: Option<&str>) -> Result<PollId, Refusal> {
    match named.map(PollId::parse) {
        Some(Ok(poll)) if event.polls().contains(&poll) => Ok(poll),
        Some(_) => Err(Refusal::UnknownPoll),
        None if event_view::is_over(event) => Err(Refusal::NotOpen(PollState::Closed)),
        None => event.progress().poll().ok_or(Refusal::NotOpen(PollState::Waiting)),
    }
}

/// The poll for which a ballot of this browser was recorded just now, if it is one of these.
async fn earlier_ballot(
    app: &App,
    query: &str,
    headers: &HeaderMap,
    browser: &VotingBrowser,
    is_one: impl FnOnce(PollId) -> bool,
) -> Option<Arc<Poll>> {
    let fields = Fields::read(query.as_bytes()).ok()?;
    let named = PollId::parse(fields.get(RECORDED)).ok().filter(|named| is_one(*named))?;
    let poll = polls::recent(app, named).await.ok()?;
    let without_cookies = || !headers.contains_key(http::header::COOKIE) && receipt_in(query, app, named).is_some();
    (browser.recorded(&poll).is_some() || without_cookies()).then_some(poll)
}

/// A poll that the log does not know can't be shown; the event goes on.
fn nothing_is_on(refusal: Refusal) -> Result<Option<Arc<Poll>>, Refusal> {
    if refusal == Refusal::UnknownPoll { Ok(None) } else { Err(refusal) }
}

fn heard_of(query: &str) -> (u64, u64) {
    let fields = Fields::read(query.as_bytes()).ok();
    let at = fields.as_ref().map_or("", |fields| fields.get(AT));
    let (event, poll) = at.split_once('.').unwrap_or((at, ""));
    (event.parse().unwrap_or(0), poll.parse().unwrap_or(0))
}
