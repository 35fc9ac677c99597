//! `/organise/{poll}/edit`: another question, other options or rules, while there are no ballots. Afterwards the page
//! says why not, and takes corrections of the wording.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Redirect, Response},
};
use domain::{ChangeOutcome, ChangeRefused, Poll, PollChange, PollId};
use http::StatusCode;
use minijinja::{context, value::Serde};

use super::{
    poll_form::{Fault, PollForm},
    poll_page::{find, of_poll},
};
use crate::{
    app::{App, Asked, PollPath},
    body,
    form::Fields,
    refusal::Refusal,
};

/// Shows the form, or that it is too late.
pub(crate) async fn show(State(app): State<Arc<App>>, path: PollPath, asked: Asked) -> Response {
    match find(&app, &path).await {
        Ok(poll) => match app.ballots.accepted(poll.id()).await {
            Ok(0) => page(&app, &asked, &poll, &PollForm::of(&poll), None),
            Ok(_) => too_late(&app, &asked, &poll, StatusCode::OK, &PollForm::of(&poll), None),
            Err(error) => app.refuse(&asked, &app.not_shown(error)),
        },
        Err(refusal) => app.refuse(&asked, &refusal),
    }
}

/// Takes the form.
pub(crate) async fn rewrite(State(app): State<Arc<App>>, path: PollPath, request: Request) -> Response {
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
    let poll = match find(&app, &path).await {
        Ok(poll) => poll,
        Err(refusal) => return app.refuse(&asked, &refusal),
    };
    let spec = match form.spec(asked.language) {
        Ok(spec) => spec,
        Err(fault) => return page(&app, &asked, &poll, &form, Some(&fault)),
    };
    match try_change(&app, poll.id(), PollChange::Rewrite(Box::new(spec))).await {
        Ok(()) => Redirect::to(&format!("/organise/{}", poll.id())).into_response(),
        Err(Refusal::HasBallots) => too_late(&app, &asked, &poll, StatusCode::CONFLICT, &PollForm::of(&poll), None),
        Err(refusal) => match Fault::of(asked.language, &refusal) {
            Some(fault) => page(&app, &asked, &poll, &form, Some(&fault)),
            None => app.refuse(&asked, &refusal),
        },
    }
}

/// Takes the form of a correction.
pub(crate) async fn correct(State(app): State<Arc<App>>, path: PollPath, request: Request) -> Response {
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
    let poll = match find(&app, &path).await {
        Ok(poll) => poll,
        Err(refusal) => return app.refuse(&asked, &refusal),
    };
    let wording = form.wording(program::now_millis());
    match try_change(&app, poll.id(), PollChange::Correct(Box::new(wording))).await {
        Ok(()) => Redirect::to(&format!("/organise/{}", poll.id())).into_response(),
        Err(refusal) => match Fault::of(asked.language, &refusal) {
            Some(fault) => too_late(&app, &asked, &poll, StatusCode::UNPROCESSABLE_ENTITY, &form, Some(&fault)),
            None => app.refuse(&asked, &refusal),
        },
    }
}

async fn try_change(app: &App, id: PollId, change: PollChange) -> Result<(), Refusal> {
    match app.ballots.change(id, change).await.map_err(|error| app.not_told(error))? {
        ChangeOutcome::Done(poll) => {
            app.polls.put(poll);
            Ok(())
        }
        ChangeOutcome::Refused(ChangeRefused::HasBallots) => Err(Refusal::HasBallots),
        ChangeOutcome::Refused(ChangeRefused::Invalid(error)) => Err(Refusal::InvalidPoll(error)),
        ChangeOutcome::Refused(ChangeRefused::OtherOptions) => Err(Refusal::NotACorrection),
        ChangeOutcome::UnknownPoll | ChangeOutcome::Exists => Err(Refusal::UnknownPoll),
    }
}

fn page(app: &App, asked: &Asked, poll: &Poll, form: &PollForm, fault: Option<&Fault>) -> Response {
    let status = if fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let context = context! {
        form => Serde(form), fault => fault.map(Serde), rewriting => true, too_late => false, ..of_poll(poll)
    };
    app.page(asked, status, "organise/edit.html", context)
}

/// What can still be corrected of a poll that has ballots.
fn too_late(
    app: &App,
    asked: &Asked,
    poll: &Poll,
    status: StatusCode,
    form: &PollForm,
    fault: Option<&Fault>,
) -> Response {
    let context = context! { form => Serde(form), too_late => true, fault => fault.map(Serde), ..of_poll(poll) };
    app.page(asked, status, "organise/edit.html", context)
}
