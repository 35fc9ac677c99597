//! The line of a tree: what is needed to make the same tree again of the same ballots.

use domain::{
    BallotTerms, CarriedTree, Digest, HeldTree, InstallationId, PollId, Position, TermsInForce, TreeClose, TreeId,
};
use serde::{Deserialize, Serialize};

/// A tree as it stands in a file.
#[derive(Serialize, Deserialize)]
pub(crate) struct TreeLine {
    installation: String,
    poll: PollId,
    round: u32,
    partition: u16,
    partitions: u16,
    generation: u64,
    since: Position,
    size: u64,
    terms: Vec<TermsLine>,
    closes: Vec<CloseLine>,
}

#[derive(Serialize, Deserialize)]
struct TermsLine {
    after: Position,
    #[serde(flatten)]
    terms: BallotTerms,
}

#[derive(Serialize, Deserialize)]
struct CloseLine {
    version: u64,
    position: Position,
    size: u64,
    /// Hexadecimal digits.
    root: String,
    voters: u64,
}

impl TreeLine {
    /// As it is written.
    pub(crate) fn of(carried: &CarriedTree) -> Self {
        let HeldTree { id, since, size, closes } = &carried.tree;
        let terms = |known: &TermsInForce| TermsLine { after: known.after, terms: known.terms.clone() };
        let close = |close: &TreeClose| {
            let TreeClose { version, position, size, root, voters } = *close;
            CloseLine { version, position, size, root: root.to_string(), voters }
        };
        Self {
            installation: id.installation.to_string(),
            poll: id.poll,
            round: id.round,
            partition: id.partition,
            partitions: id.partitions,
            generation: id.generation,
            since: *since,
            size: *size,
            terms: carried.terms.iter().map(terms).collect(),
            closes: closes.iter().map(close).collect(),
        }
    }

    /// As it was read; `None` where a root is none.
    pub(crate) fn read(self) -> Option<CarriedTree> {
        let Self { installation, poll, round, partition, partitions, generation, since, size, terms, closes } = self;
        let installation = InstallationId::new(installation);
        let id = TreeId { installation, poll, round, partition, partitions, generation };
        let close = |close: CloseLine| {
            let CloseLine { version, position, size, root, voters } = close;
            Some(TreeClose { version, position, size, root: Digest::parse_hex(&root)?, voters })
        };
        let closes = closes.into_iter().map(close).collect::<Option<Vec<_>>>()?;
        let terms = terms.into_iter().map(|TermsLine { after, terms }| TermsInForce { after, terms }).collect();
        Some(CarriedTree { tree: HeldTree { id, since, size, closes }, terms })
    }
}
