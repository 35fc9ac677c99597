//! What a press of the button comes to, where several devices press and any of them may stop half way.

use super::{
    poll_states::PollStates,
    progress::{PollAction, StepChange},
    record::Event,
    steps::EventStep,
};
use crate::poll::CountdownSeconds;

/// Which button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The large one.
    Next,
    /// The way back.
    Back,
}

/// What a press comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Press {
    /// Nothing is to be done: the step was taken already, or there is none.
    Done,
    /// Write this step into the event if it is still of the version that was read; then make its change of a poll, if
    /// that is still of the version that was seen.
    Take(EventStep),
}

impl Event {
    /// What a press comes to, whose sender saw the event in this version (`None`: as it is now).
    ///
    /// A press for another version takes no step of its own. But if the last step's change of a poll was not made, it
    /// is: written once more under the next version, so that a third device, which saw that step undone, does not go on
    /// from it unseen.
    pub fn press(&self, way: Way, seen: Option<u64>, polls: &PollStates) -> Press {
        let step = match way {
            _ if seen.is_some_and(|seen| seen != self.version) => self.unfinished(polls),
            Way::Next => self.next_step(polls),
            Way::Back => self.step_back(polls),
        };
        step.map_or(Press::Done, Press::Take)
    }

    /// The same, where the sender wants a question that this step opens to close by itself. A step that was left
    /// unfinished keeps what its own sender wanted.
    pub fn press_for(
        &self,
        way: Way,
        seen: Option<u64>,
        seconds: Option<CountdownSeconds>,
        polls: &PollStates,
    ) -> Press {
        match self.press(way, seen, polls) {
            Press::Take(step) if self.unfinished(polls).is_none() => {
                let counted = |change: StepChange| match change.does {
                    PollAction::Open => StepChange { seconds, ..change },
                    _ => change,
                };
                Press::Take(EventStep { change: step.change.map(counted), ..step })
            }
            press => press,
        }
    }
}
