//! The page of a poll and the form on it: `GET` and `POST` at `/` and `/p/{poll}`.
//!
//! The form works without JavaScript: a recorded ballot is answered with 303 back to the page, which shows
//! from the cookie what was recorded. What is refused is answered with the page itself, saying why.

use std::{borrow::Cow, sync::Arc};

use axum::{
    extract::{RawQuery, Request, State},
    response::{IntoResponse, Redirect, Response},
};
use domain::{Access, Choices, Poll, PollId, PollState, Position, Receipt, option_key};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use minijinja::{Value, context};
use program::settings::PublicUrl;
use web::{direction::isolated, edition::edition, poll_address};

use super::cast::{self, Attempt, Recorded};
use crate::{
    app::{App, Visitor},
    look, polls,
    refusal::Refusal,
    request::{
        PollPath, body,
        form::{self, Fields},
    },
    texts::{self, VoteText},
    voter::{
        codes::{self, Code},
        cookies::{Browser, Remembered},
    },
};

/// In the address of the page after a ballot from a browser that came without any cookie: the receipt. If it comes here
/// without one as well, this is all that tells what happened; a browser that keeps cookies was given one with the form.
const VOTED: &str = "voted";

/// Shows the poll. `?code=…`, as it stands in QR codes, fills in the voting code; `?code=` asks for another one.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    path: PollPath,
    RawQuery(query): RawQuery,
    visitor: Visitor,
    headers: HeaderMap,
) -> Response {
    let poll = match find(&app, &path).await {
        Ok(poll) => poll,
        Err(refusal @ Refusal::Unavailable(_)) => return app.cannot_show(&visitor, &refusal),
        Err(refusal) => return app.refuse(&visitor, &refusal),
    };
    let browser = match Browser::of(&headers, &app.cookies) {
        Ok(browser) => browser,
        Err(two_voters) => return app.refuse(&visitor, &two_voters.into()),
    };
    let voted = query.as_deref().filter(|_| !headers.contains_key(header::COOKIE));
    let voted = voted.and_then(|query| receipt_in(query, &app, poll.id()));
    let typed = query.as_deref().and_then(typed_code);
    // Where several people vote on one device, a code is typed each time: this address may be the last voter's.
    let code = typed.as_deref().filter(|_| !poll.kiosk());
    let view = View { app: &app, visitor: &visitor, poll: &poll, browser: &browser, headers: &headers, code, voted };
    let mut response = view.page(None, None);
    // Known before it votes, a browser can post twice (an answer lost on the way, two taps) and stay one voter.
    browser.set_voter_cookie(response.headers_mut(), &app.cookies);
    response
}

/// Takes a ballot. This is the path that must be cheap: nothing is rendered when all is well.
pub(crate) async fn cast(State(app): State<Arc<App>>, path: PollPath, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let visitor = || Visitor::of(&parts.uri, &parts.headers);
    let Posted { chosen, code, revision, turn, poll, mut browser } = match read(&app, &path, &parts.headers, body).await
    {
        Ok(read) => read,
        Err(refusal) => {
            metrics::counter!("scrutin_ballots_cast_total", "outcome" => refusal.code()).increment(1);
            return app.refuse(&visitor(), &refusal);
        }
    };
    let outcome = match &chosen {
        Ok(choices) => {
            let (choices, code, turn) = (*choices, code.as_deref(), turn.as_deref());
            let attempt = Attempt { choices, revision, code, turn, from: app.client(&parts) };
            cast::cast(&app, &poll, &mut browser, attempt).await
        }
        Err(refusal) => {
            metrics::counter!("scrutin_ballots_cast_total", "outcome" => refusal.code()).increment(1);
            Err(refusal.clone())
        }
    };
    let mut response = match outcome {
        Ok(recorded) => back_to(&app, &parts, poll.id(), &recorded),
        Err(Refusal::UnknownPoll) => return app.refuse(&visitor(), &Refusal::UnknownPoll),
        Err(refusal) => {
            let visitor = visitor();
            let now = poll_to_show(&app, &poll, &refusal).await;
            let (headers, code) = (&parts.headers, code.as_deref());
            let view = View { app: &app, visitor: &visitor, poll: &now, browser: &browser, headers, code, voted: None };
            view.page(Some(&refusal), chosen.ok())
        }
    };
    cast::set_cookies(&app, &browser, &poll, response.headers_mut());
    response
}

/// The poll as the page of a refused attempt shows it: a rewritten one as it is now, if the log has an answer.
async fn poll_to_show(app: &App, poll: &Arc<Poll>, refusal: &Refusal) -> Arc<Poll> {
    match refusal {
        Refusal::PollRewritten => polls::recent(app, poll.id()).await.unwrap_or_else(|_| poll.clone()),
        _ => poll.clone(),
    }
}

/// What was posted, by whom, and the poll it is for.
struct Posted {
    chosen: Result<Choices, Refusal>,
    code: Option<String>,
    revision: Option<u32>,
    turn: Option<String>,
    poll: Arc<Poll>,
    browser: Browser,
}

