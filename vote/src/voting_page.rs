//! The page of a poll and the form on it: `GET` and `POST` at `/` and `/p/{poll}`.
//!
//! The form works without JavaScript: a recorded ballot is answered with 303 back to the page, which shows
//! from the cookie what was recorded. What is refused is answered with the page itself, saying why.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use domain::{Access, Choices, Poll, PollId, PollState, Receipt, option_key};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use minijinja::{Value, context};

use crate::{
    app::{App, Asked, PollPath},
    body, booth,
    cookies::{Browser, Remembered},
    form::{self, FormError},
    messages::MESSAGES,
    refusal::Refusal,
};

/// How many colours options have before they repeat.
const HUES: usize = 6;

/// From how many characters on a question is set smaller, so that the options stay in sight.
const LONG_QUESTION_CHARS: usize = 120;

/// Shows the poll.
pub(crate) async fn show(State(app): State<Arc<App>>, path: PollPath, asked: Asked, headers: HeaderMap) -> Response {
    let poll = match find(&app, &path).await {
        Ok(poll) => poll,
        Err(refusal @ Refusal::Unavailable(_)) => return app.cannot_show(&asked, &refusal),
        Err(refusal) => return app.refuse(&asked, &refusal),
    };
    let browser = Browser::of(&headers, &app.config.secret);
    let view = View { app: &app, asked: &asked, poll: &poll, browser: &browser, headers: &headers };
    let mut response = view.page(None, None);
    // Known before it votes, a browser can post twice (an answer lost on the way, two taps) and stay one voter.
    browser.set_voter_cookie(response.headers_mut(), &app.config.secret, app.is_https());
    response
}

/// Takes a ballot. This is the path that must be cheap: nothing is rendered when all is well.
pub(crate) async fn cast(State(app): State<Arc<App>>, path: PollPath, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let asked = || Asked::of(&parts.uri, &parts.headers);
    let (chosen, poll) = match read(&app, &path, &parts.headers, body).await {
        Ok(read) => read,
        Err(refusal) => {
            metrics::counter!("ballots_cast_total", "outcome" => refusal.code()).increment(1);
            return app.refuse(&asked(), &refusal);
        }
    };
    let mut browser = Browser::of(&parts.headers, &app.config.secret);
    let outcome = match &chosen {
        Ok(choices) => booth::cast(&app, &poll, &mut browser, *choices).await,
        Err(refusal) => {
            metrics::counter!("ballots_cast_total", "outcome" => refusal.code()).increment(1);
            Err(refusal.clone())
        }
    };
    let mut response = match outcome {
        Ok(_) => back_to(parts.uri.path()),
        Err(Refusal::UnknownPoll) => return app.refuse(&asked(), &Refusal::UnknownPoll),
        Err(refusal) => {
            let asked = asked();
            let now = poll_to_show(&app, &poll, &refusal).await;
            let view = View { app: &app, asked: &asked, poll: &now, browser: &browser, headers: &parts.headers };
            view.page(Some(&refusal), chosen.ok())
        }
    };
    booth::set_cookies(&app, &browser, &poll, response.headers_mut());
    response
}

/// The poll as the page of a refused attempt shows it: a rewritten one as it is now, if the log has an answer.
async fn poll_to_show(app: &App, poll: &Arc<Poll>, refusal: &Refusal) -> Arc<Poll> {
    match refusal {
        Refusal::PollRewritten => booth::poll(app, poll.id()).await.unwrap_or_else(|_| poll.clone()),
        _ => poll.clone(),
    }
}

/// The form's choices, and the poll they are for. Choices that can't be a ballot are told on the poll's own
/// page; what can't be read at all is refused before the poll is looked for.
async fn read(
    app: &App,
    path: &PollPath,
    headers: &HeaderMap,
    body: axum::body::Body,
) -> Result<(Result<Choices, Refusal>, Arc<Poll>), Refusal> {
    let form = body::form(headers, body).await?;
    let chosen = match form::choices(&form) {
        Err(error @ (FormError::NotUtf8 | FormError::PercentEncoding)) => return Err(error.into()),
        chosen => chosen.map_err(Refusal::from),
    };
    Ok((chosen, find(app, path).await?))
}

