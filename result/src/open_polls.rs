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
use tokio::{sync::Mutex, time::Instant};
use web::{language::Language, poll_address};

use crate::{App, archive, error_page, live_page};

/// How many polls stand on one page.
const POLLS_PER_PAGE: usize = 50;
/// For how long the list is as good as read anew, so that the ledger is read no more often however many ask.
const FRESH_FOR: Duration = Duration::from_secs(1);

type Answer = Result<Arc<Vec<Tally>>, Unavailable>;

/// The list as it was read last.
#[derive(Default)]
pub(crate) struct OpenPolls(Mutex<Option<(Instant, Answer)>>);

impl OpenPolls {
    /// The list. Whoever asks while it is being read waits for that read.
    async fn read(&self, scoreboard: &dyn Scoreboard) -> Answer {
        let mut last = self.0.lock().await;
        if let Some((at, answer)) = &*last
            && at.elapsed() < FRESH_FOR
        {
            return answer.clone();
        }
        let answer = archive::listed(scoreboard).await.map(Arc::new);
        if let Err(error) = &answer {
            tracing::warn!(%error, "the public list could not be read");
        }
        *last = Some((Instant::now(), answer.clone()));
        answer
    }
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
    let Ok(polls) = app.open_polls.read(&*app.scoreboard).await else {
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
