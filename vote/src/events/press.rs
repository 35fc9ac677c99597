//! A press of an event's buttons: the event is written, then the change of a poll that belongs to the step is made.
//! What is to be done is decided by the domain; here is the order of the writes.

use domain::{
    ChangeOutcome, CountdownSeconds, Event, EventChange, EventId, EventOutcome, EventStep, Poll, PollStates, Press,
    StepChange, Way,
};

use super::existing::{current, polls_of};
use crate::{
    app::App,
    refusal::{Refusal, not_told},
};

/// How often a press is decided anew because another device pressed in between. The second time there is nothing left
/// but to finish that one's step.
const ATTEMPTS: usize = 4;

/// An event after a press.
pub(crate) struct Pressed {
    pub(crate) event: Event,
    /// Its polls.
    pub(crate) polls: Vec<Poll>,
    /// Not every partition could be told of the poll's change yet.
    pub(crate) is_underway: bool,
}

/// Takes the step, if the event is of the version that the sender saw, or if none was named. Otherwise the step was
/// taken already, and at most what is left of it is done.
///
/// A question that the step opens closes after so many seconds, if any are given.
pub(crate) async fn press(
    app: &App,
    id: EventId,
    way: Way,
    mut seen: Option<u64>,
    seconds: Option<CountdownSeconds>,
) -> Result<Pressed, Refusal> {
    for _ in 0..ATTEMPTS {
        let event = current(app, id).await?;
        let polls = polls_of(app, &event).await?;
        let Press::Take(step) = event.press_for(way, seen, seconds, &PollStates::of(&polls)) else {
            return Ok(Pressed { event, polls, is_underway: false });
        };
        let version = event.version();
        match app.ballots.change_event(id, Some(version), EventChange::Step(step)).await.map_err(not_told(app))? {
            EventOutcome::Done(next) => return carry_out(app, next, polls, step).await,
            EventOutcome::UnknownEvent => return Err(Refusal::UnknownEvent),
            // Whoever wrote it took a step from the same version.
            _ => seen = seen.or(Some(version)),
        }
    }
    Err(not_told(app)(domain::Unavailable::Busy))
}

async fn carry_out(app: &App, event: Event, mut polls: Vec<Poll>, step: EventStep) -> Result<Pressed, Refusal> {
    app.events.put(event.clone());
    let mut is_underway = false;
    if let Some(change @ StepChange { poll, seen, .. }) = step.change {
        let changed = app.ballots.change_seen(poll, seen, change.change()).await;
        // The event says what is left to do, and the next press does it.
        let changed = changed.map_err(|error| error.after_something("taking a step")).map_err(not_told(app))?;
        is_underway = matches!(changed, Some(ChangeOutcome::Underway(_)));
        if let Some(ChangeOutcome::Done(now) | ChangeOutcome::Underway(now)) = changed {
            app.polls.put(now.clone());
            polls.iter_mut().filter(|known| known.id() == poll).for_each(|known| *known = now.clone());
        } else {
            // Somebody else made this change, or another one.
            app.polls.forget(poll);
            polls = polls_of(app, &event).await?;
        }
    }
    Ok(Pressed { event, polls, is_underway })
}
