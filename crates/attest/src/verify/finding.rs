//! What can be found wrong.

use std::fmt;

use domain::{BallotMark, ChoicesError, option_key};

use crate::note::NoteError;

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditFinding {
    /// What.
    pub kind: FindingKind,
    /// What had to be kept for it to be found.
    pub kept: KeptBy,
    /// The name of the file that was given, if it took one.
    pub by: Option<String>,
}

/// What had to be kept, and by whom, for something to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptBy {
    /// Nothing: what is published contradicts itself.
    Nobody,
    /// The installation's key.
    Key,
    /// The proof of a receipt, by the voter.
    Proof,
    /// The promise of a receipt, by the voter.
    Promise,
    /// A checkpoint, by a screen or a witness.
    Checkpoint,
    /// The signed seal, by anybody.
    Seal,
    /// The seal's twelve words, by anybody who saw them.
    Words,
}

/// What does not hold. Lines are counted from 1, as in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FindingKind {
    /// The file can't be read on from here.
    Malformed(String),
    /// It has another key than the one that was given.
    OtherKey,
    /// The key is not named after the installation.
    KeyName,
    /// The seal is not signed.
    SealNotSigned(NoteError),
    /// The result is not signed.
    ResultNotSigned(NoteError),
    /// The seal is of another poll or round than the file.
    SealOfAnother,
    /// The result is of another poll, round or seal than the file.
    ResultOfAnother,
    /// The poll did not say before the vote that ballots may be published.
    NotForPublication,
    /// Ballots were cast for other rules than those at the close.
    RulesDiffer,
    /// The seal's wording is none of the file's.
    WordingMissing,
    /// A tree of the file is not the one that is sealed.
    TreeOfAnother(u16),
    /// The ballots do not have the root that is sealed.
    OtherRoot(u16),
    /// A ballot for a wording that the header has not.
    NoSuchWording(u64),
    /// A ballot that the poll's rules do not allow.
    ChoicesUnfit(u64, ChoicesError),
    /// A ballot was replaced, or replaces one, where that is not allowed.
    ChangedThoughFinal(u64),
    /// A mark that two ballots have.
    MarkTwice(BallotMark),
    /// A ballot replaces one that is not there.
    ReplacesNone(BallotMark),
    /// A ballot is replaced by two.
    ReplacedTwice(BallotMark),
    /// A ballot is replaced, and counts.
    ReplacedCounts(BallotMark),
    /// A ballot does not count, and no other replaces it.
    LeftOut(BallotMark),
    /// Ballots that replace each other in a circle, so that none counts.
    Circle(BallotMark),
    /// As many ballots are sealed, and as many are there.
    BallotsDiffer(u64, u64),
    /// As many voters are sealed, and as many chains of ballots are there.
    VotersDiffer(u64, u64),
    /// Another number of options in the result than in the poll.
    OptionsDiffer,
    /// For an option, as many votes are signed, and as many are there.
    VotesDiffer(usize, u64, u64),
    /// What was given is not signed with the key.
    KeptNotSigned(NoteError),
    /// The leaf of the proof does not lead to the root of its own signed checkpoint.
    ProofBroken,
    /// A ballot that was counted is not there.
    BallotMissing,
    /// A tree of this partition had another root when it had this size.
    Rewritten(u16, u64),
    /// A tree of this partition had this size, and now has the other.
    Shrunk(u16, u64, u64),
    /// This partition of the round has a tree, and the seal has none of it.
    PartitionMissing(u16),
    /// The tree of this partition was begun anew in this later generation, and the file has the one from before.
    LaterTree(u16, u64),
    /// Another seal of the same close.
    TwoSeals,
    /// The seal of an earlier close has so many trees, and this one another number of them.
    OtherPartitions(usize, usize),
    /// The seal that was given is of a later close.
    LaterSeal,
    /// The twelve words are those of another seal.
    OtherWords,
}

impl FindingKind {
    /// Found in the file alone.
    pub(crate) fn alone(self) -> AuditFinding {
        AuditFinding { kind: self, kept: KeptBy::Nobody, by: None }
    }

    /// Found by what somebody kept.
    pub(crate) fn by(self, kept: KeptBy, name: &str) -> AuditFinding {
        AuditFinding { kind: self, kept, by: Some(name.to_owned()) }
    }

