//! Casts one ballot, from page or API: checks it against the poll, appends it to the log, remembers it.

use std::{net::IpAddr, sync::LazyLock, time::Instant};

use domain::{Access, Ballot, CastOutcome, Choices, ChoicesError, EventId, Poll, Position, VoterId};
use http::HeaderMap;
use metrics::Counter;

use crate::{
    app::App,
    events,
    refusal::Refusal,
    voter::{
        codes::{Code, HeldCode},
        cookies::{RememberedBallot, VotingBrowser},
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

/// A ballot to be cast.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt<'a> {
    /// The choices.
    pub(crate) choices: Result<Choices, &'a ChoicesError>,
    /// The revision of the poll that the voter was shown, if known.
    pub(crate) revision: Option<u32>,
    /// The voting code as it was typed, if any.
    pub(crate) code: Option<&'a str>,
    /// The event on whose page it was cast, if it was: a code of it that was used before need not be typed again.
    pub(crate) event: Option<EventId>,
    /// Whose turn it was when the page was rendered, if the form has it; at a shared device another turn may have
    /// begun.
    pub(crate) turn: Option<&'a str>,
    /// The client's address, for the limits.
    pub(crate) from: IpAddr,
}

/// A ballot that is on the log's disk.
pub(crate) struct StoredBallot {
    /// Its position in the log.
    pub(crate) position: Position,
    /// The voter's pseudonym in this poll.
    pub(crate) voter: VoterId,
    /// The ballot of the same voter and round that it replaces, as far as the browser remembers.
    pub(crate) replaces: Option<Position>,
}

/// Casts a ballot for `browser`, remembers it there, and counts the outcome. Every ballot passes here.
pub(crate) async fn cast(
    app: &App,
    poll: &Poll,
    browser: &mut VotingBrowser,
    attempt: Attempt<'_>,
) -> Result<StoredBallot, Refusal> {
    let recorded = try_cast(app, poll, browser, attempt).await.map_err(counted)?;
    RECORDED.increment(1);
    Ok(recorded)
}

async fn try_cast(
    app: &App,
    poll: &Poll,
    browser: &mut VotingBrowser,
    attempt: Attempt<'_>,
) -> Result<StoredBallot, Refusal> {
    let ballot = checked(app, poll, browser, attempt).await?;
    let outcome = append(app, &ballot, attempt.from).await?;
    conclude(app, browser, &ballot, outcome)
}

/// A ballot that fits the poll as it is known here, and its voter.
struct CheckedBallot<'a> {
    poll: &'a Poll,
    choices: Choices,
    voter: VoterId,
    /// The voting code that it is cast with, if it is.
    code: Option<HeldCode>,
    /// The same voter's recorded ballot of this round, as far as the browser remembers.
    earlier: Option<RememberedBallot>,
    /// Whether the limit on new voters applies.
    is_new_voter: bool,
}

impl CheckedBallot<'_> {
    /// What the browser is to remember of a ballot at this position.
    fn remembered(&self, choices: Option<Choices>, position: Position) -> RememberedBallot {
        RememberedBallot { poll: self.poll.id(), round: self.poll.round(), choices, position, code: self.code }
    }
}

/// Checks all that can be known before the log is asked to take the ballot.
async fn checked<'a>(
    app: &App,
    poll: &'a Poll,
    browser: &VotingBrowser,
    attempt: Attempt<'_>,
) -> Result<CheckedBallot<'a>, Refusal> {
    let choices = attempt.choices.map_err(|error| Refusal::Choices(error.clone()))?;
    // A key may mean another option by now.
    if attempt.revision.is_some_and(|shown| shown != poll.revision()) {
        return Err(rewritten(app, poll));
    }
    if attempt.turn.is_some_and(|shown| shown != browser.turn(poll.id())) {
        return Err(Refusal::AnotherTurn);
    }
    let code = match poll.access() {
        Access::Anyone => None,
        Access::Codes => Some(code(app, poll, browser, attempt).await?),
    };
    poll.check(choices).map_err(Refusal::Choices)?;
    let voter = browser.voter(&app.config.secret, poll.id(), code);
    let earlier = browser.recorded(poll).filter(|ballot| ballot.code == code);
    let is_new_voter = code.is_none() && earlier.is_none() && !browser.voted_before_reset(poll);
    Ok(CheckedBallot { poll, choices, voter, code, earlier, is_new_voter })
}

