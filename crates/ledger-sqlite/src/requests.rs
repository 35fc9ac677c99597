//! What the acceptor is asked to do.

use domain::{Ballot, CastOutcome, ChangeOutcome, Poll, PollChange, PollId};

use crate::{count_queue::CountQueue, reply::Reply};

/// A request of the log. It is answered when its effect is on the disk. A change of a poll is answered with `None`
/// where another program has the ledger locked; then nothing was done.
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

/// Other work on the ledger, in transactions of its own. All ballots before it are counted first.
pub(crate) type OtherWork = Box<dyn FnOnce(&CountQueue) + Send>;

/// What the acceptor's queue holds.
pub(crate) enum Job {
    Request(Request),
    Work(OtherWork),
}
