//! The acceptor's requests.

use domain::{
    Ballot, CastOutcome, ChangeOutcome, CountdownEnd, Event, EventChange, EventId, EventOutcome, Poll, PollChange,
    PollId,
};

use crate::{count_queue::CountQueue, reply::Reply};

/// A request to the log. It is answered when its effect is on disk. A change of a poll or an event is answered with
/// `None` if another program has the ledger locked; then nothing was done.
pub(crate) enum Request {
    Cast(CastRequest),
    Create(Box<Poll>, Reply<Option<ChangeOutcome>>),
    Change(PollId, PollChange, Reply<Option<ChangeOutcome>>),
    /// Only if the poll is of this version.
    ChangeSeen(PollId, u64, PollChange, Reply<Option<Result<ChangeOutcome, OtherVersion>>>),
    /// If its countdown has ended.
    CloseInTime(PollId, Reply<Option<CountdownEnd>>),
    CreateEvent(Box<Event>, Reply<Option<EventOutcome>>),
    /// If the caller saw a version, only that one.
    ChangeEvent(EventId, Option<u64>, EventChange, Reply<Option<EventOutcome>>),
}

/// The poll is of another version than the one that was seen; nothing was done.
pub(crate) struct OtherVersion;

/// A ballot, and the revision of its poll that the voter was shown.
pub(crate) struct CastRequest {
    pub(crate) ballot: Ballot,
    pub(crate) revision: u32,
    pub(crate) answer: Reply<CastOutcome>,
}

/// Other work on the ledger, in its own transactions. All earlier ballots are counted first.
pub(crate) type OtherWork = Box<dyn FnOnce(&CountQueue) + Send>;

/// An element of the acceptor's queue.
pub(crate) enum Job {
    Request(Request),
    Work(OtherWork),
}
