//! Changes of an event.

use super::{
    limits::{EventError, EventSpec, tidied},
    progress::PollAction,
    record::Event,
    steps::EventStep,
};
use crate::poll_id::PollId;

/// What an organiser can do to an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventChange {
    /// Another title, other polls or another order; where it is stays.
    Edit(EventSpec),
    /// Go on or back. It also brings the event back from the archive.
    Step(EventStep),
    /// Put it away from the lists. Its polls have changes of their own.
    Archive,
    /// Bring it back.
    Restore,
}

/// Why a change was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventRefused {
    /// The event would not keep to the limits.
    #[error(transparent)]
    Invalid(#[from] EventError),
    /// The poll that is on would be taken out.
    #[error("{0} is on, and can't be taken out")]
    PollIsOn(PollId),
}

impl Event {
    /// The event after `change`. Its version is the next, unless nothing differs; a step always makes the next.
    pub fn after(&self, change: &EventChange) -> Result<Self, EventRefused> {
        let mut next = self.clone();
        match change {
            EventChange::Edit(spec) => next.spec = self.edited(spec)?,
            EventChange::Step(step) => next.take(step),
            EventChange::Archive => next.archived = true,
            EventChange::Restore => next.archived = false,
        }
        let is_another = next != *self || matches!(change, EventChange::Step(_));
        next.version = self.version.saturating_add(u64::from(is_another));
        Ok(next)
    }

    fn take(&mut self, step: &EventStep) {
        (self.progress, self.step, self.archived) = (step.progress, step.change, false);
        match step.change.map(|change| (change.does, change.poll)) {
            Some((PollAction::Reveal, poll)) => _ = self.revealed.insert(poll),
            Some((PollAction::Hide, poll)) => _ = self.revealed.remove(&poll),
            _ => {}
        }
    }

    fn edited(&self, spec: &EventSpec) -> Result<EventSpec, EventRefused> {
        let spec = tidied(spec.clone())?;
        match self.progress.poll().filter(|on| !spec.polls.contains(on)) {
            Some(on) => Err(EventRefused::PollIsOn(on)),
            None => Ok(spec),
        }
    }
}
