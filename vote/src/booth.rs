//! Casting one ballot, however it came in: check it against the poll, put it on the log, remember it.

use std::sync::Arc;

use domain::{Access, Ballot, Cast, Choices, Poll, PollId, Position, VoterId};
use http::HeaderMap;

use crate::{
    app::App,
    cookies::{Browser, Remembered},
    refusal::Refusal,
};

/// A ballot that is on the log's disk.
pub(crate) struct Recorded {
    /// Where it stands.
    pub(crate) position: Position,
    /// Whose it is, in this poll.
    pub(crate) voter: VoterId,
    /// The ballot of the same voter and round that it replaces, as far as the browser remembers.
    pub(crate) replaces: Option<Position>,
}

/// The poll, as it was at most a second ago.
pub(crate) async fn poll(app: &App, id: PollId) -> Result<Arc<Poll>, Refusal> {
    match app.polls.get(id).await {
        Ok(Some(poll)) => Ok(poll),
        Ok(None) => Err(Refusal::UnknownPoll),
        Err(unavailable) => {
            app.outages.note(&unavailable);
            Err(Refusal::Unavailable(unavailable))
        }
    }
}

/// Casts `choices` for `browser`, and remembers in it what became of them. Every ballot comes by here.
pub(crate) async fn cast(app: &App, poll: &Poll, browser: &mut Browser, choices: Choices) -> Result<Recorded, Refusal> {
    let outcome = try_cast(app, poll, browser, choices).await;
    match &outcome {
        Ok(_) => metrics::counter!("ballots_cast_total", "outcome" => "recorded").increment(1),
        Err(refusal) => metrics::counter!("ballots_cast_total", "outcome" => refusal.code()).increment(1),
    }
    outcome
}

async fn try_cast(app: &App, poll: &Poll, browser: &mut Browser, choices: Choices) -> Result<Recorded, Refusal> {
    if poll.access() == Access::Codes {
        return Err(Refusal::CodeNeeded);
    }
    poll.check(choices).map_err(Refusal::Choices)?;
    let voter = browser.voter(&app.config.secret, poll.id());
    let earlier = browser.recorded(poll);
    let remember = |choices, position| Remembered { poll: poll.id(), round: poll.round(), choices, position };
    // Also where the poll was closed a moment ago: whether it is open is for the log to say.
    match app.ballots.cast(Ballot { poll: poll.id(), voter, choices }).await {
        Ok(Cast::Recorded(position)) => {
            browser.remember(remember(Some(choices), position));
            Ok(Recorded { position, voter, replaces: earlier.map(|ballot| ballot.position) })
        }
        Ok(Cast::AlreadyCast(position)) => {
            let choices = earlier.filter(|ballot| ballot.position == position).and_then(|ballot| ballot.choices);
            browser.remember(remember(choices, position));
            Err(Refusal::AlreadyCast)
        }
        Ok(Cast::NotOpen(state)) => Err(Refusal::NotOpen(state)),
        Ok(Cast::UnknownPoll) => Err(Refusal::UnknownPoll),
        Ok(Cast::Unfit) => {
            app.polls.forget(poll.id());
            Err(Refusal::PollRewritten)
        }
        Err(unavailable) => {
            app.outages.note(&unavailable);
            Err(Refusal::Unavailable(unavailable))
        }
    }
}

/// Sets the cookies that belong to the answer, whether or not the ballot was recorded: a voter who tries
/// again after an unknown outcome must be the same voter, or would be counted twice.
pub(crate) fn set_cookies(app: &App, browser: &Browser, poll: &Poll, headers: &mut HeaderMap) {
    browser.set_voter_cookie(headers, &app.config.secret, app.is_https());
    if browser.recorded(poll).is_some() {
        browser.set_ballots_cookie(headers, &app.config.secret, app.is_https());
    }
}
