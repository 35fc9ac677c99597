//! The ballots of one tree: leaves, root, rules, chains and votes.

use domain::{Digest, LeafContent};

use super::{
    chains::{BallotLink, check_chains},
    finding::FindingKind,
    sought::{Sought, SoughtTree},
    statements::HeaderStatements,
    sums::PollCount,
    verification::{ReceiptFate, Verification},
};
use crate::{
    growing_root::GrowingRoot,
    origin::TreeOrigin,
    published::{BallotContent, PublishedBallot, PublishedTree},
    seal::SealedTree,
};

/// For how many ballots room is taken at once; what a file says of its size may be wrong.
const MAX_RESERVED: usize = 1 << 22;

/// A tree that is being read.
pub(super) struct TreeCheck<'a> {
    statements: &'a HeaderStatements,
    sealed: &'a SealedTree,
    sought: &'a mut SoughtTree,
    verification: &'a mut Verification,
    tree: Digest,
    root: GrowingRoot,
    links: Vec<BallotLink>,
    votes: Vec<u64>,
}

impl<'a> TreeCheck<'a> {
    pub(super) fn new(
        statements: &'a HeaderStatements,
        sealed: &'a SealedTree,
        heading: PublishedTree,
        sought: &'a mut Sought,
        verification: &'a mut Verification,
    ) -> Self {
        let PublishedTree { partition, partitions: stated, generation, size } = heading;
        let stands = (partition, generation, size) == (sealed.partition, sealed.generation, sealed.size);
        if !stands || usize::from(stated) != statements.seal.trees.len() {
            verification.find(FindingKind::TreeOfAnother(sealed.partition).alone());
        }
        let origin = TreeOrigin { round: statements.round.clone(), partition, generation };
        let room = usize::try_from(size).unwrap_or(MAX_RESERVED).min(MAX_RESERVED);
        let mut check = Self {
            statements,
            sealed,
            sought: sought.of(sealed.partition),
            verification,
            tree: origin.tree(stated).digest(),
            root: GrowingRoot::default(),
            links: Vec::with_capacity(room),
            votes: vec![0; statements.options()],
        };
        check.look_at_size();
        check
    }

    /// Adds the ballot of this line, and counts it for the wording that it was cast for.
    pub(super) fn add(&mut self, line: u64, ballot: &PublishedBallot, cast: &mut [u64]) {
        let PublishedBallot { mark, replaces, content, wording } = *ballot;
        self.count(line, ballot);
        let wordings = &self.statements.wordings;
        let number = usize::try_from(wording).map_or(usize::MAX, |number| number - 1);
        let Some((_, wording)) = wordings.get(number) else {
            self.verification.find(FindingKind::NoSuchWording(line).alone());
            self.root.push(Digest::of(b""));
            return self.look_at_size();
        };
        cast[number] += 1;
        let content_of_leaf =
            LeafContent { tree: self.tree, wording: *wording, mark, replaces, choices: content.hidden() };
        let leaf = content_of_leaf.digest();
        self.sought.leaf(&leaf, fate(&content), number);
        self.root.push(leaf);
        self.look_at_size();
    }

    fn count(&mut self, line: u64, ballot: &PublishedBallot) {
        let PublishedBallot { mark, replaces, content, .. } = *ballot;
        let terms = self.statements.terms();
        let link = BallotLink { mark, replaces, counts: matches!(content, BallotContent::Counts { .. }) };
        if !terms.changes && (!link.counts || replaces != domain::BallotMark::NONE) {
            self.verification.find(FindingKind::ChangedThoughFinal(line).alone());
        }
        self.links.push(link);
        if let BallotContent::Counts { choices, .. } = content {
            if let Err(error) = choices.fit(terms.options.len(), terms.max_choices) {
                self.verification.find(FindingKind::ChoicesUnfit(line, error).alone());
            }
            let votes = self.votes.iter_mut().enumerate();
            votes.filter(|(option, _)| choices.contains(*option)).for_each(|(_, votes)| *votes += 1);
        }
    }

    /// Compares the root where somebody had kept one of this size.
    fn look_at_size(&mut self) {
        self.sought.size(&self.root);
    }

    /// Compares the whole tree, and adds it to the sums.
    pub(super) fn finish(mut self, sums: &mut PollCount) {
        let SealedTree { partition, size, root, .. } = *self.sealed;
        if self.root.size() != size || self.root.root() != root {
            self.verification.find(FindingKind::OtherRoot(partition).alone());
        }
        sums.voters += check_chains(&mut self.links, |finding| self.verification.find(finding.alone()));
        sums.ballots += self.root.size();
        sums.votes.iter_mut().zip(&self.votes).for_each(|(sum, votes)| *sum += votes);
    }
}

fn fate(content: &BallotContent) -> ReceiptFate {
    match content {
        BallotContent::Counts { choices, .. } => ReceiptFate::Counts(*choices),
        BallotContent::Replaced { .. } => ReceiptFate::Replaced,
    }
}
