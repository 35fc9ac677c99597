//! The result: what an installation states of the votes of a sealed poll, while everybody sees them.

use std::fmt::Write;

use domain::{Digest, InstallationId, MAX_OPTIONS, option_key};

use crate::{note::NoteText, origin::RoundName};

/// The votes of each option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultNote {
    /// Of which round.
    pub round: RoundName,
    /// [`Seal::digest`](crate::Seal::digest) of the seal whose ballots are counted.
    pub seal: Digest,
    /// The votes, by option.
    pub votes: Vec<u64>,
}

impl NoteText for ResultNote {
    fn text(&self) -> String {
        let Self { round, seal, votes } = self;
        let mut text = format!("scrutin result 1\n{round}\nseal {seal}\n");
        for (index, votes) in votes.iter().enumerate() {
            writeln!(text, "votes {} {votes}", option_key(index)).expect("a text takes more");
        }
        text
    }

    fn installation(&self) -> &InstallationId {
        &self.round.installation
    }

    fn parse(text: &str) -> Option<Self> {
        let lines: Vec<_> = text.split('\n').collect();
        let ["scrutin result 1", round, seal, votes @ .., ""] = &lines[..] else { return None };
        let votes_of = |line: &&str| line.strip_prefix("votes ")?.get(2..)?.parse().ok();
        if votes.len() > MAX_OPTIONS {
            return None;
        }
        let note = Self {
            round: RoundName::parse(round)?,
            seal: Digest::parse_hex(seal.strip_prefix("seal ")?)?,
            votes: votes.iter().map(votes_of).collect::<Option<_>>()?,
        };
        (note.text() == text).then_some(note)
    }
}
