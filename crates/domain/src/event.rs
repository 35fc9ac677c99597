//! An event: a title and an ordered list of polls, of which at most one is on; and the steps that an organiser takes
//! through them.
//!
//! A step is two writes: the event, which says what is on from now on and which change of a poll belongs to it; then
//! that change. Whoever comes after a crash between the two finds in the event what is left to do.
//!
//! May import: `event_id`, `poll`, `poll_id`, `question_text`, `text`.

mod change;
mod limits;
mod poll_states;
mod press;
mod progress;
mod record;
mod steps;

pub use change::{EventChange, EventRefused};
pub use limits::{EventError, EventSpec, MAX_EVENT_POLLS};
pub use poll_states::{PollGlance, PollStates};
pub use press::{Press, Way};
pub use progress::{EventProgress, EventStage, PollAction, StepChange};
pub use record::Event;
pub use steps::{EventStep, StepName};

#[cfg(test)]
mod tests;
