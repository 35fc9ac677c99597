//! The figures of a poll, and their check by recount.

use std::collections::BTreeMap;

use crate::{gap::Gap, partition::Partition, poll::Poll, poll_id::PollId, tree::TreeRecount};

/// The numbers of one poll.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VoteCounts {
    /// Votes by option, as many as the poll has options.
    pub votes: Vec<u64>,
    /// Turnout: how many voters have a ballot that counts.
    pub voters: u64,
    /// Ballots of this poll in the ledger, over all rounds and changed votes.
    pub ballots: u64,
}

/// When the count of a partition last showed that it works: it had read the log, and committed to the ledger.
///
/// It comes every second or so, also where nothing is to be counted; see
/// [`Ledger::heartbeat`](crate::Ledger::heartbeat).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heartbeat {
    /// When that was, in milliseconds by the ledger's clock; good for comparing with another of the same ledger.
    pub at_millis: i64,
    /// How long ago that was when it was read, by the same clock. Negative if the clock was set back since.
    pub age_millis: i64,
    /// What the log's clock showed at that moment, in milliseconds since 1970; `None` if it was not noted.
    pub log_millis: Option<u64>,
}

impl Heartbeat {
    /// What the log's clock showed when the heartbeat was read. The reader's own clock has no part in it.
    pub fn log_millis_when_read(&self) -> Option<u64> {
        Some(self.log_millis?.saturating_add_signed(self.age_millis))
    }
}

impl VoteCounts {
    /// Adds the figures of other voters. Where one of both has more options than the other, all are kept.
    pub fn add(&mut self, other: &Self) {
        self.votes.resize(self.votes.len().max(other.votes.len()), 0);
        self.votes.iter_mut().zip(&other.votes).for_each(|(votes, more)| *votes += more);
        self.voters += other.voters;
        self.ballots += other.ballots;
    }

    /// What of a partition's figures adds to those of the present round: of another round only the ballots.
    pub(crate) fn of_round(&self, is_present: bool) -> Self {
        if is_present { self.clone() } else { Self { ballots: self.ballots, ..Self::default() } }
    }
}

/// One partition's figures of a poll as kept and as counted again from the ballots, of the same moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recount {
    /// Which poll.
    pub poll: PollId,
    /// Which partition.
    pub partition: Partition,
    /// The round whose votes and voters these are.
    pub round: u32,
    /// The figures that were kept up with each batch; what the screens show.
    pub kept: VoteCounts,
    /// The figures counted again from all ballots.
    pub recounted: VoteCounts,
}

impl Recount {
    /// Whether both are the same.
    pub fn agrees(&self) -> bool {
        self.kept == self.recounted
    }
}

/// What a ledger keeps of a poll beside its record, so that queries can select by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollColumns {
    /// Its id.
    pub id: String,
    /// The word for its state.
    pub state: String,
    /// Whether the public list has it while it is open.
    pub listed: bool,
    /// Its version.
    pub version: u64,
    /// The round that is counted.
    pub round: u32,
}

impl PollColumns {
    /// Whether these are of this record. The round may be the one before, or 0 as an earlier release wrote it: behind a
    /// gap the log may still have the reset that began the record's round.
    pub fn are_of(&self, poll: &Poll) -> bool {
        let rounds = [poll.round(), poll.first_round_after_gap(), 0];
        self.id == poll.id().as_str()
            && self.state == poll.state().as_str()
            && (self.listed, self.version) == (poll.listed(), poll.version())
            && rounds.contains(&self.round)
    }
}

/// All of a poll's figures: those of its partitions, and their sums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollRecount {
    /// Which poll.
    pub poll: PollId,
    /// The sum of what the partitions keep: votes and voters of the newest round, ballots of all.
    pub kept: VoteCounts,
    /// The same sum of what was counted again.
    pub recounted: VoteCounts,
    /// The partitions, in order.
    pub partitions: Vec<Recount>,
}

impl PollRecount {
    fn new(poll: PollId, partitions: Vec<Recount>) -> Self {
        let newest = partitions.iter().map(|recount| recount.round).max();
        let (mut kept, mut recounted) = (VoteCounts::default(), VoteCounts::default());
        for recount in &partitions {
            let is_present = Some(recount.round) == newest;
            kept.add(&recount.kept.of_round(is_present));
            recounted.add(&recount.recounted.of_round(is_present));
        }
        Self { poll, kept, recounted, partitions }
    }

    /// Whether every partition's figures are the same; that the sums are is not enough.
    pub fn agrees(&self) -> bool {
        self.partitions.iter().all(Recount::agrees)
    }
}

/// The whole ledger counted again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Every partition's figures of every poll, by poll and partition.
    pub recounts: Vec<Recount>,
    /// The newest generation of each round's tree, counted again, by poll, partition and round.
    pub trees: Vec<TreeRecount>,
    /// What the ledger knows it could not count.
    pub gaps: Vec<Gap>,
    /// Entries that were set aside because they could not be counted.
    pub rejected: u64,
}

impl Audit {
    /// Every poll, by id.
    pub fn polls(&self) -> Vec<PollRecount> {
        let mut polls = BTreeMap::<PollId, Vec<Recount>>::new();
        for recount in &self.recounts {
            polls.entry(recount.poll).or_default().push(recount.clone());
        }
        polls.into_iter().map(|(poll, partitions)| PollRecount::new(poll, partitions)).collect()
    }

    /// Whether all kept figures and trees are those that were counted again.
    pub fn agrees(&self) -> bool {
        self.recounts.iter().all(Recount::agrees) && self.trees.iter().all(|tree| tree.faults.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recount(partition: u16, round: u32, kept: [u64; 2], recounted: [u64; 2]) -> Recount {
        let figures = |votes: [u64; 2]| VoteCounts { votes: votes.to_vec(), voters: votes.iter().sum(), ballots: 9 };
        let partition = Partition::new(partition);
        Recount { poll: PollId::MAIN, partition, round, kept: figures(kept), recounted: figures(recounted) }
    }

    #[test]
    fn errors_that_cancel_each_other_are_found() {
        let recounts = vec![recount(0, 1, [2, 1], [1, 1]), recount(1, 1, [1, 3], [2, 3])];
        let audit = Audit { recounts, ..Audit::default() };
        let [poll] = &audit.polls()[..] else { panic!("{audit:?}") };
        assert_eq!(poll.kept, poll.recounted);
        assert!(!poll.agrees() && !audit.agrees());
    }

    #[test]
    fn only_the_newest_round_adds_votes_and_voters() {
        let recounts = vec![recount(0, 1, [2, 1], [2, 1]), recount(1, 2, [1, 3], [1, 3])];
        let polls = Audit { recounts, ..Audit::default() }.polls();
        assert_eq!(polls[0].kept, VoteCounts { votes: vec![1, 3], voters: 4, ballots: 18 });
        assert!(polls[0].agrees());
    }
}
