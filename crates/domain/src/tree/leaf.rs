//! The leaf of a ballot: what is public of it from the moment it is in the tree, and what opens it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::digest::{Digest, Parts, parse_hex, write_hex};
use crate::{
    choices::Choices,
    installation::InstallationId,
    poll::{Access, Poll},
    poll_id::PollId,
    position::Position,
    voter::VoterId,
};

/// Which tree: one for each poll, round and partition, and each generation of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeId {
    /// The installation in which the tree began.
    pub installation: InstallationId,
    /// Which poll.
    pub poll: PollId,
    /// Which round of it.
    pub round: u32,
    /// Which partition.
    pub partition: u16,
    /// How many partitions the installation had.
    pub partitions: u16,
    /// 0, or the moment of the loss after which the tree began anew, in milliseconds since 1970.
    pub generation: u64,
}

impl TreeId {
    /// What stands in each leaf of the tree, so that none can be taken for a leaf of another.
    pub fn digest(&self) -> Digest {
        Parts::labelled("scrutin tree 1")
            .text(self.installation.as_str())
            .text(self.poll.as_str())
            .integer(self.round.into())
            .integer(self.partition.into())
            .integer(self.partitions.into())
            .integer(self.generation)
            .digest()
    }

    /// The origin of its checkpoints.
    pub fn origin(&self) -> String {
        let Self { installation, poll, round, partition, generation, .. } = self;
        format!("scrutin/{installation}/{poll}/{round}/{partition}/{generation}")
    }
}

/// What a ballot was cast for: the words and the rules that were in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BallotTerms {
    /// The question.
    pub question: String,
    /// The options, in order.
    pub options: Vec<String>,
    /// How many options one ballot may choose.
    pub max_choices: u8,
    /// Whether voters may change their ballots.
    pub changes: bool,
    /// The word for who may vote: `anyone` or `codes`.
    pub access: String,
    /// Whether all ballots may be published after the close.
    pub publish: bool,
}

impl BallotTerms {
    /// What `wording` is in a leaf.
    pub fn digest(&self) -> Digest {
        let Self { question, options, max_choices, changes, access, publish } = self;
        let parts = Parts::labelled("scrutin wording 1").text(question).integer(options.len() as u64);
        options
            .iter()
            .fold(parts, |parts, option| parts.text(option))
            .integer((*max_choices).into())
            .integer((*changes).into())
            .text(access)
            .integer((*publish).into())
            .digest()
    }
}

impl Poll {
    /// What a ballot is cast for that is cast now.
    pub fn terms(&self) -> BallotTerms {
        let access = match self.access() {
            Access::Anyone => "anyone",
            Access::Codes => "codes",
        };
        BallotTerms {
            question: self.question().to_owned(),
            options: self.options().to_vec(),
            max_choices: self.max_choices(),
            changes: self.votes_can_change(),
            access: access.to_owned(),
            publish: self.publish(),
        }
    }
}

/// Names a ballot within its tree, and tells nothing of its voter. Two ballots of one voter have different marks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BallotMark([u8; 16]);

impl BallotMark {
    /// In place of the mark of a ballot that is replaced, where there is none.
    pub const NONE: Self = Self([0; 16]);

    /// From its bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads what [`Display`](fmt::Display) writes: 32 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        parse_hex(text).map(Self)
    }
}

impl fmt::Display for BallotMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for BallotMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BallotMark({self})")
    }
}

/// What hides a ballot's choices in its leaf: who has it can try all choices.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Blind([u8; 16]);

impl Blind {
    /// From its bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads what [`Display`](fmt::Display) writes: 32 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        parse_hex(text).map(Self)
    }

    /// The choices under this blind: `c` of a leaf.
    pub fn hide(&self, choices: Choices) -> Digest {
        Parts::labelled("scrutin choice 1").bytes(&self.0).text(&choices.to_string()).digest()
    }
}

/// Written where ballots are published, and nowhere else.
impl fmt::Display for Blind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

/// Shows nothing: with it a log line would open a ballot.
impl fmt::Debug for Blind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Blind(…)")
    }
}

/// The mark and the blind of the ballot at this position of the tree's partition. They follow from what the log holds;
/// whoever has no pseudonym can't make them.
pub fn mark_and_blind(tree: &Digest, voter: VoterId, position: Position) -> (BallotMark, Blind) {
    let secret = Parts::labelled("scrutin ballot 1")
        .bytes(tree.as_bytes())
        .bytes(voter.as_bytes())
        .integer(position.as_i64().unsigned_abs())
        .digest();
    let (mark, blind) = secret.as_bytes().split_at(16);
    let half = |bytes: &[u8]| bytes.try_into().expect("a digest has two halves");
    (BallotMark(half(mark)), Blind(half(blind)))
}

/// What stands in a leaf, hashed as RFC 6962 hashes a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafContent {
    /// [`TreeId::digest`].
    pub tree: Digest,
    /// [`BallotTerms::digest`] of what was in force at the ballot's position.
    pub wording: Digest,
    /// Names the ballot.
    pub mark: BallotMark,
    /// Names the ballot of the same voter that this one replaces; [`BallotMark::NONE`] if it is their first.
    pub replaces: BallotMark,
    /// [`Blind::hide`].
    pub choices: Digest,
}

