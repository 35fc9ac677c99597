//! `/organise/{poll}/edit`: another question, other options or rules, while there are no ballots. Afterwards the page
//! says why not, and takes corrections of the wording.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Redirect, Response},
};
use domain::{Poll, PollChange};
use http::StatusCode;
use minijinja::{context, value::Serde};

use super::{
    poll_form::{Fault, PollForm},
    poll_page::of_poll,
};
use crate::{
    app::{App, Visitor},
    polls,
    refusal::Refusal,
    request::{PollPath, body, form::Fields},
};

/// Shows the form, or that it is too late.
pub(crate) async fn show(State(app): State<Arc<App>>, path: PollPath, visitor: Visitor) -> Response {
    match current(&app, &path).await {
        Ok(poll) => match app.ballots.accepted(poll.id()).await {
            Ok(0) => page(&app, &visitor, &poll, &PollForm::of(&poll), None),
            Ok(_) => too_late(&app, &visitor, &poll, StatusCode::OK, &PollForm::of(&poll), None),
            Err(error) => app.refuse(&visitor, &app.not_shown(error)),
        },
        Err(refusal) => app.refuse(&visitor, &refusal),
    }
}

/// Takes the form.
pub(crate) async fn rewrite(State(app): State<Arc<App>>, path: PollPath, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let visitor = Visitor::of(&parts.uri, &parts.headers);
    let posted = match body::form(&parts.headers, body, body::MAX_POLL_BYTES).await {
        Ok(posted) => posted,
        Err(refusal) => return app.refuse(&visitor, &refusal),
    };
    let form = match Fields::read(&posted) {
        Ok(fields) => PollForm::read(&fields),
        Err(error) => return app.refuse(&visitor, &error.into()),
    };
    let poll = match current(&app, &path).await {
        Ok(poll) => poll,
        Err(refusal) => return app.refuse(&visitor, &refusal),
    };
    let spec = match form.spec(visitor.language) {
        Ok(spec) => spec,
        Err(fault) => return page(&app, &visitor, &poll, &form, Some(&fault)),
    };
    match polls::change(&app, poll.id(), PollChange::Rewrite(Box::new(spec))).await {
        Ok(_) => Redirect::to(&format!("/organise/{}", poll.id())).into_response(),
        Err(Refusal::HasBallots) => too_late(&app, &visitor, &poll, StatusCode::CONFLICT, &PollForm::of(&poll), None),
        Err(refusal) => match Fault::of(visitor.language, &refusal) {
            Some(fault) => page(&app, &visitor, &poll, &form, Some(&fault)),
            None => app.refuse(&visitor, &refusal),
        },
    }
}

/// Takes the form of a correction.
pub(crate) async fn correct(State(app): State<Arc<App>>, path: PollPath, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let visitor = Visitor::of(&parts.uri, &parts.headers);
    let posted = match body::form(&parts.headers, body, body::MAX_POLL_BYTES).await {
        Ok(posted) => posted,
        Err(refusal) => return app.refuse(&visitor, &refusal),
    };
    let form = match Fields::read(&posted) {
        Ok(fields) => PollForm::read(&fields),
        Err(error) => return app.refuse(&visitor, &error.into()),
    };
    let poll = match current(&app, &path).await {
        Ok(poll) => poll,
        Err(refusal) => return app.refuse(&visitor, &refusal),
    };
    let wording = form.wording(program::now_millis());
    match polls::change(&app, poll.id(), PollChange::Correct(Box::new(wording))).await {
        Ok(_) => Redirect::to(&format!("/organise/{}", poll.id())).into_response(),
        Err(refusal) => match Fault::of(visitor.language, &refusal) {
            Some(fault) => too_late(&app, &visitor, &poll, StatusCode::UNPROCESSABLE_ENTITY, &form, Some(&fault)),
            None => app.refuse(&visitor, &refusal),
        },
    }
}

async fn current(app: &App, path: &PollPath) -> Result<Poll, Refusal> {
    polls::current(app, path.id()?).await
}

fn page(app: &App, visitor: &Visitor, poll: &Poll, form: &PollForm, fault: Option<&Fault>) -> Response {
    let status = if fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let context = context! {
        form => Serde(form), fault => fault.map(Serde), rewriting => true, too_late => false, ..of_poll(poll)
    };
    app.page(visitor, status, "organise/edit.html", context)
}

/// What can still be corrected of a poll that has ballots.
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
