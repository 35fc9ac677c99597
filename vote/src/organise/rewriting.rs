//! `/organise/{poll}/edit`: another question, other options or rules, while there are no ballots. Afterwards the page
//! says why not, and takes corrections of the wording.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use domain::{Poll, PollChange};
use http::StatusCode;
use minijinja::{context, value::Serde};
use web::visitor::Visitor;

use super::{
    poll_form::{Fault, PollForm},
    poll_page::of_poll,
};
use crate::{
    addresses,
    app::App,
    polls,
    refusal::{Refusal, not_shown},
    request::{
        PollPath,
        body::{MAX_POLL_BYTES, PostedForm},
    },
};

/// Shows the form, or that it is too late.
pub(crate) async fn show(State(app): State<Arc<App>>, path: PollPath, visitor: Visitor) -> Result<Response, Refusal> {
    let poll = polls::current(&app, path.id()?).await?;
    let form = PollForm::of(&poll);
    match app.ballots.accepted(poll.id()).await.map_err(not_shown(&app))? {
        0 => Ok(page(&app, &visitor, &poll, &form, None)),
        _ => Ok(too_late(&app, &visitor, &poll, StatusCode::OK, &form, None)),
    }
}

/// Takes the form.
pub(crate) async fn rewrite(
    State(app): State<Arc<App>>,
    path: PollPath,
    visitor: Visitor,
    posted: PostedForm<MAX_POLL_BYTES>,
) -> Result<Response, Refusal> {
    let form = PollForm::read(&posted.fields()?);
    let poll = polls::current(&app, path.id()?).await?;
    let spec = match form.spec(visitor.language) {
        Ok(spec) => spec,
        Err(fault) => return Ok(page(&app, &visitor, &poll, &form, Some(&fault))),
    };
    match polls::change(&app, poll.id(), PollChange::Rewrite(Box::new(spec))).await {
        Ok(poll) => Ok(Redirect::to(&addresses::organiser_page(poll.id())).into_response()),
        Err(Refusal::HasBallots) => {
            Ok(too_late(&app, &visitor, &poll, StatusCode::CONFLICT, &PollForm::of(&poll), None))
        }
        Err(refusal) => {
            let fault = Fault::of(visitor.language, &refusal).ok_or(refusal)?;
            Ok(page(&app, &visitor, &poll, &form, Some(&fault)))
        }
    }
}

/// Takes the form of a correction.
pub(crate) async fn correct(
    State(app): State<Arc<App>>,
    path: PollPath,
    visitor: Visitor,
    posted: PostedForm<MAX_POLL_BYTES>,
) -> Result<Response, Refusal> {
    let form = PollForm::read(&posted.fields()?);
    let poll = polls::current(&app, path.id()?).await?;
    let wording = form.wording(program::now_millis());
    match polls::change(&app, poll.id(), PollChange::Correct(Box::new(wording))).await {
        Ok(poll) => Ok(Redirect::to(&addresses::organiser_page(poll.id())).into_response()),
        Err(refusal) => {
            let fault = Fault::of(visitor.language, &refusal).ok_or(refusal)?;
            Ok(too_late(&app, &visitor, &poll, StatusCode::UNPROCESSABLE_ENTITY, &form, Some(&fault)))
        }
    }
}

fn page(app: &App, visitor: &Visitor, poll: &Poll, form: &PollForm, fault: Option<&Fault>) -> Response {
    let status = if fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let context = context! {
        form => Serde(form), fault => fault.map(Serde), rewriting => true, too_late => false, ..of_poll(poll)
    };
    app.page(visitor, status, "organise/edit.html", context)
}

/// The page of a poll with ballots, on which its wording can be corrected.
fn too_late(
    app: &App,
    visitor: &Visitor,
    poll: &Poll,
    status: StatusCode,
    form: &PollForm,
    fault: Option<&Fault>,
) -> Response {
    let context = context! { form => Serde(form), too_late => true, fault => fault.map(Serde), ..of_poll(poll) };
    app.page(visitor, status, "organise/edit.html", context)
}
