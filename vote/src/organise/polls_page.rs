//! `/organise`: all polls, and the form for a new one.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use domain::{Access, Poll, PollId, PollState};
use http::StatusCode;
use serde::Serialize;
use web::visitor::Visitor;

use super::{
    changes::to_poll,
    poll_form::{Fault, PollForm},
};
use crate::{
    app::App,
    polls::create::create as create_poll,
    refusal::{Refusal, not_shown},
    request::body::{MAX_POLL_BYTES, PostedForm},
};

/// The most polls for which the list shows the number of ballots, since each takes a request to the log.
const MAX_COUNTED: usize = 200;

/// The context of the template `organise/polls.html`.
#[derive(Serialize)]
struct PollsView<'a> {
    polls: Vec<PollListRow<'a>>,
    archived: Vec<PollListRow<'a>>,
    /// The form for a new poll, and what is at fault in it.
    form: &'a PollForm,
    fault: Option<&'a Fault>,
    /// Whether the form is for a poll that there is.
    rewriting: bool,
}

/// One poll of the list.
#[derive(Serialize)]
struct PollListRow<'a> {
    id: PollId,
    question: &'a str,
    state: &'static str,
    /// Whether votes are hidden.
    hidden: bool,
    /// Whether voters need codes.
    codes: bool,
    listed: bool,
    /// How many ballots the log has accepted; `None` if it was not asked or did not answer.
    accepted: Option<u64>,
}

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
        Ok(poll) => Ok(to_poll(poll.id()).into_response()),
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
    let view = PollsView {
        polls: rows(app, &polls).await,
        archived: archived.iter().map(|poll| row(poll, None)).collect(),
        form,
        fault,
        rewriting: false,
    };
    let status = if fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(app.page(visitor, status, "organise/polls.html", view))
}

async fn rows<'a>(app: &App, polls: &'a [Poll]) -> Vec<PollListRow<'a>> {
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

fn row(poll: &Poll, accepted: Option<u64>) -> PollListRow<'_> {
    PollListRow {
        id: poll.id(),
        question: poll.question(),
        state: poll.state().as_str(),
        hidden: poll.is_hidden(),
        codes: poll.access() == Access::Codes,
        listed: poll.listed(),
        accepted,
    }
}

fn state_rank(state: PollState) -> u8 {
    match state {
        PollState::Open => 0,
        PollState::Waiting => 1,
        PollState::Closed => 2,
    }
}
