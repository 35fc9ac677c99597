//! The state that handlers share.

use std::{convert::Infallible, sync::Arc};

use axum::extract::FromRequestParts;
use domain::{Event, EventId, PollId, Scoreboard, Secret};
use http::request::Parts;
use program::settings::PublicUrl;
use tokio::sync::Semaphore;
use web::{counterpart::Counterpart, headers::SecurityHeaders, pages::Pages};

use crate::{
    live::{board::Board, event_board::EventBoard, scores::PollScore},
    open_polls::OpenPolls,
    organiser::{Credentials, OrganiserAccess},
    refusal::ResultRefusal,
    trees::{PublicationFiles, TreeBoard},
};

/// The state that handlers share.
pub(crate) struct App {
    pub(crate) board: Arc<Board>,
    pub(crate) events: Arc<EventBoard>,
    pub(crate) scoreboard: Arc<dyn Scoreboard>,
    pub(crate) trees: Arc<TreeBoard>,
    pub(crate) publications: PublicationFiles,
    pub(crate) open_polls: OpenPolls,
    /// A permit for each export of ballots that may run at once.
    pub(crate) exports: Arc<Semaphore>,
    /// A permit for each event whose polls are all read at once.
    pub(crate) event_exports: Semaphore,
    pub(crate) secret: Secret,
    pub(crate) organiser: OrganiserAccess,
    pub(crate) vote: Counterpart,
    pub(crate) result_url: Option<PublicUrl>,
    /// The security headers of most answers.
    pub(crate) headers: SecurityHeaders,
    pub(crate) embed_headers: SecurityHeaders,
    /// Of pages that have Web Workers.
    pub(crate) worker_headers: SecurityHeaders,
    pub(crate) instance: String,
    pub(crate) pages: Pages,
}

impl App {
    /// The present score of a poll. The board logs failures.
    pub(crate) async fn score(&self, poll: PollId) -> Result<Arc<PollScore>, ResultRefusal> {
        self.board.score(poll).await.map_err(|_| ResultRefusal::Unavailable)?.ok_or(ResultRefusal::UnknownPoll)
    }

    /// An event as it is now. The board logs failures.
    pub(crate) async fn event(&self, event: EventId) -> Result<Arc<Event>, ResultRefusal> {
        self.events.event(event).await.map_err(|_| ResultRefusal::Unavailable)?.ok_or(ResultRefusal::UnknownEvent)
    }
}

impl FromRequestParts<Arc<App>> for Credentials {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        Ok(Self::of(parts, &app.organiser))
    }
}
