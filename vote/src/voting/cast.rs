//! Casting one ballot, however it came in: check it against the poll, put it on the log, remember it.

use std::{net::IpAddr, num::NonZeroU16, sync::LazyLock, time::Instant};

use domain::{Access, Ballot, CastOutcome, Choices, ChoicesError, Poll, Position, VoterId};
use http::HeaderMap;
use metrics::Counter;

use crate::{
    app::App,
    refusal::Refusal,
    voter::{
        codes::Code,
        cookies::{Browser, Remembered},
    },
};

/// Kept, since every recorded ballot is counted. The first use must come after the metrics are installed.
static RECORDED: LazyLock<Counter> = LazyLock::new(|| ballots_by_outcome("recorded"));

fn ballots_by_outcome(outcome: &'static str) -> Counter {
    metrics::counter!("scrutin_ballots_cast_total", "outcome" => outcome)
}

/// Counts a ballot that was refused, and passes the refusal on.
pub(crate) fn counted(refusal: Refusal) -> Refusal {
    ballots_by_outcome(refusal.code()).increment(1);
    refusal
}

/// What somebody tries to cast.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt<'a> {
    /// What is chosen.
    pub(crate) choices: Result<Choices, &'a ChoicesError>,
    /// Which revision of the poll the voter was shown, if they say so.
    pub(crate) revision: Option<u32>,
    /// The voting code as it was typed, if one was.
    pub(crate) code: Option<&'a str>,
    /// Whose turn it was when the page was shown, if that says so: at a shared device somebody else's may have begun.
    pub(crate) turn: Option<&'a str>,
    /// From which address, for the limit on wrong codes.
    pub(crate) from: IpAddr,
}

/// A ballot that is on the log's disk.
pub(crate) struct Recorded {
    /// Where it stands.
    pub(crate) position: Position,
    /// Whose it is, in this poll.
    pub(crate) voter: VoterId,
    /// The ballot of the same voter and round that it replaces, as far as the browser remembers.
    pub(crate) replaces: Option<Position>,
}

/// Casts `choices` for `browser`, and remembers in it what became of them. Every ballot comes by here.
pub(crate) async fn cast(
    app: &App,
    poll: &Poll,
    browser: &mut Browser,
    attempt: Attempt<'_>,
) -> Result<Recorded, Refusal> {
    let recorded = try_cast(app, poll, browser, attempt).await.map_err(counted)?;
    RECORDED.increment(1);
    Ok(recorded)
}

async fn try_cast(app: &App, poll: &Poll, browser: &mut Browser, attempt: Attempt<'_>) -> Result<Recorded, Refusal> {
    let choices = attempt.choices.map_err(|error| Refusal::Choices(error.clone()))?;
    // A key may stand for another option by now.
    if attempt.revision.is_some_and(|shown| shown != poll.revision()) {
        app.polls.forget(poll.id());
        return Err(Refusal::PollRewritten);
    }
    if attempt.turn.is_some_and(|shown| shown != browser.turn(poll.id())) {
        return Err(Refusal::AnotherTurn);
    }
    let code = match poll.access() {
        Access::Anyone => None,
        Access::Codes => Some(code(app, poll, browser, attempt)?),
    };
    poll.check(choices).map_err(Refusal::Choices)?;
    let voter = browser.voter(&app.config.secret, poll.id(), code);
    let earlier = browser.recorded(poll).filter(|ballot| ballot.code == code);
    let remember = |choices, position| Remembered { poll: poll.id(), round: poll.round(), choices, position, code };
    let is_new = code.is_none() && earlier.is_none() && !browser.voted_before_reset(poll);
    if is_new {
        app.new_voters.admit(poll, attempt.from, Instant::now()).map_err(Refusal::TooManyNewVoters)?;
    }
    // Also where the poll was closed a moment ago: whether it is open is for the log to say.
    let cast = app.ballots.cast(Ballot { poll: poll.id(), voter, choices }, poll.revision()).await;
    if is_new {
        match cast {
            Ok(CastOutcome::Recorded(_)) => app.new_voters.came(poll.id(), attempt.from, Instant::now()),
            _ => app.new_voters.give_back(poll, attempt.from),
        }
    }
    match cast {
        Ok(CastOutcome::Recorded(position)) => {
            browser.remember(remember(Some(choices), position));
            Ok(Recorded { position, voter, replaces: earlier.map(|ballot| ballot.position) })
        }
        // Whoever holds the sheet can type its codes, and reads from numbers who has which: only the browser that cast
        // may learn where a code's ballot stands, and that knows it. So nothing is remembered.
        Ok(CastOutcome::AlreadyCast(_)) if code.is_some() => Err(Refusal::CodeUsed),
        Ok(CastOutcome::AlreadyCast(position)) => {
            let choices = earlier.filter(|ballot| ballot.position == position).and_then(|ballot| ballot.choices);
            browser.remember(remember(choices, position));
            Err(Refusal::AlreadyCast)
        }
        Ok(CastOutcome::NotOpen(state)) => {
            // The page that is asked for next must not say otherwise.
            if poll.state() != state {
                app.polls.forget(poll.id());
            }
            Err(Refusal::NotOpen(state))
        }
        Ok(CastOutcome::UnknownPoll) => Err(Refusal::UnknownPoll),
        Ok(CastOutcome::Rewritten) => {
            app.polls.forget(poll.id());
            Err(Refusal::PollRewritten)
        }
        Err(unavailable) => {
            app.note_unanswered(&unavailable);
            Err(Refusal::Unavailable(unavailable))
        }
    }
}

/// The number of the code by which this ballot is cast: the one that was typed, else the one used here last, unless
/// others vote here as well.
fn code(app: &App, poll: &Poll, browser: &Browser, attempt: Attempt<'_>) -> Result<NonZeroU16, Refusal> {
    let (known, poll) = (browser.code_number(poll.id()).filter(|_| !poll.kiosk()), poll.id());
    let Some(typed) = attempt.code else { return known.ok_or(Refusal::CodeNeeded) };
    // A right code passes at any time, whoever guesses beside it.
    Code::read(typed, &app.config.secret, poll).map(Code::number).map_err(|_| {
        let noted = app.code_attempts.wrong(poll, attempt.from, Instant::now());
        noted.map_or_else(|wait| Refusal::TooManyTries(wait.seconds()), |()| Refusal::WrongCode)
    })
}

/// Sets the cookies that belong to the answer, whether or not the ballot was recorded: a voter who tries
/// again after an unknown outcome must be the same voter, or would be counted twice.
pub(crate) fn set_cookies(app: &App, browser: &Browser, poll: &Poll, headers: &mut HeaderMap) {
    browser.set_voter_cookie(headers, &app.cookies);
    if browser.recorded(poll).is_some() {
        browser.set_ballots_cookie(headers, &app.cookies);
    }
}
