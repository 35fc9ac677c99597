//! The lines of a published file that are not ballots.

use std::fmt;

use domain::{BallotTerms, InstallationId, MAX_OPTIONS, PollId};
use serde::{Deserialize, Serialize};

use crate::{key::VerifierKey, origin::RoundName};

/// How the first line begins: a file that begins otherwise is another one, or of a later format.
pub(super) const BEGINNING_OF_PUBLICATION: &str = "{\"scrutin\":\"published 1\",";

/// The last line, without its newline: a file that has none is not whole.
pub const END_OF_PUBLICATION: &str = "end";

/// The word and the number by which the format is known.
const FORMAT: &str = "published 1";

/// The first line: what the ballots are of, and what the installation has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedHeader {
    /// The round of the poll.
    pub round: RoundName,
    /// The key that checks the notes.
    pub key: VerifierKey,
    /// The words and rules that ballots were cast for, in the order in which they came into force; at least one.
    pub wordings: Vec<BallotTerms>,
    /// The seal, as a signed note.
    pub seal: String,
    /// The result, as a signed note.
    pub result: String,
}

/// The line before the ballots of a tree: `tree PARTITION PARTITIONS GENERATION SIZE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedTree {
    /// Which partition.
    pub partition: u16,
    /// How many partitions the installation has.
    pub partitions: u16,
    /// Which generation of its tree.
    pub generation: u64,
    /// How many lines of ballots follow.
    pub size: u64,
}

/// The header as JSON; the order of the fields is part of the format.
#[derive(Serialize, Deserialize)]
struct HeaderLine {
    scrutin: String,
    installation: String,
    poll: PollId,
    round: u32,
    key: String,
    wordings: Vec<BallotTerms>,
    seal: String,
    result: String,
}

impl PublishedHeader {
    /// Reads a line without its newline; `None` for all but what is written.
    pub fn parse(line: &str) -> Option<Self> {
        let HeaderLine { scrutin, installation, poll, round, key, wordings, seal, result } =
            serde_json::from_str(line).ok()?;
        let round = RoundName { installation: InstallationId::new(installation), poll, round };
        let header = Self { round, key: key.parse().ok()?, wordings, seal, result };
        let is_poll = |terms: &BallotTerms| (1..=MAX_OPTIONS).contains(&terms.options.len());
        let is_of_polls = !header.wordings.is_empty() && header.wordings.iter().all(is_poll);
        (scrutin == FORMAT && is_of_polls && header.to_string() == line).then_some(header)
    }
}

/// One line of JSON, without a newline.
impl fmt::Display for PublishedHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { round: RoundName { installation, poll, round }, key, wordings, seal, result } = self;
        let line = HeaderLine {
            scrutin: FORMAT.to_owned(),
            installation: installation.to_string(),
            poll: *poll,
            round: *round,
            key: key.to_string(),
            wordings: wordings.clone(),
            seal: seal.clone(),
            result: result.clone(),
        };
        f.write_str(&serde_json::to_string(&line).expect("texts and numbers are JSON"))
    }
}

impl PublishedTree {
    /// Reads a line without its newline; `None` for all but what is written.
    pub fn parse(line: &str) -> Option<Self> {
        let ["tree", partition, partitions, generation, size] = line.split(' ').collect::<Vec<_>>()[..] else {
            return None;
        };
        let tree = Self {
            partition: partition.parse().ok()?,
            partitions: partitions.parse().ok()?,
            generation: generation.parse().ok()?,
            size: size.parse().ok()?,
        };
        (tree.to_string() == line).then_some(tree)
    }
}

/// Without a newline.
impl fmt::Display for PublishedTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, partitions, generation, size } = self;
        write!(f, "tree {partition} {partitions} {generation} {size}")
    }
}
