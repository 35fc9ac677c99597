//! A poll: its question, its options, its rules and its state.

use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

use crate::{Choices, ChoicesError, PollId};

mod correction;
mod limits;
mod record;

pub use correction::{Correction, Wording};
pub use limits::{Field, MAX_OPTION_CHARS, MAX_QUESTION_CHARS, PollError};
use limits::{checked, tidied};
use record::Record;

/// The revision of a poll that was never rewritten.
pub const FIRST_REVISION: u32 = 1;

/// Whether ballots are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PollState {
    /// Created, and not opened yet.
    Waiting,
    /// Takes ballots.
    Open,
    /// Takes no ballots any more; it can be opened again.
    Closed,
}

impl PollState {
    /// The word for it: in the stored poll, in the ledgers' tables, in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// Who sees the votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Everybody, at once.
    Live,
    /// Only the turnout is shown, until the organiser reveals the votes.
    Hidden,
}

/// Who may vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Whoever has the link; one ballot for each browser.
    Anyone,
    /// Whoever has a voting code; one ballot for each code.
    Codes,
}

/// What an organiser gives to create a poll. Nothing in it is checked yet; [`Poll::new`] does.
///
/// `vote` derives made-up ids from its JSON, so that stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PollSpec {
    /// 1 to 500 characters.
    pub question: String,
    /// 2 to 26 texts of 1 to 200 characters, all different.
    pub options: Vec<String>,
    /// How many options one ballot may choose.
    pub max_choices: u8,
    /// The state to begin in.
    pub state: PollState,
    /// Who sees the votes.
    pub results: Visibility,
    /// Whether a voter may change their ballot while the poll is open.
    #[serde(rename = "changes")]
    pub votes_can_change: bool,
    /// Who may vote.
    pub access: Access,
    /// Whether the poll stands in the public list.
    pub listed: bool,
    /// How many new voters a minute one network may bring; as many as come without it.
    pub new_voters_per_minute: Option<NonZeroU16>,
    /// Whether people may vote one after the other on one device: a kiosk.
    pub kiosk: bool,
}

impl PollSpec {
    /// A single-choice poll, open to anyone, with live results, in which votes can be changed.
    pub fn simple<S: Into<String>>(question: impl Into<String>, options: impl IntoIterator<Item = S>) -> Self {
        Self {
            question: question.into(),
            options: options.into_iter().map(Into::into).collect(),
            max_choices: 1,
            state: PollState::Open,
            results: Visibility::Live,
            votes_can_change: true,
            access: Access::Anyone,
            listed: false,
            new_voters_per_minute: None,
            kiosk: false,
        }
    }
}

/// A poll that keeps to all limits. Its JSON is what the log and the ledger store.
///
/// Fields that a later release adds are ignored by this one, so both can run side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Record", into = "Record")]
pub struct Poll {
    id: PollId,
    round: u32,
    revision: u32,
    archived: bool,
    correction: Option<Box<Correction>>,
    spec: PollSpec,
}

/// What an organiser can do to a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PollChange {
    /// Take ballots.
    Open,
    /// Take no more ballots.
    Close,
    /// Show only the turnout.
    Hide,
    /// Show the votes.
    Reveal,
    /// Begin a new round: the ballots so far no longer count, and stay in the ledger.
    Reset,
    /// Put the poll in the public list, or take it out.
    List(bool),
    /// Let one network bring so many new voters a minute, or as many as come.
    LimitNewVoters(Option<NonZeroU16>),
    /// Let people vote one after the other on one device, or no longer.
    Kiosk(bool),
    /// Put it away from the lists; an open poll is closed by it. Opening it brings it back as well.
    Archive,
    /// Bring it back, in the state in which it was put away.
    Restore,
    /// Another question, other options or rules; state, visibility, listing, limits and kiosk stay. Refused once there
    /// are ballots.
    Rewrite(Box<PollSpec>),
    /// The same question and options in better words. With ballots it is noted, and the revision stays: a ballot that
    /// was cast for the words before counts for the same option.
    Correct(Box<Wording>),
}

/// Why a change was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeRefused {
    /// The poll would not keep to the limits.
    #[error(transparent)]
    Invalid(#[from] PollError),
    /// Ballots were cast for what the poll says now.
    #[error("question, options and rules can't be changed once there are ballots")]
    HasBallots,
    /// A correction that is more than one of words.
    #[error("a correction keeps the options: as many, in their order, none with the text of another")]
    OtherOptions,
}

impl Poll {
    /// A poll in its first round, if `spec` keeps to the limits. Its texts are tidied.
    pub fn new(id: PollId, spec: PollSpec) -> Result<Self, PollError> {
        Ok(Self { id, round: 1, revision: FIRST_REVISION, archived: false, correction: None, spec: tidied(spec)? })
    }

