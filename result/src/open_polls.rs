//! The public list: the open polls that their organiser has put there. Nothing links to it.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Query, State},
    response::Response,
};
use domain::{PollId, Scoreboard, Tally, Unavailable};
use http::{HeaderMap, StatusCode};
use minijinja::{context, value::Serde};
use program::settings::PublicUrl;
use serde::{Deserialize, Serialize};
use web::{
    fresh::{Fresh, LastAnswer},
    language::Language,
    poll_address,
};

use crate::{App, archive, error_page, live_page};

/// How many polls stand on one page.
const POLLS_PER_PAGE: usize = 50;
/// For how long the list is as good as read anew, so that the ledger is read no more often however many ask.
const FRESH_FOR: Duration = Duration::from_secs(1);

type OpenPollList = Result<Arc<Vec<Tally>>, Unavailable>;

/// The list as it was read last.
#[derive(Default)]
pub(crate) struct OpenPolls(Arc<Fresh<OpenPollList>>);

impl OpenPolls {
    /// The list. Callers that come while it is being read wait for that read.
    async fn read(&self, scoreboard: &Arc<dyn Scoreboard>) -> OpenPollList {
        let is_fresh = |last: &LastAnswer<OpenPollList>| last.at.elapsed() < FRESH_FOR;
        let read = || listed(Arc::clone(scoreboard));
        let list = self.0.get(is_fresh, read).await;
        list.unwrap_or_else(|| Err(Unavailable::failed("reading the public list", "the read panicked")))
    }
}

async fn listed(scoreboard: Arc<dyn Scoreboard>) -> impl FnOnce(Option<OpenPollList>) -> OpenPollList {
    let list = archive::listed(&*scoreboard).await.map(Arc::new);
    if let Err(error) = &list {
        tracing::warn!(%error, "the public list could not be read");
    }
    |_| list
}

/// Which page of the list.
#[derive(Debug, Deserialize)]
pub(crate) struct After {
    /// The last poll of the page before.
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
) -> Response {
    let Ok(polls) = app.open_polls.read(&app.scoreboard).await else {
        return error_page::unavailable(&app, language, "/polls");
    };
    let after = after.and_then(|id| PollId::parse(&id).ok());
    let mut rest = polls.iter().filter(|tally| after.is_none_or(|after| tally.poll.id() > after));
    let shown: Vec<&Tally> = rest.by_ref().take(POLLS_PER_PAGE).collect();
    let next = rest.next().and(shown.last()).map(|last| last.poll.id().to_string());
    let vote = app.vote.url(&headers);
    let lines: Vec<Line> = shown.into_iter().map(|tally| Line::new(language, tally, vote.as_ref())).collect();
    let path = after.map_or_else(|| "/polls".to_owned(), |after| format!("/polls?after={after}"));
    let context = context! { instance => app.instance.as_str(), path, polls => Serde(lines), next };
    app.pages.respond(StatusCode::OK, language, "polls.html", context)
}

impl Line {
    fn new(language: Language, tally: &Tally, vote: Option<&PublicUrl>) -> Self {
        let poll = tally.poll.id();
        Self {
            question: tally.poll.question().to_owned(),
            turnout: live_page::turnout(language, tally.figures.voters),
            result: poll_address::path(poll),
            vote: vote.map(|at| poll_address::url(at, poll)),
        }
    }
}