/// The form's choices and code, and the poll they are for. Choices that can't be a ballot are told on the poll's own
/// page; what can't be read at all is refused before the poll is looked for.
async fn read(app: &App, path: &PollPath, headers: &HeaderMap, body: axum::body::Body) -> Result<Posted, Refusal> {
    let form = body::form(headers, body, body::MAX_BALLOT_BYTES).await?;
    let ballot = form::ballot(&form)?;
    let (chosen, code) = (ballot.choices.map_err(Refusal::Choices), ballot.code.map(Cow::into_owned));
    let (revision, turn) = (ballot.revision, ballot.turn.map(Cow::into_owned));
    let browser = Browser::of(headers, &app.cookies)?;
    Ok(Posted { chosen, code, revision, turn, poll: find(app, path).await?, browser })
}

/// Makes whoever comes next to this device another voter, in this poll and if it allows that.
pub(crate) async fn next_voter(
    State(app): State<Arc<App>>,
    path: PollPath,
    visitor: Visitor,
    headers: HeaderMap,
) -> Response {
    let begun = async {
        let poll = find(&app, &path).await.map_err(Refusal::when_showing)?;
        let mut browser = Browser::of(&headers, &app.cookies)?;
        if !poll.kiosk() {
            return Err(Refusal::NoKiosk);
        }
        browser.begin_next_turn(poll.id());
        let mut response = see_other(poll.id());
        browser.set_cookies_of_turn(response.headers_mut(), &app.cookies);
        Ok(response)
    };
    begun.await.unwrap_or_else(|refusal| app.refuse(&visitor, &refusal))
}

/// Somebody opened the address of that button.
pub(crate) async fn back_to_poll(State(app): State<Arc<App>>, path: PollPath, visitor: Visitor) -> Response {
    path.id().map_or_else(|refusal| app.refuse(&visitor, &refusal), see_other)
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

/// The receipt in the address of the page, if it is one of this poll: nobody else's link says that somebody has voted.
fn receipt_in(query: &str, app: &App, poll: PollId) -> Option<Receipt> {
    let fields = Fields::read(query.as_bytes()).ok()?;
    Receipt::decode(fields.get(VOTED), &app.config.secret, poll).ok()
}

fn back_to(app: &App, parts: &Parts, poll: PollId, recorded: &Recorded) -> Response {
    let path = parts.uri.path();
    let mut response = StatusCode::SEE_OTHER.into_response();
    // A program (`ab`, a script) looks at no page, and is spared the receipt.
    let location = if parts.headers.contains_key(header::COOKIE) || !wants_a_page(&parts.headers) {
        HeaderValue::from_str(path)
    } else {
        let receipt = Receipt { position: recorded.position, voter: recorded.voter };
        HeaderValue::try_from(format!("{path}?{VOTED}={}", receipt.encode(&app.config.secret, poll)))
    };
    let location = location.unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(header::LOCATION, location);
    response
}

/// Whether the answer is for somebody to look at: browsers ask for HTML by name.
fn wants_a_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

/// What the page is made of.
struct View<'a> {
    app: &'a App,
    visitor: &'a Visitor,
    poll: &'a Poll,
    browser: &'a Browser,
    headers: &'a HeaderMap,
    /// The voting code as it stands in the address or was typed.
    code: Option<&'a str>,
    /// The receipt, if this is the answer to a ballot from a browser that keeps no cookies.
    voted: Option<Receipt>,
}

