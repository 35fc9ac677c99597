//! The result of a poll, as the sum of what its partitions have counted.
//!
//! Each partition has every poll, a share of the voters, and a row of its own for the poll in a ledger. Voters are in
//! one partition only, so shares that were read at different moments add up to a result that could have been.

use std::collections::BTreeMap;

use crate::{
    partition::{Partition, Partitions},
    poll::Poll,
    poll_id::PollId,
    position::Position,
    tally::{Heartbeat, VoteCounts},
};

/// What one partition has counted of a poll, at one moment: its row in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TallyShare {
    /// Which partition.
    pub partition: Partition,
    /// How many partitions the installation of that ledger has; one where the ledger does not say.
    pub partitions: Partitions,
    /// The poll, as of the last change that this partition has counted.
    pub poll: Poll,
    /// The round that is counted. After a gap it may be the one before the poll's own.
    pub round: u32,
    /// The figures: votes and voters of that round, ballots of all rounds.
    pub figures: VoteCounts,
    /// How far the partition is counted.
    pub position: Position,
    /// The last sign of life of its count.
    pub heartbeat: Heartbeat,
}

/// How far the count of one partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareProgress {
    /// Which partition.
    pub partition: Partition,
    /// How far it is counted.
    pub position: Position,
    /// The last sign of life of its count.
    pub heartbeat: Heartbeat,
}

/// What all partitions have counted of one poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The newest version of the poll that any partition has counted. Its results are hidden as long as they are in the
    /// version that any partition has.
    pub poll: Poll,
    /// The round that is counted: the newest that any partition counts.
    pub round: u32,
    /// The sum: votes and voters of that round, ballots of all rounds.
    pub figures: VoteCounts,
    /// How far each partition is, in their order, at least one; those that do not know the poll yet are left out.
    pub shares: Vec<ShareProgress>,
    /// How many partitions the installation has.
    pub partitions: Partitions,
    /// Whether every partition has counted the newest version, and so all its ballots that were cast before it.
    pub is_complete: bool,
}

impl Tally {
    /// The sums of these shares: one for each poll that has any, in the order of their ids.
    pub fn of_shares(shares: impl IntoIterator<Item = TallyShare>) -> Vec<Self> {
        let mut polls = BTreeMap::<PollId, Vec<TallyShare>>::new();
        for share in shares {
            polls.entry(share.poll.id()).or_default().push(share);
        }
        polls.into_values().filter_map(Self::of_poll).collect()
    }

    /// The sum of shares of one poll; `None` of no shares.
    fn of_poll(mut shares: Vec<TallyShare>) -> Option<Self> {
        // Of a partition that two ledgers have, what is counted further.
        shares.sort_unstable_by(|one, other| {
            one.partition.cmp(&other.partition).then_with(|| other.position.cmp(&one.position))
        });
        shares.dedup_by_key(|share| share.partition);
        let version = shares.iter().map(|share| share.poll.version()).max()?;
        let round = shares.iter().map(|share| share.round).max()?;
        let partitions = shares.iter().map(|share| share.partitions).max()?;
        let newest = shares.iter().find(|share| share.poll.version() == version)?.poll.clone();
        let is_hidden = shares.iter().any(|share| share.poll.is_hidden());
        let poll = if is_hidden { newest.with_hidden_results() } else { newest };
        let with_newest = shares.iter().filter(|share| share.poll.version() == version).count();
        Some(Self {
            round,
            figures: sum(&shares, round, poll.options().len()),
            is_complete: with_newest == shares.len() && with_newest >= usize::from(partitions.count()),
            shares: shares.iter().map(ShareProgress::of).collect(),
            partitions,
            poll,
        })
    }

    /// Whether the figures can't change any more: no partition takes ballots, and all that were taken are counted.
    /// Opening or resetting the poll begins again.
    pub fn is_final(&self) -> bool {
        self.is_complete && !self.poll.is_open()
    }

    /// The position up to which all partitions are counted: the least of theirs.
    pub fn position(&self) -> Position {
        self.shares.iter().map(|share| share.position).min().unwrap_or_default()
    }

    /// What the clock showed that decides when a countdown of this poll ends, when its shares were read: that of its
    /// home; `None` if its count has not noted it.
    pub fn log_millis_when_read(&self) -> Option<u64> {
        let home = self.partitions.home(self.poll.id());
        self.shares.iter().find(|share| share.partition == home)?.heartbeat.log_millis_when_read()
    }

    /// The oldest of the partitions' last signs of life.
    pub fn heartbeat(&self) -> Heartbeat {
        let heartbeats = self.shares.iter().map(|share| share.heartbeat);
        heartbeats.max_by_key(|heartbeat| heartbeat.age_millis).unwrap_or_default()
    }
}

impl ShareProgress {
    fn of(share: &TallyShare) -> Self {
        Self { partition: share.partition, position: share.position, heartbeat: share.heartbeat }
    }
}

/// Votes and voters of this round, ballots of all.
fn sum(shares: &[TallyShare], round: u32, options: usize) -> VoteCounts {
    let mut sum = VoteCounts::default();
    for share in shares {
        sum.add(&share.figures.of_round(share.round == round));
    }
    // A share that does not know the newest version may have other options, and has no votes for them.
    sum.votes.resize(options, 0);
    sum
}
