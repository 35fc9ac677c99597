//! What comes next in an event, and what came before.

use super::{
    poll_states::{PollGlance, PollStates},
    progress::{EventProgress, EventStage, PollAction, StepChange},
    record::Event,
};
use crate::{poll::PollState, poll_id::PollId};

/// One step through an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventStep {
    /// What the button for it says.
    pub name: StepName,
    /// Where the event is then.
    pub progress: EventProgress,
    /// The change of a poll that belongs to it.
    pub change: Option<StepChange>,
}

/// What a step is, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepName {
    /// Open the question that is on, or the first.
    Open,
    /// Close the question that is on.
    Close,
    /// Show the votes of the question that is on.
    Reveal,
    /// Open the question that follows.
    Next,
    /// The last question is done.
    End,
    /// Hide the votes of the question that is on again.
    Hide,
    /// Go back to the question before, which stays closed; or before the first one.
    Previous,
}

impl StepName {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Close => "close",
            Self::Reveal => "reveal",
            Self::Next => "next",
            Self::End => "end",
            Self::Hide => "hide",
            Self::Previous => "previous",
        }
    }
}

impl Event {
    /// What the large button will do; `None` where nothing follows.
    ///
    /// What the last step has not done yet comes first. Then the poll itself decides: if it was closed by hand, closing
    /// is no step any more. One whose ballots are published is not asked again: it is passed over.
    pub fn next_step(&self, polls: &PollStates) -> Option<EventStep> {
        if let Some(unfinished) = self.unfinished(polls) {
            return Some(unfinished);
        }
        let (poll, glance) = match self.progress {
            EventProgress::Over => return None,
            EventProgress::Before => {
                return opened(StepName::Open, self.polls(), polls)
                    .or_else(|| self.has_published(polls).then_some(END));
            }
            EventProgress::At { poll, .. } => (poll, polls.get(poll)),
        };
        match glance {
            Some(glance) if glance.state == PollState::Open => Some(step(StepName::Close, poll, glance)),
            Some(glance) if glance.state == PollState::Waiting => Some(step(StepName::Open, poll, glance)),
            Some(glance) if glance.is_hidden => Some(step(StepName::Reveal, poll, glance)),
            _ => opened(StepName::Next, self.following(poll), polls).or(Some(END)),
        }
    }

    /// What the way back does; `None` where there is none. A poll whose ballots are published stays as it is.
    pub fn step_back(&self, polls: &PollStates) -> Option<EventStep> {
        if let Some(unfinished) = self.unfinished(polls) {
            return Some(unfinished);
        }
        let (poll, stage) = match self.progress {
            EventProgress::Before => return None,
            EventProgress::Over => return Some(previous(self.polls(), None, polls)),
            EventProgress::At { poll, stage } => (poll, stage),
        };
        match polls.get(poll) {
            Some(glance) if glance.is_published => Some(previous(self.before(poll), None, polls)),
            Some(glance) if glance.state == PollState::Closed && stage == EventStage::Revealed && !glance.is_hidden => {
                Some(step(StepName::Hide, poll, glance))
            }
            Some(glance) if glance.state == PollState::Closed => Some(step(StepName::Open, poll, glance)),
            glance => {
                let close = glance.filter(|glance| glance.state == PollState::Open);
                let close = close.map(|glance| change(PollAction::Close, poll, glance));
                Some(previous(self.before(poll), close, polls))
            }
        }
    }

    /// The last step once more, if the change of a poll that belongs to it was not made.
    pub fn unfinished(&self, polls: &PollStates) -> Option<EventStep> {
        let asked = self.step?;
        let glance = polls.get(asked.poll)?;
        if glance.version > asked.seen || asked.does.is_done(glance) {
            return None;
        }
        let name = match asked.does {
            PollAction::Open => StepName::Open,
            PollAction::Close => StepName::Close,
            PollAction::Reveal => StepName::Reveal,
            PollAction::Hide => StepName::Hide,
        };
        // It opens with the countdown that was asked for, which begins only then.
        let again = StepChange { seconds: asked.seconds, ..change(asked.does, asked.poll, glance) };
        Some(EventStep { name, progress: self.progress, change: Some(again) })
    }

    /// Whether the ballots of one of its polls are published.
    fn has_published(&self, polls: &PollStates) -> bool {
        self.polls().iter().any(|&poll| polls.get(poll).is_some_and(|glance| glance.is_published))
    }

    fn place(&self, poll: PollId) -> Option<usize> {
        self.polls().iter().position(|&listed| listed == poll)
    }

    fn following(&self, poll: PollId) -> &[PollId] {
        self.place(poll).map_or(&[], |place| &self.polls()[place + 1..])
    }

    fn before(&self, poll: PollId) -> &[PollId] {
        self.place(poll).map_or(&[], |place| &self.polls()[..place])
    }
}

/// Opens the first of `list` that the log knows, and whose ballots are not published.
fn opened(name: StepName, list: &[PollId], polls: &PollStates) -> Option<EventStep> {
    let is_to_open = |poll| polls.get(poll).filter(|glance| !glance.is_published).map(|glance| (poll, glance));
    let (poll, glance) = list.iter().find_map(|&poll| is_to_open(poll))?;
    Some(EventStep { name, ..step(StepName::Open, poll, glance) })
}

/// Goes to the last of `list` that the log knows, or before all.
fn previous(list: &[PollId], close: Option<StepChange>, polls: &PollStates) -> EventStep {
    let poll = list.iter().rev().copied().find(|&poll| polls.get(poll).is_some());
    let at = |poll| EventProgress::At { poll, stage: EventStage::Closed };
    EventStep { name: StepName::Previous, progress: poll.map_or(EventProgress::Before, at), change: close }
}

const END: EventStep = EventStep { name: StepName::End, progress: EventProgress::Over, change: None };

/// A step that changes the poll that is on then.
fn step(name: StepName, poll: PollId, glance: &PollGlance) -> EventStep {
    let (does, stage) = match name {
        StepName::Open | StepName::Next => (PollAction::Open, EventStage::Open),
        StepName::Close | StepName::End | StepName::Previous => (PollAction::Close, EventStage::Closed),
        StepName::Reveal => (PollAction::Reveal, EventStage::Revealed),
        StepName::Hide => (PollAction::Hide, EventStage::Closed),
    };
    EventStep { name, progress: EventProgress::At { poll, stage }, change: Some(change(does, poll, glance)) }
}

fn change(does: PollAction, poll: PollId, glance: &PollGlance) -> StepChange {
    StepChange { poll, does, seen: glance.version, seconds: None }
}
