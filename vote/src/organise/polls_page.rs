//! `/organise`: all polls, and the form for a new one.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Redirect, Response},
};
use domain::{Change, Poll, PollId, PollState};
use http::StatusCode;
use minijinja::{Value, context, value::Serde};

use super::{
    RESERVED_IDS,
    poll_form::{Fault, PollForm, broken_limit, fault},
    unavailable,
};
use crate::{
    app::{App, Asked},
    body,
    form::Fields,
    made_up_id::made_up_id,
    refusal::Refusal,
    voting_page::state_word,
};

/// For how many polls the list says how many ballots there are: each is a question to the log.
const MAX_COUNTED: usize = 200;
/// How often an id is made up before giving up; one in 2^40 is taken.
const ID_ATTEMPTS: usize = 3;

/// Shows the list and the empty form.
pub(crate) async fn show(State(app): State<Arc<App>>, asked: Asked) -> Response {
    page(&app, &asked, &PollForm::default(), None).await
}

/// Creates a poll and leads to its page; a form at fault is shown again.
pub(crate) async fn create(State(app): State<Arc<App>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let asked = Asked::of(&parts.uri, &parts.headers);
    let posted = match body::form(&parts.headers, body, body::MAX_POLL_BYTES).await {
        Ok(posted) => posted,
        Err(refusal) => return app.refuse(&asked, &refusal),
    };
    let form = match Fields::read(&posted) {
        Ok(fields) => PollForm::read(&fields),
        Err(error) => return app.refuse(&asked, &error.into()),
    };
    match try_create(&app, &asked, &form).await {
        Ok(Ok(id)) => Redirect::to(&format!("/organise/{id}")).into_response(),
        Ok(Err(fault)) => page(&app, &asked, &form, Some(&fault)).await,
        Err(refusal) => app.cannot_tell(&asked, &refusal),
    }
}

async fn try_create(app: &App, asked: &Asked, form: &PollForm) -> Result<Result<PollId, Fault>, Refusal> {
    let language = asked.language;
    let wanted = if form.id.is_empty() {
        None
    } else {
        match PollId::parse(&form.id).ok().filter(|id| !RESERVED_IDS.contains(&id.as_str())) {
            Some(id) => Some(id),
            None => return Ok(Err(fault(language, "id", "form.bad-id", &[]))),
        }
    };
    let spec = match form.spec(language) {
        Ok(spec) => spec,
        Err(fault) => return Ok(Err(fault)),
    };
    for _ in 0..ID_ATTEMPTS {
        let poll = match Poll::new(wanted.unwrap_or_else(made_up_id), spec.clone()) {
            Ok(poll) => poll,
            Err(error) => return Ok(Err(broken_limit(language, &error))),
        };
        let id = poll.id();
        match app.ballots.create(poll).await.map_err(|error| unavailable(app, error))? {
            Change::Done(poll) => {
                app.polls.put(poll);
                return Ok(Ok(id));
            }
            _ if wanted.is_some() => break,
            _ => {}
        }
    }
    Ok(Err(fault(language, "id", "form.id-taken", &[])))
}

async fn page(app: &App, asked: &Asked, form: &PollForm, fault: Option<&Fault>) -> Response {
    let mut polls = match app.ballots.polls().await {
        Ok(polls) => polls,
        Err(error) => return app.cannot_show(asked, &unavailable(app, error)),
    };
    // What needs the organiser's attention first.
    polls.sort_by_key(|poll| (state_rank(poll.state()), poll.id()));
    let rows = rows(app, &polls).await;
    let status = if fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let context = context! { polls => rows, form => Serde(form), fault => fault.map(Serde), rewriting => false };
    app.page(asked, status, "organise/polls.html", context)
}

async fn rows(app: &App, polls: &[Poll]) -> Vec<Value> {
    let mut rows = Vec::with_capacity(polls.len());
    let mut asking = true;
    for (index, poll) in polls.iter().enumerate() {
        // A log that does not answer is not asked again for each poll.
        let accepted = if asking && index < MAX_COUNTED { app.ballots.accepted(poll.id()).await.ok() } else { None };
        asking &= accepted.is_some();
        rows.push(context! {
            id => poll.id().as_str(),
            question => poll.question(),
            state => state_word(poll.state()),
            hidden => poll.is_hidden(),
            codes => poll.access() == domain::Access::Codes,
            listed => poll.listed(),
            accepted => accepted,
        });
    }
    rows
}

fn state_rank(state: PollState) -> u8 {
    match state {
        PollState::Open => 0,
        PollState::Waiting => 1,
        PollState::Closed => 2,
    }
}
