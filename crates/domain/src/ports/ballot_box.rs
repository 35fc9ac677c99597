//! The port of `vote`: ballots and changes of polls go into the log.

use std::time::Duration;

use async_trait::async_trait;

use super::{event_box::EventBox, unavailable::Unavailable};
use crate::{
    entry::Ballot,
    installation::InstallationId,
    poll::{ChangeRefused, Poll, PollChange, PollState},
    poll_id::PollId,
    position::Position,
    session::SessionId,
};

/// The log's answer to a ballot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CastOutcome {
    /// Acknowledged, and will be counted exactly once. It is on the log's disk; with the durability `replicas:N` on
    /// those of N replicas, too; with `unchecked` wherever the server keeps it.
    Recorded(Position),
    /// Votes can't be changed in this poll, and this is the position of the voter's ballot.
    AlreadyCast(Position),
    /// The poll takes no ballots.
    NotOpen(PollState),
    /// There is no such poll.
    UnknownPoll,
    /// The poll was rewritten since the caller looked at it, and may ask something else by now.
    Rewritten,
}

/// The log's answer to a change of a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeOutcome {
    /// Done, and as durable as a recorded ballot; this is the poll now. No partition takes a ballot by what was before.
    Done(Poll),
    /// Decided, and durable at the poll's home; but not every partition could be told yet. It will be, and until
    /// then that partition may take ballots by what was before.
    Underway(Poll),
    /// A new poll was not created: there is one with this id.
    Exists,
    /// There is no such poll.
    UnknownPoll,
    /// The rules of polls forbid it.
    Refused(ChangeRefused),
}

/// Where `vote` puts ballots, and asks what polls there are.
///
/// Each call answers within about two seconds, with [`Unavailable`] if need be. With several partitions a rewrite of an
/// open poll takes up to four times as long: it is closed in all of them, rewritten, and opened again.
#[async_trait]
pub trait BallotBox: EventBox {
    /// Casts one ballot. Whether the poll is open is decided in the same atomic step that appends.
    ///
    /// So is whether the poll is still of this `revision`: the one that its voter was shown, by whose rules the caller
    /// has checked the choices ([`Poll::check`]) and identified the voter.
    async fn cast(&self, ballot: Ballot, revision: u32) -> Result<CastOutcome, Unavailable>;

    /// The poll as it is now; where its home can't be asked, as another partition has it. A poll whose countdown has
    /// ended is closed, also if the log does not say so yet.
    async fn poll(&self, id: PollId) -> Result<Option<Poll>, Unavailable>;

    /// All polls, by id, with the same of countdowns.
    async fn polls(&self) -> Result<Vec<Poll>, Unavailable>;

    /// What the clock shows that decides when a countdown of this poll ends, in milliseconds since 1970: as the log's
    /// last answer said, and the time since. It may be behind by as long as that answer took. Our own clock before the
    /// first answer.
    fn log_millis(&self, poll: PollId) -> u64;

    /// Creates a poll; [`ChangeOutcome::Exists`] if the id is taken.
    async fn create(&self, poll: Poll) -> Result<ChangeOutcome, Unavailable>;

    /// Changes a poll.
    async fn change(&self, id: PollId, change: PollChange) -> Result<ChangeOutcome, Unavailable>;

    /// Changes a poll if its home has it in this version; else `None`, and nothing was done. Not for
    /// [`PollChange::Rewrite`] and [`PollChange::Correct`], which take several steps.
    async fn change_seen(
        &self,
        id: PollId,
        version: u64,
        change: PollChange,
    ) -> Result<Option<ChangeOutcome>, Unavailable>;

    /// Notes, for every instance, that a session of the organiser was ended that would have lasted so long.
    async fn end_session(&self, session: SessionId, lasting: Duration) -> Result<(), Unavailable>;

    /// Whether that was noted.
    async fn has_ended(&self, session: SessionId) -> Result<bool, Unavailable>;

    /// How many ballots of this poll the log has accepted, over all rounds; 0 for an unknown poll.
    async fn accepted(&self, id: PollId) -> Result<u64, Unavailable>;

    /// Which installation the log belongs to; `None` before its worker has written that.
    async fn installation(&self) -> Result<Option<InstallationId>, Unavailable>;

    /// Whether ballots can be taken now, of some voters at least.
    async fn ready(&self) -> Result<(), Unavailable>;
}
