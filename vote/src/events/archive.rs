//! Putting an event away after the evening, with its polls, and bringing it back.

use domain::{Event, EventChange, EventId, PollChange, PollId};

use super::existing::change;
use crate::{
    app::App,
    polls,
    refusal::{Refusal, not_told},
};

/// Puts it away, and its polls with it, but for the default poll and those of other events that are not put away. A
/// poll that is open is closed by that. If it fails half way, doing it again does the rest.
pub(crate) async fn archive(app: &App, id: EventId) -> Result<Event, Refusal> {
    let event = change(app, id, None, EventChange::Archive).await?;
    let events = app.ballots.events().await.map_err(|error| error.after_something("archiving an event"));
    let events = events.map_err(not_told(app))?;
    let is_asked = |poll| events.iter().any(|other| !other.archived() && other.polls().contains(&poll));
    let own = event.polls().iter().copied().filter(|&poll| poll != PollId::MAIN && !is_asked(poll));
    all(app, own, &PollChange::Archive).await?;
    Ok(event)
}

/// Brings it back with its polls, in the states in which they were put away.
pub(crate) async fn restore(app: &App, id: EventId) -> Result<Event, Refusal> {
    let event = change(app, id, None, EventChange::Restore).await?;
    all(app, event.polls().iter().copied(), &PollChange::Restore).await?;
    Ok(event)
}

async fn all(app: &App, ids: impl Iterator<Item = PollId>, change: &PollChange) -> Result<(), Refusal> {
    for id in ids {
        match polls::change(app, id, change.clone()).await {
            // The log does not know it, or what is decided is being carried out.
            Ok(_) | Err(Refusal::UnknownPoll | Refusal::Underway(_)) => {}
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(())
}
