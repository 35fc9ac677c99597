//! The public list of open polls. Nothing links to it.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    response::Response,
};
use domain::{PollId, Tally};
use http::{HeaderMap, StatusCode};
use minijinja::{context, value::Serde};
use program::settings::PublicUrl;
use serde::{Deserialize, Serialize};
use web::{language::Language, poll_address};

use crate::{app::App, pages::live_view, refusal::ResultRefusal};

/// How many polls one page shows.
const POLLS_PER_PAGE: usize = 50;

/// The query: which page of the list.
#[derive(Debug, Deserialize)]
pub(crate) struct After {
    /// The last poll of the previous page.
    after: Option<String>,
}

/// One poll of the list.
#[derive(Serialize)]
struct Line {
    question: String,
    turnout: String,
    result: String,
    vote: Option<String>,
}

/// `GET /polls`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Query(After { after }): Query<After>,
    language: Language,
    headers: HeaderMap,
) -> Result<Response, ResultRefusal> {
    let polls = app.open_polls.read(&app.scoreboard).await.map_err(|_| ResultRefusal::Unavailable)?;
    let after = after.and_then(|id| PollId::parse(&id).ok());
    let mut rest = polls.iter().filter(|tally| after.is_none_or(|after| tally.poll.id() > after));
    let shown: Vec<&Tally> = rest.by_ref().take(POLLS_PER_PAGE).collect();
    let next = rest.next().and(shown.last()).map(|last| last.poll.id().to_string());
    let vote = app.vote.url(&headers);
    let lines: Vec<Line> = shown.into_iter().map(|tally| Line::new(language, tally, vote.as_ref())).collect();
    let path = after.map_or_else(|| "/polls".to_owned(), |after| format!("/polls?after={after}"));
    let context = context! { instance => app.instance.as_str(), path, polls => Serde(lines), next };
    Ok(app.pages.respond(StatusCode::OK, language, "polls.html", context))
}

impl Line {
    fn new(language: Language, tally: &Tally, vote: Option<&PublicUrl>) -> Self {
        let poll = &tally.poll;
        Self {
            question: poll.question().to_owned(),
            turnout: live_view::turnout(language, tally.figures.voters),
            result: poll_address::path_of(poll),
            vote: vote.map(|at| poll_address::url_of(at, poll)),
        }
    }
}
