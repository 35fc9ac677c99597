//! What people have kept, read, and looked for while the trees are read.

use std::collections::{BTreeMap, BTreeSet};

use domain::Digest;

use super::{
    evidence::{Evidence, KeptNote},
    finding::{FindingKind, KeptBy},
    verification::{ReceiptFate, ReceiptOutcome, Unchecked, Verification},
};
use crate::{
    checkpoint::Checkpoint,
    growing_root::GrowingRoot,
    key::VerifierKey,
    note::{NoteError, NoteText},
    origin::TreeOrigin,
    promise::Promise,
    proof::{InclusionProof, ProofError},
    seal::Seal,
    words::words,
};

/// All that was given and can be compared.
pub(super) struct Sought {
    trees: Vec<SoughtTree>,
    roots: Vec<KeptRoot>,
    leaves: Vec<KeptLeaf>,
    /// The names of seals of earlier closes all of whose trees are looked for.
    earlier_seals: Vec<String>,
}

/// What is looked for in one tree.
#[derive(Default)]
pub(super) struct SoughtTree {
    /// Sizes at which the root is wanted, which are still to come.
    sizes: BTreeSet<u64>,
    /// The roots at those that have come.
    roots: BTreeMap<u64, Digest>,
    /// Leaves that are looked for, what became of them, and the index of the wording they were cast for.
    leaves: BTreeMap<Digest, Option<(ReceiptFate, usize)>>,
}

/// A root that somebody had kept.
struct KeptRoot {
    kept: KeptBy,
    name: String,
    partition: u16,
    size: u64,
    root: Digest,
}

/// A leaf that a voter had kept.
struct KeptLeaf {
    kept: KeptBy,
    name: String,
    partition: u16,
    leaf: Digest,
}

impl SoughtTree {
    /// Notes the root, if it is wanted at this size.
    pub(super) fn size(&mut self, tree: &GrowingRoot) {
        if self.sizes.first().is_some_and(|size| *size == tree.size()) {
            self.sizes.pop_first();
            self.roots.insert(tree.size(), tree.root());
        }
    }

    /// Notes what a leaf is, if it is looked for.
    pub(super) fn leaf(&mut self, leaf: &Digest, fate: ReceiptFate, wording: usize) {
        if let Some(found) = self.leaves.get_mut(leaf) {
            *found = Some((fate, wording));
        }
    }
}

impl Sought {
    /// Reads what was given. What is of no worth is told at once.
    pub(super) fn open(evidence: &Evidence, key: &VerifierKey, seal: &Seal, verification: &mut Verification) -> Self {
        let trees = seal.trees.iter().map(|_| SoughtTree::default()).collect();
        let sought = Self { trees, roots: Vec::new(), leaves: Vec::new(), earlier_seals: Vec::new() };
        let mut opening = Opening { sought, key, seal, verification };
        evidence.proofs.iter().for_each(|proof| opening.proof(proof));
        evidence.promises.iter().for_each(|promise| opening.promise(promise));
        evidence.checkpoints.iter().for_each(|checkpoint| opening.checkpoint(checkpoint));
        evidence.seals.iter().for_each(|seal| opening.seal(seal));
        if evidence.words.is_some_and(|kept| kept != words(&seal.digest())) {
            opening.verification.find(FindingKind::OtherWords.by(KeptBy::Words, "the words"));
        }
        opening.sought
    }

    /// What is looked for in the tree of this partition.
    pub(super) fn of(&mut self, partition: u16) -> &mut SoughtTree {
        &mut self.trees[usize::from(partition)]
    }

    /// Tells what came of it, once all trees are read.
    pub(super) fn settle(self, verification: &mut Verification) {
        let Self { trees, roots, leaves, mut earlier_seals } = self;
        for KeptRoot { kept, name, partition, size, root } in roots {
            let there = trees[usize::from(partition)].roots.get(&size);
            if there != Some(&root) {
                earlier_seals.retain(|seal| kept != KeptBy::Seal || *seal != name);
            }
            if there.is_some_and(|there| *there != root) {
                verification.find(FindingKind::Rewritten(partition, size).by(kept, &name));
            }
        }
        verification.earlier_seals = earlier_seals;
        for KeptLeaf { kept, name, partition, leaf } in leaves {
            match trees[usize::from(partition)].leaves.get(&leaf).copied().flatten() {
                Some((fate, wording)) => verification.receipts.push(ReceiptOutcome { name, fate, wording }),
                None => verification.find(FindingKind::BallotMissing.by(kept, &name)),
            }
        }
    }
}

/// Reads what was given.
struct Opening<'a> {
    sought: Sought,
    key: &'a VerifierKey,
    seal: &'a Seal,
    verification: &'a mut Verification,
}

