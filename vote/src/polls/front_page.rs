//! What the root address shows in place of the default poll.

use domain::{FrontPage, PollChange, PollId};

use super::existing::{change, current};
use crate::{
    app::App,
    refusal::{Refusal, not_shown},
};

/// Puts a poll or an event there, which must exist. Returns what stands in place of the default poll then.
pub(crate) async fn put(app: &App, page: FrontPage) -> Result<Option<FrontPage>, Refusal> {
    match page {
        FrontPage::Poll(poll) => drop(current(app, poll).await?),
        FrontPage::Event(event) => {
            let event = app.ballots.event(event).await.map_err(not_shown(app))?;
            event.ok_or(Refusal::UnknownEvent)?;
        }
    }
    Ok(change(app, PollId::MAIN, PollChange::PutInFront(Some(page))).await?.front_page())
}