/// The code for this ballot: the typed one, else the one used here last, unless the poll is a kiosk.
async fn code(app: &App, poll: &Poll, browser: &VotingBrowser, attempt: Attempt<'_>) -> Result<HeldCode, Refusal> {
    let id = poll.id();
    let Some(typed) = attempt.code else {
        let known = browser.held_code(id, attempt.event).filter(|_| !poll.kiosk());
        return known.ok_or(Refusal::CodeNeeded);
    };
    // A right code passes at any time, however many wrong ones come.
    if let Some(held) = held_code(app, poll, typed).await? {
        return Ok(held);
    }
    let noted = app.code_attempts.wrong(id, attempt.from, Instant::now());
    Err(noted.map_or_else(|wait| Refusal::TooManyTries(wait.seconds()), |()| Refusal::WrongCode))
}

/// The code that was typed, if it is one of the poll or of an event that the poll belongs to.
/// While the log does not say which events there are, a code of an event can't be told from a wrong one.
pub(super) async fn held_code(app: &App, poll: &Poll, typed: &str) -> Result<Option<HeldCode>, Refusal> {
    let secret = &app.config.secret;
    if let Ok(code) = Code::read(typed, secret, poll.id()) {
        return Ok(Some(HeldCode { number: code.number(), event: None }));
    }
    let of_event =
        |event| Some(HeldCode { number: Code::read(typed, secret, event).ok()?.number(), event: Some(event) });
    Ok(events::with_poll(app, poll.id()).await?.into_iter().find_map(of_event))
}

/// Appends the ballot to the log, if the voter's network may bring this voter.
async fn append(app: &App, ballot: &CheckedBallot<'_>, from: IpAddr) -> Result<CastOutcome, Refusal> {
    let &CheckedBallot { poll, choices, voter, is_new_voter, .. } = ballot;
    if is_new_voter {
        app.new_voters.admit(poll, from, Instant::now()).map_err(Refusal::TooManyNewVoters)?;
    }
    // Also if the cached poll is closed: the log decides whether it is open.
    let outcome = app.ballots.cast(Ballot { poll: poll.id(), voter, choices }, poll.revision()).await;
    if is_new_voter {
        match outcome {
            Ok(CastOutcome::Recorded(_)) => app.new_voters.note(poll.id(), from, Instant::now()),
            _ => app.new_voters.give_back(poll, from),
        }
    }
    outcome.map_err(|unavailable| {
        app.note_unanswered(&unavailable);
        Refusal::Unavailable(unavailable)
    })
}

/// What the log's answer means for the voter. The browser remembers what it may, and a cached poll that the answer
/// shows to be old is forgotten.
fn conclude(
    app: &App,
    browser: &mut VotingBrowser,
    ballot: &CheckedBallot<'_>,
    outcome: CastOutcome,
) -> Result<StoredBallot, Refusal> {
    let &CheckedBallot { poll, choices, voter, earlier, .. } = ballot;
    match outcome {
        CastOutcome::Recorded(position) => {
            browser.remember(ballot.remembered(Some(choices), position));
            Ok(StoredBallot { position, voter, replaces: earlier.map(|ballot| ballot.position) })
        }
        CastOutcome::AlreadyCast(position) => Err(already_cast(browser, ballot, position)),
        CastOutcome::NotOpen(state) => {
            // The next page must show the new state.
            if poll.state() != state {
                app.polls.forget(poll.id());
            }
            Err(Refusal::NotOpen(state))
        }
        CastOutcome::UnknownPoll => Err(Refusal::UnknownPoll),
        CastOutcome::Rewritten => Err(rewritten(app, poll)),
    }
}

/// The voter has a ballot at this position, and the poll allows no change.
fn already_cast(browser: &mut VotingBrowser, ballot: &CheckedBallot<'_>, position: Position) -> Refusal {
    // The sheet of codes numbers them, and its holder can type any. Only the browser that cast a ballot may learn its
    // position, and that browser knows it. So nothing is remembered here.
    if ballot.code.is_some() {
        return Refusal::CodeUsed;
    }
    let choices = ballot.earlier.filter(|earlier| earlier.position == position).and_then(|earlier| earlier.choices);
    browser.remember(ballot.remembered(choices, position));
    Refusal::AlreadyCast
}

/// The ballot is for another revision of the poll than the present one; the cached poll may be the old one.
fn rewritten(app: &App, poll: &Poll) -> Refusal {
    app.polls.forget(poll.id());
    Refusal::PollRewritten
}

/// Sets the cookies of the answer, also if the ballot was not recorded: a voter who tries again after an unknown
/// outcome must be the same voter, or would be counted twice.
pub(crate) fn set_cookies(app: &App, browser: &VotingBrowser, poll: &Poll, headers: &mut HeaderMap) {
    browser.set_voter_cookie(headers, &app.cookies);
    if browser.recorded(poll).is_some() {
        browser.set_ballots_cookie(headers, &app.cookies);
    }
}
