//! `/organise/{poll}/edit`: another question, other options or rules, while there are no ballots. Afterwards the page
//! says why not, and takes corrections of the wording.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use domain::{Poll, PollChange, PollId};
use http::StatusCode;
use serde::Serialize;
use web::visitor::Visitor;

use super::{
    changes::to_poll,
    poll_form::{Fault, PollForm},
};
use crate::{
    app::App,
    polls,
    refusal::{Refusal, not_shown},
    request::{
        PollPath,
        body::{MAX_POLL_BYTES, PostedForm},
    },
};

/// The context of the template `organise/edit.html`: the whole form while there are no ballots, else the one in which
/// the wording can be corrected.
#[derive(Serialize)]
struct EditView<'a> {
    id: PollId,
    question: &'a str,
    form: &'a PollForm,
    fault: Option<&'a Fault>,
    /// Whether the form is for a poll that there is.
    rewriting: bool,
    /// Whether there are ballots.
    too_late: bool,
}

impl<'a> EditView<'a> {
    /// The whole form.
    fn whole(poll: &'a Poll, form: &'a PollForm, fault: Option<&'a Fault>) -> Self {
        Self { id: poll.id(), question: poll.question(), form, fault, rewriting: true, too_late: false }
    }

    /// The form for a correction.
    fn correction(poll: &'a Poll, form: &'a PollForm, fault: Option<&'a Fault>) -> Self {
        Self { too_late: true, ..Self::whole(poll, form, fault) }
    }

    fn page(&self, app: &App, visitor: &Visitor, status: StatusCode) -> Response {
        app.page(visitor, status, "organise/edit.html", self)
    }
}

/// Shows the form, or that it is too late.
pub(crate) async fn show(State(app): State<Arc<App>>, path: PollPath, visitor: Visitor) -> Result<Response, Refusal> {
    let poll = polls::current(&app, path.id()?).await?;
    let form = PollForm::of(&poll);
    let view = match app.ballots.accepted(poll.id()).await.map_err(not_shown(&app))? {
        0 => EditView::whole(&poll, &form, None),
        _ => EditView::correction(&poll, &form, None),
    };
    Ok(view.page(&app, &visitor, StatusCode::OK))
}

/// Takes the form.
pub(crate) async fn rewrite(
    State(app): State<Arc<App>>,
    path: PollPath,
    visitor: Visitor,
    posted: PostedForm<MAX_POLL_BYTES>,
) -> Result<Response, Refusal> {
    let (form, poll) = read(&app, &path, &posted).await?;
    let done = match form.spec(visitor.language) {
        Ok(spec) => polls::change(&app, poll.id(), PollChange::Rewrite(Box::new(spec))).await,
        Err(fault) => return Ok(at_fault(&app, &visitor, &EditView::whole(&poll, &form, Some(&fault)))),
    };
    match done {
        Ok(poll) => Ok(to_poll(poll.id()).into_response()),
        Err(Refusal::HasBallots) => {
            let form = PollForm::of(&poll);
            Ok(EditView::correction(&poll, &form, None).page(&app, &visitor, StatusCode::CONFLICT))
        }
        Err(refusal) => {
            let fault = Fault::of(visitor.language, &refusal).ok_or(refusal)?;
            Ok(at_fault(&app, &visitor, &EditView::whole(&poll, &form, Some(&fault))))
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
    let (form, poll) = read(&app, &path, &posted).await?;
    let wording = form.wording(program::now_millis());
    match polls::change(&app, poll.id(), PollChange::Correct(Box::new(wording))).await {
        Ok(poll) => Ok(to_poll(poll.id()).into_response()),
        Err(refusal) => {
            let fault = Fault::of(visitor.language, &refusal).ok_or(refusal)?;
            Ok(at_fault(&app, &visitor, &EditView::correction(&poll, &form, Some(&fault))))
        }
    }
}

/// The posted form, and the poll as it is now.
async fn read(app: &App, path: &PollPath, posted: &PostedForm<MAX_POLL_BYTES>) -> Result<(PollForm, Poll), Refusal> {
    let form = PollForm::read(&posted.fields()?);
    Ok((form, polls::current(app, path.id()?).await?))
}

/// A form at fault, shown again.
fn at_fault(app: &App, visitor: &Visitor, view: &EditView<'_>) -> Response {
    view.page(app, visitor, StatusCode::UNPROCESSABLE_ENTITY)
}
