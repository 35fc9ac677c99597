//! The port of `result`: what the ledger says of polls and receipts.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{tree_reader::TreeReader, unavailable::Unavailable};
use crate::{
    choices::Choices,
    event::Event,
    event_id::EventId,
    partition::{Partition, Partitions},
    poll_id::PollId,
    position::Position,
    receipt::Receipt,
    share::{Tally, TallyShare},
    tally::Audit,
    voter::VoterId,
};

/// Whether a receipt's ballot is counted. Never what it chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inclusion {
    /// It is the voter's ballot that counts.
    Counted,
    /// It is in the ledger, and a later ballot of the same voter counts instead.
    Replaced,
    /// It is in the ledger, and the poll was reset after it.
    PastRound,
    /// Its position is not counted yet.
    NotCountedYet,
    /// Its position is counted, and the ledger does not have it. For a receipt that was issued this is a loss, which
    /// the ledger's gaps explain.
    Missing,
}

impl Inclusion {
    /// Of a ballot that the ledger holds at `position`. The present round began at `since`; `is_replaced` where the
    /// voter has a later ballot.
    pub fn of_held(position: Position, since: Position, is_replaced: bool) -> Self {
        match is_replaced {
            _ if position <= since => Self::PastRound,
            true => Self::Replaced,
            false => Self::Counted,
        }
    }

    /// Of a ballot that the ledger does not hold, where everything up to `counted_through` is counted.
    pub fn of_absent(position: Position, counted_through: Position) -> Self {
        if position <= counted_through { Self::Missing } else { Self::NotCountedYet }
    }
}

/// A ballot that counts at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurrentBallot {
    /// Whose.
    pub voter: VoterId,
    /// Its position in the log.
    pub position: Position,
    /// What it chooses.
    pub choices: Choices,
}

/// What a reader may have to read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Movement {
    /// These.
    These {
        /// Polls whose tallies moved, by id.
        polls: Vec<PollId>,
        /// Events that changed, by id.
        events: Vec<EventId>,
    },
    /// Any of them: notifications were missed, or can't be had at present.
    Any,
}

/// Movements since the last call of [`Scoreboard::moved`], joined into one.
#[derive(Debug, Default)]
pub struct PendingMovement {
    polls: BTreeSet<PollId>,
    events: BTreeSet<EventId>,
    is_any: bool,
}

impl PendingMovement {
    /// The most polls and events that are kept; with more, any may have moved.
    pub const MAX_KEPT: usize = 1_000;

    /// Adds a movement.
    pub fn add(&mut self, movement: Movement) {
        match movement {
            Movement::These { polls, events } => {
                self.polls.extend(polls);
                self.events.extend(events);
            }
            Movement::Any => self.is_any = true,
        }
        if self.is_any || self.polls.len() + self.events.len() > Self::MAX_KEPT {
            *self = Self { is_any: true, ..Self::default() };
        }
    }

    /// All that was added since the last call; `None` if that is nothing.
    pub fn take(&mut self) -> Option<Movement> {
        let Self { polls, events, is_any } = std::mem::take(self);
        match polls.is_empty() && events.is_empty() {
            _ if is_any => Some(Movement::Any),
            true => None,
            false => Some(Movement::These { polls: polls.into_iter().collect(), events: events.into_iter().collect() }),
        }
    }
}

/// Where `result` reads.
///
/// Each call has a time limit, after which it returns [`Unavailable`]: 5 s, but for [`ballots`](Self::ballots) (15 s),
/// [`audit`](Self::audit) (an hour) and [`moved`](Self::moved) (none). Callers add none of their own.
#[async_trait]
pub trait Scoreboard: TreeReader {
    /// What each partition has counted of these polls, of one moment for each ledger; unknown polls are left out.
    /// The cost grows with the options of the polls asked for and the partitions, never with the ballots.
    async fn shares(&self, polls: &[PollId]) -> Result<Vec<TallyShare>, Unavailable>;

    /// The tallies of these polls: the sums of their shares, by id.
    async fn tallies(&self, polls: &[PollId]) -> Result<Vec<Tally>, Unavailable> {
        Ok(Tally::of_shares(self.shares(polls).await?))
    }

