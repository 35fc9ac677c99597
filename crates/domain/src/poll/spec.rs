//! What an organiser gives to create a poll: a question, options and rules.

use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

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
    /// Anyone with the link; one ballot for each browser.
    Anyone,
    /// Anyone with a voting code; one ballot for each code.
    Codes,
}

/// What an organiser gives to create a poll. Nothing in it is checked yet; [`Poll::new`](crate::Poll::new) does.
///
/// `vote` derives made-up ids from its JSON, so that stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a rule of its own")]
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
    /// Whether the poll is in the public list.
    pub listed: bool,
    /// How many new voters a minute one network may bring; as many as come without it.
    pub new_voters_per_minute: Option<NonZeroU16>,
    /// Whether people may vote one after the other on one device: a kiosk.
    pub kiosk: bool,
    /// Whether all ballots may be published without names after the close. Voters read it before they vote. Not written
    /// when it is not so, as polls of earlier releases have no such rule.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub publish: bool,
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
            publish: false,
        }
    }
}
