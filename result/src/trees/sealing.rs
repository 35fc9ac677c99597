//! The seal of a closed poll: what its trees were at the close, once all partitions have counted it. It reads nothing.

use attest::{ResultNote, RoundName, Seal, SealedTree, words};
use domain::{
    BallotTerms, Correction, Digest, HeldTree, Partition, PollState, Tally, TermsInForce, TreeClose, TreeId, TreeKey,
};
use serde::Serialize;
use utoipa::ToSchema;

/// The trees of a round as they were when the present close was counted, by partition.
pub(crate) struct ClosedTrees {
    version: u64,
    /// Which partition decided the close.
    home: usize,
    trees: Vec<(TreeId, TreeClose)>,
    correction: Option<Correction>,
}

/// A poll that is closed and counted.
#[derive(Debug)]
pub(crate) struct SealedPoll {
    pub(crate) seal: Seal,
    /// [`Seal::digest`].
    pub(crate) digest: Digest,
    /// The trees of the seal, by partition.
    pub(crate) trees: Vec<TreeId>,
    /// What its ballots were cast for, in the order in which it came into force.
    pub(crate) wordings: Vec<BallotTerms>,
    /// The seal as a signed note.
    pub(crate) note: String,
}

/// What of a seal people compare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct SealWords {
    /// The seal's digest in twelve words.
    #[schema(value_type = Vec<String>, min_items = 12, max_items = 12)]
    words: [&'static str; 12],
    /// The seal's digest: SHA-256 of its text without its signatures, in hexadecimal digits.
    #[schema(min_length = 64, max_length = 64)]
    hash: String,
}

/// The name of a tree for the ledger.
pub(crate) fn key_of(tree: &TreeId) -> TreeKey {
    let TreeId { poll, round, partition, generation, .. } = *tree;
    TreeKey { poll, round, partition: Partition::new(partition), generation }
}

impl SealWords {
    /// The seal's digest, in hexadecimal digits.
    pub(crate) fn hash(&self) -> &str {
        &self.hash
    }
}

impl ClosedTrees {
    /// `None` unless the poll is closed, and the tree of each partition has this close.
    pub(crate) fn of(tally: &Tally, held: &[HeldTree]) -> Option<Self> {
        let Tally { poll, round, partitions, .. } = tally;
        let version = poll.closed_in().filter(|_| poll.state() == PollState::Closed && poll.round() == *round)?;
        let closed = |partition: Partition| {
            let is_of = |tree: &&HeldTree| {
                let TreeId { round: of, partition: number, partitions: count, .. } = tree.id;
                of == *round && number == partition.number() && count == partitions.count()
            };
            let newest = held.iter().filter(is_of).max_by_key(|tree| tree.id.generation)?;
            let close = newest.closes.iter().find(|close| close.version == version)?;
            Some((newest.id.clone(), *close))
        };
        let trees = partitions.all().map(closed).collect::<Option<Vec<_>>>()?;
        let (home, correction) = (usize::from(partitions.home(poll.id()).number()), poll.correction().cloned());
        Some(Self { version, home, trees, correction })
    }

    /// The tree of the partition that decided the close.
    pub(crate) fn home(&self) -> TreeKey {
        key_of(&self.trees[self.home].0)
    }

    /// The seal and what belongs to it. `known` are all terms of the home's tree.
    pub(crate) fn seal(self, known: &[TermsInForce]) -> Option<(Seal, Vec<TreeId>, Vec<BallotTerms>)> {
        let (id, close) = &self.trees[self.home];
        let known: Vec<_> = known.iter().take_while(|known| known.after < close.position).collect();
        let in_force = &known.last()?.terms;
        let round = RoundName { installation: id.installation.clone(), poll: id.poll, round: id.round };
        let sealed = |(id, close): &(TreeId, TreeClose)| SealedTree {
            partition: id.partition,
            generation: id.generation,
            size: close.size,
            root: close.root,
        };
        let seal = Seal {
            round,
            version: self.version,
            wording: in_force.digest(),
            closed_ms: close.position.millis(),
            trees: self.trees.iter().map(sealed).collect(),
            ballots: self.trees.iter().map(|(_, close)| close.size).sum(),
            voters: self.trees.iter().map(|(_, close)| close.voters).sum(),
        };
        let wordings = match &self.correction {
            Some(correction) => wordings(known.iter().map(|known| &known.terms), in_force, correction),
            None => vec![in_force.clone()],
        };
        Some((seal, self.trees.into_iter().map(|(id, _)| id).collect(), wordings))
    }
}

/// For which words there may be ballots, each once: those before the first correction, and all that came after. What
/// was written before them nobody voted on, and it may be a draft that nobody should read. If they are not known, it is
/// all words: a file that lacks those of one of its ballots can't be published.
fn wordings<'a>(
    known: impl Iterator<Item = &'a BallotTerms>,
    in_force: &BallotTerms,
    correction: &Correction,
) -> Vec<BallotTerms> {
    let is_first = |terms: &&BallotTerms| terms.question == correction.question && terms.options == correction.options;
    let rules = |terms: &BallotTerms| (terms.max_choices, terms.changes, terms.access.clone(), terms.publish);
    let is_corrected =
        |terms: &&BallotTerms| rules(terms) == rules(in_force) && terms.options.len() == in_force.options.len();
    let known: Vec<_> = known.filter(is_corrected).collect();
    let first = known.iter().position(is_first).unwrap_or_default();
    let mut wordings: Vec<BallotTerms> = Vec::new();
    for terms in &known[first..] {
        if !wordings.contains(terms) {
            wordings.push((*terms).clone());
        }
    }
    wordings
}

impl SealedPoll {
    /// The words of its seal.
    pub(crate) fn words(&self) -> SealWords {
        SealWords { words: words(&self.digest), hash: self.digest.to_string() }
    }

    /// The result, to be signed. Only for votes that everybody may see.
    pub(crate) fn result(&self, votes: Vec<u64>) -> ResultNote {
        ResultNote { round: self.seal.round.clone(), seal: self.digest, votes }
    }

    /// Whether it is that of the poll's present close.
    pub(crate) fn is_of(&self, tally: &Tally) -> bool {
        tally.round == self.seal.round.round && tally.poll.closed_in() == Some(self.seal.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(question: &str) -> BallotTerms {
        let options = vec!["Yes".to_owned(), "No".to_owned()];
        let (question, access) = (question.to_owned(), "anyone".to_owned());
        BallotTerms { question, options, max_choices: 1, changes: true, access, publish: true }
    }

    #[test]
    fn words_count_from_those_before_the_first_correction_on() {
        let known = ["draft", "Tea", "Tea?", "Tea", "Tea!"].map(terms);
        let of = |first: &str| {
            let correction = Correction { at_millis: 1, question: first.to_owned(), options: terms("").options };
            let wordings = wordings(known.iter(), &terms("Tea!"), &correction);
            wordings.into_iter().map(|terms| terms.question).collect::<Vec<_>>()
        };
        assert_eq!(of("Tea"), ["Tea", "Tea?", "Tea!"]);
        assert_eq!(of("of another ledger"), ["draft", "Tea", "Tea?", "Tea!"]);
    }
}