    /// Its id.
    pub fn id(&self) -> PollId {
        self.id
    }
    /// What is asked.
    pub fn question(&self) -> &str {
        &self.spec.question
    }
    /// The texts of the options; option `a` is the first.
    pub fn options(&self) -> &[String] {
        &self.spec.options
    }
    /// How many options one ballot may choose.
    pub fn max_choices(&self) -> u8 {
        self.spec.max_choices
    }
    /// Whether ballots are taken.
    pub fn state(&self) -> PollState {
        self.spec.state
    }
    /// Whether ballots are taken now.
    pub fn is_open(&self) -> bool {
        self.spec.state == PollState::Open
    }
    /// Who sees the votes.
    pub fn results(&self) -> Visibility {
        self.spec.results
    }
    /// Whether only the turnout may be shown.
    pub fn is_hidden(&self) -> bool {
        self.spec.results == Visibility::Hidden
    }
    /// Whether a voter may change their ballot.
    pub fn votes_can_change(&self) -> bool {
        self.spec.votes_can_change
    }
    /// Who may vote.
    pub fn access(&self) -> Access {
        self.spec.access
    }
    /// Whether it stands in the public list.
    pub fn listed(&self) -> bool {
        self.spec.listed
    }
    /// How many new voters a minute one network may bring; `None` for as many as come.
    pub fn new_voters_per_minute(&self) -> Option<NonZeroU16> {
        self.spec.new_voters_per_minute
    }
    /// Whether people may vote one after the other on one device.
    pub fn kiosk(&self) -> bool {
        self.spec.kiosk
    }
    /// Whether it was put away from the lists. It is not open then.
    pub fn archived(&self) -> bool {
        self.archived
    }
    /// Whether the wording was corrected while there were ballots, when, and what it was before.
    pub fn correction(&self) -> Option<&Correction> {
        self.correction.as_deref()
    }
    /// Which round this is, from 1; a reset begins the next.
    pub fn round(&self) -> u32 {
        self.round
    }
    /// Which revision this is, from [`FIRST_REVISION`]; a rewrite makes the next. Two polls of one id and revision ask
    /// the same question with the same options and rules, if perhaps in corrected words.
    pub fn revision(&self) -> u32 {
        self.revision
    }

    /// The round to count for a poll that a ledger takes in behind a gap, of which only the present round is known.
    ///
    /// The log goes on somewhere before that present: the reset that began the present round may still be to come,
    /// and ballots before it are of a round before. So counting starts in the round before, and the first event that
    /// is read of the present round begins that. A poll in its first round was never reset.
    pub fn first_round_after_gap(&self) -> u32 {
        self.round.saturating_sub(1).max(1)
    }

    /// The poll as it was before the reset that began its present round, as far as ballots are concerned; `None` in
    /// the first round.
    pub fn before_reset(&self) -> Option<Self> {
        let round = self.round.checked_sub(1).filter(|round| *round > 0)?;
        Some(Self { round, ..self.clone() })
    }

    /// Whether a ballot with these choices can be cast in this poll.
    pub fn check(&self, choices: Choices) -> Result<(), ChoicesError> {
        if let Some(unknown) = choices.indices().find(|&index| index >= self.options().len()) {
            return Err(ChoicesError::UnknownOption(crate::option_key(unknown)));
        }
        let allowed = self.max_choices();
        if choices.len() > u32::from(allowed) {
            return Err(ChoicesError::TooMany { allowed, chosen: choices.len() });
        }
        Ok(())
    }

    /// Whether the other asks the same: question, options and rules.
    pub fn asks_the_same_as(&self, other: &Self) -> bool {
        let asked = |poll: &Self| {
            let PollSpec { state, results, listed, new_voters_per_minute, kiosk, .. } = self.spec;
            PollSpec { state, results, listed, new_voters_per_minute, kiosk, ..poll.spec.clone() }
        };
        asked(self) == asked(other)
    }

    /// The poll after `change`, where so many ballots were accepted, over all rounds.
    pub fn after(&self, change: &PollChange, accepted: u64) -> Result<Self, ChangeRefused> {
        let mut next = self.clone();
        match change {
            PollChange::Open => (next.spec.state, next.archived) = (PollState::Open, false),
            PollChange::Close => next.spec.state = PollState::Closed,
            PollChange::Hide => next.spec.results = Visibility::Hidden,
            PollChange::Reveal => next.spec.results = Visibility::Live,
            // The ballots that count from now on are cast for the words as they are.
            PollChange::Reset => (next.round, next.correction) = (self.round.saturating_add(1), None),
            PollChange::List(listed) => next.spec.listed = *listed,
            PollChange::LimitNewVoters(limit) => next.spec.new_voters_per_minute = *limit,
            PollChange::Kiosk(kiosk) => next.spec.kiosk = *kiosk,
            PollChange::Archive => {
                next.archived = true;
                if self.is_open() {
                    next.spec.state = PollState::Closed;
                }
            }
            PollChange::Restore => next.archived = false,
            PollChange::Rewrite(_) if accepted > 0 => return Err(ChangeRefused::HasBallots),
            PollChange::Rewrite(spec) => return self.rewritten(spec),
            PollChange::Correct(wording) if accepted > 0 => return self.corrected(wording),
            PollChange::Correct(wording) => return self.rewritten(&self.in_words(wording)?),
        }
        Ok(next)
    }

    fn rewritten(&self, spec: &PollSpec) -> Result<Self, ChangeRefused> {
        let mut next = self.clone();
        // Opening, closing, hiding, listing and limiting are changes of their own, and may have come in between.
        let PollSpec { state, results, listed, new_voters_per_minute, kiosk, .. } = self.spec;
        next.spec = tidied(PollSpec { state, results, listed, new_voters_per_minute, kiosk, ..spec.clone() })?;
        next.revision = self.revision.saturating_add(u32::from(next.spec != self.spec));
        Ok(next)
    }
}

#[cfg(test)]
mod tests;
