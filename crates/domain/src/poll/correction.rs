//! Correcting the wording of a poll that has ballots: what may be corrected, and what is noted of it.

use serde::{Deserialize, Serialize};

use super::{ChangeRefused, Poll, PollSpec, limits::tidied};
use crate::text::look;

/// Better words for a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// The question.
    pub question: String,
    /// The options: as many as before, in the same order.
    pub options: Vec<String>,
    /// When it is corrected, in milliseconds since 1970.
    pub at_millis: u64,
}

/// That the wording of a poll was corrected while there were ballots. Whoever voted before read other words, so these
/// are kept, and shown to whoever asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// When it was corrected last, in milliseconds since 1970.
    pub at_millis: u64,
    /// The question before the first correction.
    pub question: String,
    /// The options before the first correction.
    pub options: Vec<String>,
}

impl Poll {
    /// All of the poll, in these words.
    ///
    /// An option whose new text is the old one of another would turn ballots around: that is no correction. What is
    /// left to the organiser is told to everybody, by [`Poll::correction`].
    pub(super) fn in_words(&self, wording: &Wording) -> Result<PollSpec, ChangeRefused> {
        let Wording { question, options, .. } = wording.clone();
        let spec = tidied(PollSpec { question, options, ..self.spec.clone() })?;
        let is_another = |old: &[String]| {
            let same = |(new_at, new): (usize, &String)| {
                old.iter().enumerate().any(|(old_at, old)| old_at != new_at && look(old) == look(new))
            };
            spec.options.iter().enumerate().any(same)
        };
        let before_first = self.correction().map_or(self.options(), |correction| &correction.options);
        if spec.options.len() != self.options().len() || is_another(self.options()) || is_another(before_first) {
            return Err(ChangeRefused::OtherOptions);
        }
        Ok(spec)
    }

    /// The poll in these words, with the note that it was corrected.
    pub(super) fn corrected(&self, wording: &Wording) -> Result<Self, ChangeRefused> {
        let spec = self.in_words(wording)?;
        if spec == self.spec {
            return Ok(self.clone());
        }
        let (question, options) = match self.correction() {
            Some(earlier) => (earlier.question.clone(), earlier.options.clone()),
            None => (self.question().to_owned(), self.options().to_vec()),
        };
        let correction = Some(Box::new(Correction { at_millis: wording.at_millis, question, options }));
        Ok(Self { correction, spec, ..self.clone() })
    }
}