impl View<'_> {
    /// The page in its present state; after a refused attempt it says why, and offers the same choices again.
    fn page(&self, refusal: Option<&Refusal>, attempted: Option<Choices>) -> Response {
        let recorded = self.recorded();
        // The log knows better than a poll that is kept for a second.
        let state = match refusal {
            Some(Refusal::NotOpen(state)) => *state,
            _ => self.poll.state(),
        };
        let result = self.app.config.result.url(self.headers);
        let settled = recorded.is_some() && !self.poll.votes_can_change();
        let context = context! {
            question => self.poll.question(),
            long => look::is_long(self.poll.question()),
            description => self.description(),
            options => self.options(recorded, attempted),
            max_choices => self.poll.max_choices(),
            // Where a code is typed, Enter must not vote for the first option.
            buttons => self.poll.options().len() == 2 && self.poll.max_choices() == 1 && !self.by_code(),
            action => &self.visitor.path,
            revision => self.poll.revision(),
            state => state.as_str(),
            archived => self.poll.archived(),
            corrected => self.poll.correction().is_some(),
            by_code => self.by_code(),
            code => self.code_to_show(),
            code_at_fault => refusal.is_some_and(is_about_code),
            can_vote => state == PollState::Open && !settled,
            changes => self.poll.votes_can_change(),
            kiosk => self.poll.kiosk(),
            turn => self.browser.turn(self.poll.id()),
            next_voter => format!("/p/{}/next-voter", self.poll.id()),
            recorded => recorded.is_some(),
            voted => self.voted.is_some(),
            recorded_known => recorded.is_some_and(|ballot| ballot.choices.is_some()),
            reset => recorded.is_none() && self.browser.voted_before_reset(self.poll),
            refused => refusal.map(|refusal| refusal.text(self.visitor.language)),
            refused_code => refusal.map(Refusal::code),
            try_again => matches!(refusal, Some(Refusal::Unavailable(_))),
            hidden => self.poll.is_hidden(),
            result_url => result.as_ref().map(|at| self.result_url(at)),
            standing => self.standing(state),
            position => self.position(recorded).map(|position| position.to_string()),
            tally_url => result.as_ref().map(|at| format!("{at}/api/polls/{}/tally", self.poll.id())),
            receipt_url => result.as_ref().and_then(|at| Some(self.receipt_url(at, self.receipt(recorded)?))),
            ..self.script_texts()
        };
        let status = refusal.map_or(StatusCode::OK, Refusal::status);
        let visitor = self.asked_again();
        let mut response = self.app.page_with_result(&visitor, result.as_ref(), status, "vote.html", context);
        if let Some(seconds) = refusal.and_then(Refusal::retry_after_seconds) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    fn options(&self, recorded: Option<Remembered>, attempted: Option<Choices>) -> Vec<Value> {
        let recorded = recorded.and_then(|ballot| ballot.choices);
        let chosen_in = |choices: Option<Choices>, index| choices.is_some_and(|choices| choices.contains(index));
        let option = |(index, text): (usize, &String)| {
            context! {
                key => option_key(index).to_string(),
                text => text,
                hue => look::hue(index),
                recorded => chosen_in(recorded, index),
                selected => chosen_in(attempted.or(recorded), index),
            }
        };
        self.poll.options().iter().enumerate().map(option).collect()
    }

    /// For link previews: what there is to choose from.
    fn description(&self) -> String {
        let options: Vec<_> = self.poll.options().iter().map(|text| isolated(text)).collect();
        texts::text(self.visitor.language, VoteText::Description, &[("options", &options.join(" · "))])
    }

    /// What the script says by itself, in the page's language.
    fn script_texts(&self) -> Value {
        let text = |key| texts::text(self.visitor.language, key, &[]);
        context! { text_failed => text(VoteText::OutcomeUnknown), text_sending => text(VoteText::Sending) }
    }

    /// What the page depends on. Its script compares it with that of a tally, and with that of the page asked for anew.
    fn standing(&self, state: PollState) -> String {
        let (poll, state) = (self.poll, state.as_str());
        format!("{state} {} {} {}", poll.round(), poll.revision(), edition(poll))
    }

    /// Where the ballot stands that the page is about.
    fn position(&self, recorded: Option<Remembered>) -> Option<Position> {
        self.voted.map(|receipt| receipt.position).or_else(|| recorded.map(|ballot| ballot.position))
    }

    fn by_code(&self) -> bool {
        self.poll.access() == Access::Codes
    }

    /// What was recorded for this browser, unless the page is about another voting code than that was cast with.
    fn recorded(&self) -> Option<Remembered> {
        let typed = self.code.filter(|_| self.by_code()).map(|typed| {
            let code = Code::read(typed, &self.app.config.secret, self.poll.id());
            code.ok().map(Code::number)
        });
        self.browser.recorded(self.poll).filter(|ballot| typed.is_none_or(|number| number == ballot.code))
    }

    /// What stands in the field for the voting code: what was typed, else the code that was used here last.
    fn code_to_show(&self) -> Option<String> {
        let (secret, id) = (&self.app.config.secret, self.poll.id());
        let known = self.browser.code_number(id).filter(|_| !self.poll.kiosk());
        let used = || known.map(|number| Code::issue(secret, id, number).to_string());
        self.code.map(codes::tidied).or_else(used).filter(|code| self.by_code() && !code.is_empty())
    }

    /// The request as the switch of languages asks it again: with the code that stands in the address.
    fn asked_again(&self) -> Visitor {
        let code = self.code.map(codes::tidied).filter(|code| self.by_code() && !code.is_empty());
        let path = code.map_or_else(|| self.visitor.path.clone(), |code| format!("{}?code={code}", self.visitor.path));
        Visitor { language: self.visitor.language, path }
    }

    /// The live result of this poll on the other host.
    fn result_url(&self, at: &PublicUrl) -> String {
        format!("{at}{}", poll_address::path(self.poll.id()))
    }

    /// The receipt of the ballot that the page is about.
    fn receipt(&self, recorded: Option<Remembered>) -> Option<Receipt> {
        let voter = |code| self.browser.voter(&self.app.config.secret, self.poll.id(), code);
        self.voted
            .or_else(|| recorded.map(|Remembered { position, code, .. }| Receipt { position, voter: voter(code) }))
    }

    /// Where the voter can look up whether the ballot is counted.
    fn receipt_url(&self, at: &PublicUrl, receipt: Receipt) -> String {
        let id = self.poll.id();
        format!("{at}/p/{id}/receipts/{}", receipt.encode(&self.app.config.secret, id))
    }
}

/// Whether the field for the voting code is what to look at.
fn is_about_code(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::CodeNeeded | Refusal::WrongCode | Refusal::CodeUsed | Refusal::TooManyTries(_))
}