impl LeafContent {
    /// The leaf.
    pub fn digest(&self) -> Digest {
        let Self { tree, wording, mark, replaces, choices } = self;
        Parts::prefixed(0)
            .bytes(tree.as_bytes())
            .bytes(wording.as_bytes())
            .bytes(&mark.0)
            .bytes(&replaces.0)
            .bytes(choices.as_bytes())
            .digest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poll::PollSpec;

    fn tree() -> TreeId {
        let poll = PollId::parse("tea").unwrap();
        TreeId { installation: InstallationId::new("7b1f"), poll, round: 2, partition: 1, partitions: 4, generation: 0 }
    }

    /// The same bytes, put together by hand.
    fn text(text: &str) -> Vec<u8> {
        [&(text.len() as u64).to_be_bytes(), text.as_bytes()].concat()
    }
    fn integer(integer: u64) -> Vec<u8> {
        integer.to_be_bytes().to_vec()
    }

    #[test]
    fn hashes_are_over_the_bytes_that_the_document_names() {
        let numbers = [2, 1, 4, 0].map(integer).concat();
        let message = [text("scrutin tree 1"), text("7b1f"), text("tea"), numbers].concat();
        assert_eq!(tree().digest(), Digest::of(&message));

        let terms = Poll::new(PollId::MAIN, PollSpec::simple("Tea?", ["Yes", "No"])).unwrap().terms();
        let options = [integer(2), text("Yes"), text("No"), integer(1), integer(1)].concat();
        let message = [text("scrutin wording 1"), text("Tea?"), options, text("anyone"), integer(0)].concat();
        assert_eq!(terms.digest(), Digest::of(&message));

        let (voter, position) = (VoterId::from_bytes([7; 16]), Position::new(1_700_000_000_000, 5).unwrap());
        let (mark, blind) = mark_and_blind(&tree().digest(), voter, position);
        let place = integer(position.as_i64().unsigned_abs());
        let message = [&text("scrutin ballot 1"), &tree().digest().as_bytes()[..], &[7; 16], &place].concat();
        let both = [&mark.as_bytes()[..], blind.as_bytes()].concat();
        assert_eq!(both, Digest::of(&message).as_bytes());

        let hidden = blind.hide(Choices::parse(["a", "c"]).unwrap());
        assert_eq!(hidden, Digest::of(&[&text("scrutin choice 1"), &blind.as_bytes()[..], &text("ac")].concat()));

        let (tree, wording, replaces) = (tree().digest(), terms.digest(), BallotMark::NONE);
        let leaf = LeafContent { tree, wording, mark, replaces, choices: hidden };
        let fixed = [tree.as_bytes(), wording.as_bytes()].map(|digest| digest.to_vec()).concat();
        let message = [&[0], &fixed[..], mark.as_bytes(), &[0; 16], hidden.as_bytes()].concat();
        assert_eq!(leaf.digest(), Digest::of(&message));
    }

    #[test]
    fn each_part_of_the_terms_and_of_the_tree_makes_another_digest() {
        let tree = tree();
        let others = [
            TreeId { installation: InstallationId::new("7b1"), ..tree.clone() },
            TreeId { poll: PollId::MAIN, ..tree.clone() },
            TreeId { round: 3, ..tree.clone() },
            TreeId { partition: 0, ..tree.clone() },
            TreeId { partitions: 5, ..tree.clone() },
            TreeId { generation: 1, ..tree.clone() },
        ];
        assert!(others.iter().all(|other| other.digest() != tree.digest()));
        assert_eq!(tree.origin(), "scrutin/7b1f/tea/2/1/0");

        let terms = Poll::new(PollId::MAIN, PollSpec::simple("Tea?", ["Yes", "No"])).unwrap().terms();
        let others = [
            BallotTerms { question: "Tea".to_owned(), ..terms.clone() },
            BallotTerms { options: vec!["YesNo".to_owned()], ..terms.clone() },
            BallotTerms { max_choices: 2, ..terms.clone() },
            BallotTerms { changes: false, ..terms.clone() },
            BallotTerms { access: "codes".to_owned(), ..terms.clone() },
            BallotTerms { publish: true, ..terms.clone() },
        ];
        assert!(others.iter().all(|other| other.digest() != terms.digest()));
    }

    #[test]
    fn only_what_was_written_is_read() {
        let mark = BallotMark::from_bytes(*b"0123456789abcdef");
        assert_eq!(BallotMark::parse(&mark.to_string()), Some(mark));
        for bad in ["", "0g", &mark.to_string()[1..], &format!("{mark}0"), &mark.to_string().replace('6', "é")] {
            assert_eq!(BallotMark::parse(bad), None, "{bad}");
        }
        assert!(!format!("{:?}", Blind::from_bytes([7; 16])).contains('7'));
    }
}
