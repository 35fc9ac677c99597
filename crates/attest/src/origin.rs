//! The names of a round and of a tree, as they stand in notes.

use std::fmt;

use domain::{InstallationId, PollId, TreeId};

/// A round of a poll: `scrutin/INSTALLATION/POLL/ROUND`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundName {
    /// In which installation.
    pub installation: InstallationId,
    /// Which poll.
    pub poll: PollId,
    /// Which round of it.
    pub round: u32,
}

/// A tree, as checkpoints name it: `scrutin/INSTALLATION/POLL/ROUND/PARTITION/GENERATION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeOrigin {
    /// Of which round.
    pub round: RoundName,
    /// Which partition's ballots are in it.
    pub partition: u16,
    /// 0, or the moment of the loss after which the tree began anew, in milliseconds since 1970.
    pub generation: u64,
}

impl RoundName {
    /// Reads what is written, and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let ["scrutin", installation, poll, round] = text.split('/').collect::<Vec<_>>()[..] else { return None };
        let name = Self {
            installation: InstallationId::new(installation),
            poll: PollId::parse(poll).ok()?,
            round: round.parse().ok()?,
        };
        let is_foreign = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        let names_a_key = !installation.is_empty() && !installation.contains(is_foreign);
        (names_a_key && name.to_string() == text).then_some(name)
    }
}

impl fmt::Display for RoundName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { installation, poll, round } = self;
        write!(f, "scrutin/{installation}/{poll}/{round}")
    }
}

impl TreeOrigin {
    /// Of a tree.
    pub fn of(tree: &TreeId) -> Self {
        let TreeId { installation, poll, round, partition, generation, .. } = tree.clone();
        Self { round: RoundName { installation, poll, round }, partition, generation }
    }

    /// Which tree it is in an installation of so many partitions, which a checkpoint does not say.
    pub fn tree(&self, partitions: u16) -> TreeId {
        let Self { round: RoundName { installation, poll, round }, partition, generation } = self.clone();
        TreeId { installation, poll, round, partition, partitions, generation }
    }

    /// Reads what is written, and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, generation) = text.rsplit_once('/')?;
        let (round, partition) = rest.rsplit_once('/')?;
        let origin = Self {
            round: RoundName::parse(round)?,
            partition: partition.parse().ok()?,
            generation: generation.parse().ok()?,
        };
        (origin.to_string() == text).then_some(origin)
    }
}

impl fmt::Display for TreeOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { round, partition, generation } = self;
        write!(f, "{round}/{partition}/{generation}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_that_of_the_tree_and_read_only_as_it_is_written() {
        let text = "scrutin/7b1f/tea/2/1/1790000000000";
        let origin = TreeOrigin::parse(text).unwrap();
        assert_eq!(origin.tree(4).origin(), text);
        assert_eq!(TreeOrigin::of(&origin.tree(4)), origin);
        let bad = [
            "",
            "scrutin/7b1f/tea/2/1",
            "scrutin/7b1f/tea/02/1/0",
            "scrutin/7b1f/tea/2/+1/0",
            "scrutin//tea/2/1/0",
            "scrutin/7 b/tea/2/1/0",
            "scrutin/7b1f/Tea/2/1/0",
            "scrutin/7b\u{1b}f/tea/2/1/0",
            "scrutin/7b\u{9b}f/tea/2/1/0",
            "other/7b1f/tea/2/1/0",
            "scrutin/7b1f/tea/2/65536/0",
        ];
        assert!(bad.iter().all(|bad| TreeOrigin::parse(bad).is_none()));
    }
}