    /// How many partitions the installation has; one before a worker wrote it.
    async fn partitions(&self) -> Result<Partitions, Unavailable>;

    /// The ids of the polls in the public list that are open, by id; at most 1,000. While partitions have different
    /// versions of a poll there may be one that the newest version takes out.
    async fn listed(&self) -> Result<Vec<PollId>, Unavailable>;

    /// The event as it is now.
    async fn event(&self, id: EventId) -> Result<Option<Event>, Unavailable>;

    /// All events, by id; at most 1,000.
    async fn events(&self) -> Result<Vec<Event>, Unavailable>;

    /// Whether the receipt's ballot is counted, whose voter belongs to this partition.
    async fn inclusion(&self, partition: Partition, poll: PollId, receipt: &Receipt) -> Result<Inclusion, Unavailable>;

    /// When this position in the log of a partition was counted: to the second, in milliseconds since 1970, by the
    /// ledger's clock. `None` if it is not counted yet, or was before the ledger kept the time.
    async fn counted_at(&self, partition: Partition, position: Position) -> Result<Option<u64>, Unavailable>;

    /// The ballots that count in this round ([`Tally::round`]), at most `limit`, in order of voters, only those after
    /// `after`. None of a partition that counts another round.
    async fn ballots(
        &self,
        poll: PollId,
        round: u32,
        after: Option<VoterId>,
        limit: u32,
    ) -> Result<Vec<CurrentBallot>, Unavailable>;

    /// Counts every poll again from its ballots, at one moment.
    async fn audit(&self) -> Result<Audit, Unavailable>;

    /// Waits until tallies or events may have moved since the last call. One caller at a time.
    ///
    /// While notifications can't be had it returns [`Movement::Any`] every second, so it never fails.
    async fn moved(&self) -> Movement;

    /// Whether the ledger answers.
    async fn ready(&self) -> Result<(), Unavailable>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polls(count: usize) -> Vec<PollId> {
        (0..count).map(|number| PollId::parse(&format!("poll-{number:04}")).unwrap()).collect()
    }

    fn these(polls: Vec<PollId>, events: Vec<EventId>) -> Movement {
        Movement::These { polls, events }
    }

    #[test]
    fn movements_are_joined_until_they_are_taken() {
        let mut pending = PendingMovement::default();
        let [one, two]: [PollId; 2] = polls(2).try_into().unwrap();
        let event = EventId::parse("evening").unwrap();
        pending.add(these(vec![two, one], vec![]));
        pending.add(these(vec![two], vec![event]));
        assert_eq!(pending.take(), Some(these(vec![one, two], vec![event])));
        assert_eq!(pending.take(), None);
        pending.add(these(vec![], vec![event]));
        assert_eq!(pending.take(), Some(these(vec![], vec![event])));
        assert_eq!(pending.take(), None);
        pending.add(Movement::Any);
        pending.add(these(vec![one], vec![]));
        assert_eq!(pending.take(), Some(Movement::Any));
        assert_eq!(pending.take(), None);
    }

    #[test]
    fn with_too_many_polls_any_may_have_moved() {
        let mut pending = PendingMovement::default();
        pending.add(these(polls(PendingMovement::MAX_KEPT), vec![]));
        assert_eq!(pending.take(), Some(these(polls(PendingMovement::MAX_KEPT), vec![])));
        pending.add(these(polls(PendingMovement::MAX_KEPT), vec![EventId::parse("evening").unwrap()]));
        assert_eq!(pending.take(), Some(Movement::Any));
    }

    #[test]
    fn a_receipt_says_what_became_of_its_ballot() {
        let at = |millis| Position::new(millis, 0).unwrap();
        assert_eq!(Inclusion::of_held(at(5), at(4), false), Inclusion::Counted);
        assert_eq!(Inclusion::of_held(at(5), at(4), true), Inclusion::Replaced);
        assert_eq!(Inclusion::of_held(at(5), at(5), false), Inclusion::PastRound);
        assert_eq!(Inclusion::of_held(at(5), at(5), true), Inclusion::PastRound);
        assert_eq!(Inclusion::of_absent(at(5), at(4)), Inclusion::NotCountedYet);
        assert_eq!(Inclusion::of_absent(at(5), at(5)), Inclusion::Missing);
    }
}
