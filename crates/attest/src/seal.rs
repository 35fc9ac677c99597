//! The seal: what an installation states when a poll is closed and everything is counted. It says nothing of votes.

use std::fmt::Write;

use domain::{Digest, InstallationId};

use crate::{
    base64_digest::{parse_digest, write_digest},
    note::NoteText,
    origin::RoundName,
};

/// How large a note's trees are at the close, and how many voted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Of which round.
    pub round: RoundName,
    /// The version of the change that closed the poll.
    pub version: u64,
    /// The digest of the question, the options and the rules that were in force at the close.
    pub wording: Digest,
    /// When the close was accepted, in milliseconds since 1970.
    pub closed_ms: u64,
    /// The tree of each partition, by its number.
    pub trees: Vec<SealedTree>,
    /// How many ballots are in the trees.
    pub ballots: u64,
    /// How many voters cast them.
    pub voters: u64,
}

/// A partition's tree at the close.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedTree {
    /// Which partition.
    pub partition: u16,
    /// Which generation of its tree.
    pub generation: u64,
    /// How many leaves it has.
    pub size: u64,
    /// Its root.
    pub root: Digest,
}

impl Seal {
    /// What the twelve words and the QR code are made of: the digest of the text without signatures, so that another
    /// key does not change it.
    pub fn digest(&self) -> Digest {
        Digest::of(self.text().as_bytes())
    }
}

impl NoteText for Seal {
    fn text(&self) -> String {
        let Self { round, version, wording, closed_ms, trees, ballots, voters } = self;
        let mut text = format!("scrutin seal 1\n{round}\nversion {version}\nwording {wording}\nclosed {closed_ms}\n");
        for SealedTree { partition, generation, size, root } in trees {
            writeln!(text, "tree {partition} {generation} {size} {}", write_digest(root)).expect("a text takes more");
        }
        text + &format!("ballots {ballots}\nvoters {voters}\n")
    }

    fn installation(&self) -> &InstallationId {
        &self.round.installation
    }

    fn parse(text: &str) -> Option<Self> {
        let lines: Vec<_> = text.split('\n').collect();
        let ["scrutin seal 1", round, version, wording, closed, trees @ .., ballots, voters, ""] = &lines[..] else {
            return None;
        };
        let seal = Self {
            round: RoundName::parse(round)?,
            version: number(version, "version ")?,
            wording: Digest::parse_hex(wording.strip_prefix("wording ")?)?,
            closed_ms: number(closed, "closed ")?,
            trees: trees.iter().map(|line| SealedTree::parse(line)).collect::<Option<_>>()?,
            ballots: number(ballots, "ballots ")?,
            voters: number(voters, "voters ")?,
        };
        let numbered = seal.trees.iter().map(|tree| tree.partition).eq(0..u16::try_from(seal.trees.len()).ok()?);
        (numbered && seal.text() == text).then_some(seal)
    }
}

impl SealedTree {
    fn parse(line: &str) -> Option<Self> {
        let ["tree", partition, generation, size, root] = line.split(' ').collect::<Vec<_>>()[..] else { return None };
        Some(Self {
            partition: partition.parse().ok()?,
            generation: generation.parse().ok()?,
            size: size.parse().ok()?,
            root: parse_digest(root)?,
        })
    }
}

/// The number behind this word.
fn number(line: &str, word: &str) -> Option<u64> {
    line.strip_prefix(word)?.parse().ok()
}
