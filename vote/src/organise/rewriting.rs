//! `/organise/{poll}/edit`: another question, other options or rules, while there are no ballots. Afterwards the page
//! says why not.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Redirect, Response},
};
use domain::{Change, ChangeRefused, Poll, PollChange};
use http::StatusCode;
use minijinja::{context, value::Serde};

use super::{
    poll_form::{Fault, PollForm, broken_limit},
    poll_page::{find, of_poll},
    unavailable,
};
use crate::{
    app::{App, Asked, PollPath},
    body,
    form::Fields,
    refusal::Refusal,
};

/// What became of an attempt to rewrite.
enum Outcome {
    Done,
    Fault(Fault),
    HasBallots,
}

/// Shows the form, or that it is too late.
pub(crate) async fn show(State(app): State<Arc<App>>, path: PollPath, asked: Asked) -> Response {
    match find(&app, &path).await {
        Ok(poll) => match app.ballots.accepted(poll.id()).await {
            Ok(0) => page(&app, &asked, &poll, &PollForm::of(&poll), None),
            Ok(_) => too_late(&app, &asked, &poll, StatusCode::OK),
            Err(error) => app.cannot_show(&asked, &unavailable(&app, error)),
        },
        Err(refusal @ Refusal::Unavailable(_)) => app.cannot_show(&asked, &refusal),
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
    match try_rewrite(&app, &asked, &poll, &form).await {
        Ok(Outcome::Done) => Redirect::to(&format!("/organise/{}", poll.id())).into_response(),
        Ok(Outcome::Fault(fault)) => page(&app, &asked, &poll, &form, Some(&fault)),
        Ok(Outcome::HasBallots) => too_late(&app, &asked, &poll, StatusCode::CONFLICT),
        Err(refusal @ Refusal::Unavailable(_)) => app.cannot_tell(&asked, &refusal),
        Err(refusal) => app.refuse(&asked, &refusal),
    }
}

async fn try_rewrite(app: &App, asked: &Asked, poll: &Poll, form: &PollForm) -> Result<Outcome, Refusal> {
    let spec = match form.spec(asked.language) {
        Ok(spec) => Box::new(spec),
        Err(fault) => return Ok(Outcome::Fault(fault)),
    };
    let change = app.ballots.change(poll.id(), PollChange::Rewrite(spec)).await;
    match change.map_err(|error| unavailable(app, error))? {
        Change::Done(poll) => {
            app.polls.put(poll);
            Ok(Outcome::Done)
        }
        Change::Refused(ChangeRefused::HasBallots) => Ok(Outcome::HasBallots),
        Change::Refused(ChangeRefused::Invalid(error)) => Ok(Outcome::Fault(broken_limit(asked.language, &error))),
        Change::UnknownPoll | Change::Exists => Err(Refusal::UnknownPoll),
    }
}

fn page(app: &App, asked: &Asked, poll: &Poll, form: &PollForm, fault: Option<&Fault>) -> Response {
    let status = if fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let context = context! {
        form => Serde(form), fault => fault.map(Serde), rewriting => true, too_late => false, ..of_poll(poll)
    };
    app.page(asked, status, "organise/edit.html", context)
}

fn too_late(app: &App, asked: &Asked, poll: &Poll, status: StatusCode) -> Response {
    let context = context! { too_late => true, fault => (), ..of_poll(poll) };
    app.page(asked, status, "organise/edit.html", context)
}