async fn find(app: &App, path: &PollPath) -> Result<Arc<Poll>, Refusal> {
    booth::poll(app, path.id()?).await
}

fn back_to(path: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let location = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(header::LOCATION, location);
    response
}

/// What the page is made of.
struct View<'a> {
    app: &'a App,
    asked: &'a Asked,
    poll: &'a Poll,
    browser: &'a Browser,
    headers: &'a HeaderMap,
}

impl View<'_> {
    /// The page in its present state; after a refused attempt it says why, and offers the same choices again.
    fn page(&self, refusal: Option<&Refusal>, attempted: Option<Choices>) -> Response {
        let recorded = self.browser.recorded(self.poll);
        // The log knows better than a poll that is kept for a second.
        let state = match refusal {
            Some(Refusal::NotOpen(state)) => *state,
            _ => self.poll.state(),
        };
        let by_code = self.poll.access() == Access::Codes;
        let settled = recorded.is_some() && !self.poll.changes();
        let context = context! {
            question => self.poll.question(),
            long => self.poll.question().chars().count() > LONG_QUESTION_CHARS,
            description => self.description(),
            options => self.options(recorded, attempted),
            max_choices => self.poll.max_choices(),
            buttons => self.poll.options().len() == 2 && self.poll.max_choices() == 1,
            state => state_word(state),
            by_code => by_code,
            can_vote => state == PollState::Open && !by_code && !settled,
            changes => self.poll.changes(),
            recorded => recorded.is_some(),
            recorded_known => recorded.is_some_and(|ballot| ballot.choices.is_some()),
            reset => recorded.is_none() && self.browser.voted_before_reset(self.poll),
            refused => refusal.filter(|refusal| !told_by_state(refusal)).map(|refusal| refusal.text(self.asked.language)),
            try_again => matches!(refusal, Some(Refusal::Unavailable(_))),
            hidden => self.poll.is_hidden(),
            result_url => self.result_url(),
            receipt_url => recorded.and_then(|ballot| self.receipt_url(ballot)),
            ..self.script_texts()
        };
        let status = refusal.map_or(StatusCode::OK, Refusal::status);
        let mut response = self.app.page(self.asked, status, "vote.html", context);
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
                hue => index % HUES,
                recorded => chosen_in(recorded, index),
                selected => chosen_in(attempted.or(recorded), index),
            }
        };
        self.poll.options().iter().enumerate().map(option).collect()
    }

    /// For link previews: what there is to choose from.
    fn description(&self) -> String {
        MESSAGES.format(self.asked.language, "description", &[("options", &self.poll.options().join(" · "))])
    }

    /// What the script says by itself, in the page's language.
    fn script_texts(&self) -> Value {
        let text = |key| MESSAGES.format(self.asked.language, key, &[]);
        context! { text_failed => text("outcome-unknown"), text_sending => text("sending") }
    }

    /// The live result of this poll on the other host.
    fn result_url(&self) -> Option<String> {
        let origin = self.app.config.result.origin(self.headers)?;
        let id = self.poll.id();
        Some(if id == PollId::MAIN { format!("{origin}/") } else { format!("{origin}/p/{id}") })
    }

    /// Where the voter can look up whether the ballot is counted.
    fn receipt_url(&self, ballot: Remembered) -> Option<String> {
        let origin = self.app.config.result.origin(self.headers)?;
        let secret = &self.app.config.secret;
        let id = self.poll.id();
        let receipt = Receipt { position: ballot.position, voter: self.browser.voter(secret, id) };
        Some(format!("{origin}/p/{id}/receipts/{}", receipt.encode(secret, id)))
    }
}

/// Refusals that the state of the page says already, in its own words.
fn told_by_state(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::CodeNeeded)
}

fn state_word(state: PollState) -> &'static str {
    match state {
        PollState::Waiting => "waiting",
        PollState::Open => "open",
        PollState::Closed => "closed",
    }
}
