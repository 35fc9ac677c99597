//! A poll: its question, its options, its rules and its state; the limits that it keeps, and how it changes.
//!
//! May import: `choices`, `front_page`, `poll_id`, `question_text`, `text`.

mod change;
mod correction;
mod countdown;
mod limits;
mod record;
mod spec;

pub use change::{ChangeRefused, PollChange};
pub use correction::{Correction, Wording};
pub use countdown::{Countdown, CountdownError, CountdownSeconds, MAX_COUNTDOWN_SECONDS};
pub use limits::{Field, MAX_OPTION_CHARS, MAX_QUESTION_CHARS, PollError};
pub use record::{FIRST_REVISION, Poll};
pub use spec::{Access, PollSpec, PollState, Visibility};

#[cfg(test)]
mod tests;
