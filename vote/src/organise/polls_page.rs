//! `/organise`: all polls, and the form for a new one.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use domain::{Poll, PollState};
use http::StatusCode;
use minijinja::{Value, context, value::Serde};
use web::visitor::Visitor;

use super::poll_form::{Fault, PollForm};
use crate::{
    addresses,
    app::App,
    polls::create::create as create_poll,
    refusal::{Refusal, not_shown},
    request::body::{MAX_POLL_BYTES, PostedForm},
};

/// The most polls for which the list shows the number of ballots, since each takes a request to the log.
const MAX_COUNTED: usize = 200;

/// Shows the list and the empty form.
pub(crate) async fn show(State(app): State<Arc<App>>, visitor: Visitor) -> Result<Response, Refusal> {
    page(&app, &visitor, &PollForm::default(), None).await
}

/// Creates a poll and redirects to its page; a form at fault is shown again.
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    posted: PostedForm<MAX_POLL_BYTES>,
) -> Result<Response, Refusal> {
    let form = PollForm::read(&posted.fields()?);
    let spec = match form.spec(visitor.language) {
        Ok(spec) => spec,
        Err(fault) => return page(&app, &visitor, &form, Some(&fault)).await,
    };
    let wanted = Some(form.id.as_str()).filter(|id| !id.is_empty());
    let once = Some(form.once.as_str()).filter(|once| !once.is_empty());
    match create_poll(&app, wanted, once, spec).await {
        Ok(poll) => Ok(Redirect::to(&addresses::organiser_page(poll.id())).into_response()),
        Err(refusal) => {
            let fault = Fault::of(visitor.language, &refusal).ok_or(refusal)?;
            page(&app, &visitor, &form, Some(&fault)).await
        }
    }
}

async fn page(app: &App, visitor: &Visitor, form: &PollForm, fault: Option<&Fault>) -> Result<Response, Refusal> {
    let mut polls = app.ballots.polls().await.map_err(not_shown(app))?;
    // Open polls first.
    polls.sort_by_key(|poll| (state_rank(poll.state()), poll.id()));
    let (archived, polls): (Vec<_>, Vec<_>) = polls.into_iter().partition(Poll::archived);
    let rows = rows(app, &polls).await;
    let archived: Vec<_> = archived.iter().map(|poll| row(poll, None)).collect();
    let status = if fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let context =
        context! { polls => rows, archived, form => Serde(form), fault => fault.map(Serde), rewriting => false };
    Ok(app.page(visitor, status, "organise/polls.html", context))
}

async fn rows(app: &App, polls: &[Poll]) -> Vec<Value> {
    let mut rows = Vec::with_capacity(polls.len());
    let mut asking = true;
    for (index, poll) in polls.iter().enumerate() {
        // After a failure the log is not asked again for each poll.
        let accepted = if asking && index < MAX_COUNTED { app.ballots.accepted(poll.id()).await.ok() } else { None };
        asking &= accepted.is_some();
        rows.push(row(poll, accepted));
    }
    rows
}

fn row(poll: &Poll, accepted: Option<u64>) -> Value {
    context! {
        id => poll.id().as_str(),
        question => poll.question(),
        state => poll.state().as_str(),
        hidden => poll.is_hidden(),
        codes => poll.access() == domain::Access::Codes,
        listed => poll.listed(),
        accepted => accepted,
    }
}

fn state_rank(state: PollState) -> u8 {
    match state {
        PollState::Open => 0,
        PollState::Waiting => 1,
        PollState::Closed => 2,
    }
}
