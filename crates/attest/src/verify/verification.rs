//! What came of a verification.

use domain::{Choices, Digest, PollId};

use super::{
    finding::{AuditFinding, FindingKind},
    sums::PollCount,
};
use crate::{key::VerifierKey, origin::RoundName, published::PublicationError, words::SEAL_WORDS};

/// How many findings are listed; of a file of another kind there may be as many as it has lines.
const MAX_FINDINGS: usize = 50;

/// What holds, what does not, and what could not be looked at.
#[derive(Clone, Debug, Default)]
pub struct Verification {
    /// What was checked; none if the file says too little.
    pub poll: Option<VerifiedPoll>,
    /// What does not hold; the first ones.
    pub findings: Vec<AuditFinding>,
    /// How many more there are.
    pub more_findings: u64,
    /// What could not be checked.
    pub unchecked: Vec<Unchecked>,
    /// What became of the ballots whose proofs or promises were given.
    pub receipts: Vec<ReceiptOutcome>,
    /// Seals of earlier closes that were given, by the names of their files; the published trees begin with theirs.
    pub earlier_seals: Vec<String>,
}

/// The poll of a published file.
#[derive(Clone, Debug)]
pub struct VerifiedPoll {
    /// Which round of it.
    pub round: RoundName,
    /// The question at the close.
    pub question: String,
    /// The options at the close.
    pub options: Vec<String>,
    /// The key with which the notes were checked.
    pub key: VerifierKey,
    /// Whether that key was given, and not taken from the file.
    pub key_was_given: bool,
    /// [`Seal::digest`](crate::Seal::digest).
    pub seal: Digest,
    /// The words of the seal.
    pub words: [&'static str; SEAL_WORDS],
    /// When the close was accepted, in milliseconds since 1970.
    pub closed_ms: u64,
    /// The words that ballots could be cast for, in the order in which they came into force.
    pub wordings: Vec<PollWording>,
    /// What was counted; nothing if the file could not be read to its end.
    pub count: Option<PollCount>,
}

/// Words of a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollWording {
    /// The question.
    pub question: String,
    /// The options.
    pub options: Vec<String>,
}

impl VerifiedPoll {
    /// Whether a wording, by its index, has other words than those at the close.
    pub fn differs(&self, wording: usize) -> bool {
        let there = self.wordings.get(wording);
        there.is_some_and(|there| there.question != self.question || there.options != self.options)
    }
}

/// What could not be checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unchecked {
    /// The file could not be read to its end.
    #[error("The published file could not be read: {0}.")]
    Publication(String),
    /// The file is of another poll than the one that was asked for, which is not checked then.
    #[error("The ballots of the poll {asked} were asked for, and these are those of {there}: {asked} was not checked.")]
    AnotherPoll {
        /// The poll that was asked for.
        asked: PollId,
        /// Whose ballots they are.
        there: PollId,
    },
    /// What was given can't be read.
    #[error("{name}: {why}.")]
    NotUnderstood {
        /// Its name.
        name: String,
        /// Why.
        why: String,
    },
    /// What was given is of another poll, round or partition.
    #[error("{name}: it is of {origin}, which is not published here.")]
    OfAnother {
        /// Its name.
        name: String,
        /// What it is of.
        origin: String,
    },
    /// What was given is of a tree that was given up after a loss.
    #[error(
        "{name}: its tree (generation {generation}) was given up after a loss, and a new one was begun from the \
         ballots that were left. Whether the ballots of the old one are all there can't be shown."
    )]
    OtherGeneration {
        /// Its name.
        name: String,
        /// Of which generation it is.
        generation: u64,
    },
    /// What was given could not be compared, since the file could not be read to its end.
    #[error("{0}: it could not be compared.")]
    NotCompared(String),
}

/// What became of a ballot whose proof or promise was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptOutcome {
    /// The name of the file that was given.
    pub name: String,
    /// What became of it.
    pub fate: ReceiptFate,
    /// For which of [`VerifiedPoll::wordings`] it was cast, by its index.
    pub wording: usize,
}

/// What became of a ballot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptFate {
    /// It counts, and chose this.
    Counts(Choices),
    /// A later ballot of the same voter has replaced it.
    Replaced,
}

impl Verification {
    /// Whether everything could be checked, and holds.
    pub fn holds(&self) -> bool {
        self.findings.is_empty() && self.unchecked.is_empty()
    }

    /// Notes something that does not hold.
    pub(crate) fn find(&mut self, finding: AuditFinding) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        } else {
            self.more_findings += 1;
        }
    }

    /// Notes why the file was not read on.
    pub(super) fn stopped(&mut self, error: PublicationError) {
        match error {
            PublicationError::Malformed { .. } => self.find(FindingKind::Malformed(error.to_string()).alone()),
            error => self.unchecked.push(Unchecked::Publication(error.to_string())),
        }
    }

    /// Notes what was counted.
    pub(super) fn counted(&mut self, count: PollCount) {
        if let Some(poll) = &mut self.poll {
            poll.count = Some(count);
        }
    }
}
