//! The acceptor's requests.

use domain::{Ballot, CastOutcome, ChangeOutcome, Poll, PollChange, PollId};

use crate::{count_queue::CountQueue, reply::Reply};

/// A request to the log. It is answered when its effect is on disk. A change of a poll is answered with `None` if
/// another program has the ledger locked; then nothing was done.
pub(crate) enum Request {
    Cast(CastRequest),
    Create(Box<Poll>, Reply<Option<ChangeOutcome>>),
    Change(PollId, PollChange, Reply<Option<ChangeOutcome>>),
}

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