    /// A word for programs; it never changes.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::OtherKey => "other-key",
            Self::KeyName => "key-name",
            Self::SealNotSigned(_) => "seal-not-signed",
            Self::ResultNotSigned(_) => "result-not-signed",
            Self::SealOfAnother => "seal-of-another",
            Self::ResultOfAnother => "result-of-another",
            Self::NotForPublication => "not-for-publication",
            Self::RulesDiffer => "rules-differ",
            Self::WordingMissing => "wording-missing",
            Self::TreeOfAnother(_) => "tree-of-another",
            Self::OtherRoot(_) => "other-root",
            Self::NoSuchWording(_) => "no-such-wording",
            Self::ChoicesUnfit(..) => "choices-unfit",
            Self::ChangedThoughFinal(_) => "changed-though-final",
            Self::MarkTwice(_) => "mark-twice",
            Self::ReplacesNone(_) => "replaces-none",
            Self::ReplacedTwice(_) => "replaced-twice",
            Self::ReplacedCounts(_) => "replaced-counts",
            Self::LeftOut(_) => "left-out",
            Self::Circle(_) => "circle",
            Self::BallotsDiffer(..) => "ballots-differ",
            Self::VotersDiffer(..) => "voters-differ",
            Self::OptionsDiffer => "options-differ",
            Self::VotesDiffer(..) => "votes-differ",
            Self::KeptNotSigned(_) => "kept-not-signed",
            Self::ProofBroken => "proof-broken",
            Self::BallotMissing => "ballot-missing",
            Self::Rewritten(..) => "rewritten",
            Self::Shrunk(..) => "shrunk",
            Self::PartitionMissing(_) => "partition-missing",
            Self::LaterTree(..) => "later-tree",
            Self::TwoSeals => "two-seals",
            Self::OtherPartitions(..) => "other-partitions",
            Self::LaterSeal => "later-seal",
            Self::OtherWords => "other-words",
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "The file is not as it must be: {what}."),
            Self::OtherKey => f.write_str("The file names another key than the one that was given."),
            Self::KeyName => f.write_str("The key's name is not that of the installation."),
            Self::SealNotSigned(why) => write!(f, "The seal says nothing: {why}."),
            Self::ResultNotSigned(why) => write!(f, "The result says nothing: {why}."),
            Self::SealOfAnother => f.write_str("The seal is of another poll or round than the file."),
            Self::ResultOfAnother => f.write_str("The result is of another poll, round or seal than the file."),
            Self::NotForPublication => f.write_str("The poll's rules do not say that ballots may be published."),
            Self::RulesDiffer => f.write_str("Ballots were cast for other rules than those at the close."),
            Self::WordingMissing => f.write_str("The seal is of a wording that the file does not have."),
            Self::TreeOfAnother(partition) => write!(f, "The tree of partition {partition} is not the sealed one."),
            Self::OtherRoot(partition) => {
                write!(f, "The ballots of partition {partition} are not those that were sealed.")
            }
            Self::NoSuchWording(line) => write!(f, "Line {line}: a ballot for a wording that the file does not have."),
            Self::ChoicesUnfit(line, why) => write!(f, "Line {line}: the poll does not allow this ballot: {why}."),
            Self::ChangedThoughFinal(line) => {
                write!(f, "Line {line}: a ballot was replaced, in a poll in which votes can't be changed.")
            }
            Self::MarkTwice(mark) => write!(f, "Two ballots have the mark {mark}."),
            Self::ReplacesNone(mark) => write!(f, "The ballot {mark} replaces one that is not there."),
            Self::ReplacedTwice(mark) => write!(f, "The ballot {mark} is replaced by two others."),
            Self::ReplacedCounts(mark) => {
                write!(f, "The ballot {mark} is replaced by another, and counts all the same.")
            }
            Self::LeftOut(mark) => write!(f, "The ballot {mark} does not count, and no other replaces it."),
            Self::Circle(mark) => {
                write!(f, "The ballot {mark} is one of some that replace each other in a circle: none of them counts.")
            }
            Self::BallotsDiffer(sealed, there) => write!(f, "{sealed} ballots are sealed, {there} are there."),
            Self::VotersDiffer(sealed, there) => write!(f, "{sealed} voters are sealed, {there} are there."),
            Self::OptionsDiffer => f.write_str("The result has not the options of the poll."),
            Self::VotesDiffer(option, signed, there) => {
                let key = option_key(*option);
                write!(f, "The result says {signed} votes for option {key}; the ballots have {there}.")
            }
            Self::KeptNotSigned(why) => {
                write!(f, "What was kept is of no worth with this key: {why}. Is the key another one now?")
            }
            Self::ProofBroken => f.write_str("The proof does not lead to the root that was signed with it."),
            Self::BallotMissing => f.write_str("The ballot was counted, and is not among the published ones."),
            Self::Rewritten(partition, size) => write!(
                f,
                "The first {size} ballots of partition {partition} are not those that were there when it had so many."
            ),
            Self::Shrunk(partition, before, now) => {
                write!(f, "Partition {partition} had {before} ballots, and {now} are published.")
            }
            Self::PartitionMissing(partition) => write!(f, "The seal has no tree of partition {partition}."),
            Self::LaterTree(partition, generation) => write!(
                f,
                "The tree of partition {partition} was begun anew after a loss (generation {generation}), and the \
                 published one is the tree from before."
            ),
            Self::TwoSeals => f.write_str("There are two seals of one close of the poll."),
            Self::OtherPartitions(before, now) => {
                write!(f, "The seal of an earlier close of the round has {before} trees, and this one {now}.")
            }
            Self::LaterSeal => f.write_str("The seal that was kept is of a later close than the published one."),
            Self::OtherWords => f.write_str(
                "The words are those of another seal: two audiences were shown two, or the poll was opened again.",
            ),
        }
    }
}

impl KeptBy {
    /// A word for programs; it never changes.
    pub fn word(self) -> &'static str {
        match self {
            Self::Nobody => "nothing",
            Self::Key => "key",
            Self::Proof => "proof",
            Self::Promise => "promise",
            Self::Checkpoint => "checkpoint",
            Self::Seal => "seal",
            Self::Words => "words",
        }
    }
}

impl fmt::Display for KeptBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nobody => "the published file contradicts itself",
            Self::Key => "somebody had kept the key",
            Self::Proof => "a voter had kept the proof of a ballot",
            Self::Promise => "a voter had kept the promise of a ballot",
            Self::Checkpoint => "a screen or a witness had kept a checkpoint",
            Self::Seal => "somebody had kept the seal",
            Self::Words => "somebody had kept the twelve words",
        })
    }
}