impl Opening<'_> {
    fn proof(&mut self, KeptNote { name, text }: &KeptNote) {
        let checked = InclusionProof::parse(text).and_then(|proof| Ok((proof.check(self.key)?, proof.leaf)));
        match checked {
            Ok((checkpoint, leaf)) => {
                let origin = checkpoint.origin.clone();
                self.root(KeptBy::Proof, name, checkpoint);
                self.leaf(KeptBy::Proof, name, &origin, leaf);
            }
            Err(ProofError::Checkpoint(error)) => self.of_no_worth(KeptBy::Proof, name, error),
            Err(ProofError::AnotherRoot) => self.verification.find(FindingKind::ProofBroken.by(KeptBy::Proof, name)),
            Err(ProofError::NotAProof) => self.not_understood(name, &ProofError::NotAProof.to_string()),
        }
    }

    fn promise(&mut self, KeptNote { name, text }: &KeptNote) {
        if let Some(Promise { origin, leaf }) = self.note(KeptBy::Promise, name, text)
            && self.is_published(KeptBy::Promise, name, &origin)
        {
            self.leaf(KeptBy::Promise, name, &origin, leaf);
        }
    }

    fn checkpoint(&mut self, KeptNote { name, text }: &KeptNote) {
        if let Some(checkpoint) = self.note(KeptBy::Checkpoint, name, text) {
            self.root(KeptBy::Checkpoint, name, checkpoint);
        }
    }

    fn seal(&mut self, KeptNote { name, text }: &KeptNote) {
        let Some(kept) = self.note::<Seal>(KeptBy::Seal, name, text) else { return };
        if kept == *self.seal {
            return;
        }
        if kept.round != self.seal.round {
            let origin = kept.round.to_string();
            return self.verification.unchecked.push(Unchecked::OfAnother { name: name.clone(), origin });
        }
        if kept.version > self.seal.version {
            return self.verification.find(FindingKind::LaterSeal.by(KeptBy::Seal, name));
        }
        if kept.version == self.seal.version {
            return self.verification.find(FindingKind::TwoSeals.by(KeptBy::Seal, name));
        }
        let (before, now) = (kept.trees.len(), self.seal.trees.len());
        if before != now {
            return self.verification.find(FindingKind::OtherPartitions(before, now).by(KeptBy::Seal, name));
        }
        let mut are_sought = true;
        for tree in &kept.trees {
            let origin =
                TreeOrigin { round: kept.round.clone(), partition: tree.partition, generation: tree.generation };
            are_sought &= self.root(KeptBy::Seal, name, Checkpoint { origin, size: tree.size, root: tree.root });
        }
        if are_sought {
            self.sought.earlier_seals.push(name.clone());
        }
    }

    /// Looks for a root, unless its tree is not published or too small, which is told; whether it is looked for.
    fn root(&mut self, kept: KeptBy, name: &str, Checkpoint { origin, size, root }: Checkpoint) -> bool {
        if !self.is_published(kept, name, &origin) {
            return false;
        }
        let partition = origin.partition;
        let now = self.seal.trees[usize::from(partition)].size;
        if size > now {
            self.verification.find(FindingKind::Shrunk(partition, size, now).by(kept, name));
            return false;
        }
        self.sought.of(partition).sizes.insert(size);
        self.sought.roots.push(KeptRoot { kept, name: name.to_owned(), partition, size, root });
        true
    }

    /// Looks for a leaf, if its tree is published.
    fn leaf(&mut self, kept: KeptBy, name: &str, origin: &TreeOrigin, leaf: Digest) {
        let partition = origin.partition;
        if self.publishes(origin) {
            self.sought.of(partition).leaves.insert(leaf, None);
            self.sought.leaves.push(KeptLeaf { kept, name: name.to_owned(), partition, leaf });
        }
    }

    /// Whether the tree is published; if not, that is told. All partitions of a round are sealed together.
    fn is_published(&mut self, kept: KeptBy, name: &str, origin: &TreeOrigin) -> bool {
        if self.publishes(origin) {
            return true;
        }
        let (partition, sealed) = (origin.partition, self.seal.trees.len());
        if origin.round != self.seal.round {
            let (name, origin) = (name.to_owned(), origin.to_string());
            self.verification.unchecked.push(Unchecked::OfAnother { name, origin });
        } else if usize::from(partition) >= sealed {
            self.verification.find(FindingKind::PartitionMissing(partition).by(kept, name));
        } else if origin.generation > self.seal.trees[usize::from(partition)].generation {
            self.verification.find(FindingKind::LaterTree(partition, origin.generation).by(kept, name));
        } else {
            let (name, generation) = (name.to_owned(), origin.generation);
            self.verification.unchecked.push(Unchecked::OtherGeneration { name, generation });
        }
        false
    }

    fn publishes(&self, origin: &TreeOrigin) -> bool {
        let sealed = self.seal.trees.get(usize::from(origin.partition));
        origin.round == self.seal.round && sealed.is_some_and(|sealed| sealed.generation == origin.generation)
    }

    /// What a note says, if it is of worth.
    fn note<T: NoteText>(&mut self, kept: KeptBy, name: &str, text: &str) -> Option<T> {
        self.key.open(text).map_err(|error| self.of_no_worth(kept, name, error)).ok()
    }

    fn of_no_worth(&mut self, kept: KeptBy, name: &str, error: NoteError) {
        match error {
            NoteError::NotSigned | NoteError::WrongSignature => {
                self.verification.find(FindingKind::KeptNotSigned(error).by(kept, name));
            }
            NoteError::NotANote | NoteError::AnotherText => self.not_understood(name, &error.to_string()),
        }
    }

    fn not_understood(&mut self, name: &str, why: &str) {
        let (name, why) = (name.to_owned(), why.to_owned());
        self.verification.unchecked.push(Unchecked::NotUnderstood { name, why });
    }
}
