//! Events that there are: reading them and their polls, and changing them.

use std::sync::Arc;

use domain::{Event, EventChange, EventId, EventOutcome, EventRefused, Poll, PollId};
use futures_util::future::try_join_all;

use crate::{
    app::App,
    refusal::{Refusal, not_recorded, not_shown, not_told},
};

/// The event, as it was at most two seconds ago.
pub(crate) async fn recent(app: &App, id: EventId) -> Result<Arc<Event>, Refusal> {
    let event = app.events.get(id).await.map_err(not_recorded(app))?;
    event.ok_or(Refusal::UnknownEvent)
}

/// The same, in this version or a later one if the log has it.
pub(crate) async fn since(app: &App, id: EventId, version: u64) -> Result<Arc<Event>, Refusal> {
    let event = app.events.get_since(id, version).await.map_err(not_recorded(app))?;
    event.ok_or(Refusal::UnknownEvent)
}

/// The events that this poll belongs to, as they were at most a second ago; older while the log does not answer.
pub(crate) async fn with_poll(app: &App, poll: PollId) -> Result<Vec<EventId>, Refusal> {
    let events = app.all_events.get().await.map_err(not_recorded(app))?;
    Ok(events.iter().filter(|event| event.polls().contains(&poll)).map(Event::id).collect())
}

/// The event as the log has it at this moment.
pub(crate) async fn current(app: &App, id: EventId) -> Result<Event, Refusal> {
    let event = app.ballots.event(id).await.map_err(not_shown(app))?;
    event.ok_or(Refusal::UnknownEvent)
}

/// The polls of an event as the log has them at this moment, in the event's order; those that it does not know are left
/// out. Behind them is the poll of the last step, if it was taken out of the event since.
pub(crate) async fn polls_of(app: &App, event: &Event) -> Result<Vec<Poll>, Refusal> {
    let of_step = event.step().map(|step| step.poll).filter(|poll| !event.polls().contains(poll));
    let asked = event.polls().iter().copied().chain(of_step).map(|poll| app.ballots.poll(poll));
    let polls = try_join_all(asked).await.map_err(not_shown(app))?;
    Ok(polls.into_iter().flatten().collect())
}

/// Makes a change, which this instance shows at once; of an event of this version, if one was seen.
pub(crate) async fn change(app: &App, id: EventId, seen: Option<u64>, change: EventChange) -> Result<Event, Refusal> {
    match app.ballots.change_event(id, seen, change).await.map_err(not_told(app))? {
        EventOutcome::Done(event) => {
            app.events.put(event.clone());
            app.all_events.forget();
            Ok(event)
        }
        EventOutcome::OtherVersion(event) => {
            app.events.put(event);
            Err(Refusal::EventChanged)
        }
        EventOutcome::UnknownEvent | EventOutcome::Exists => Err(Refusal::UnknownEvent),
        EventOutcome::Refused(EventRefused::Invalid(error)) => Err(Refusal::InvalidEvent(error)),
        EventOutcome::Refused(EventRefused::PollIsOn(poll)) => Err(Refusal::PollIsOn(poll)),
    }
}
