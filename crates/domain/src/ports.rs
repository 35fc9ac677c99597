//! The ports: what the services need of a log and a ledger, whoever keeps them.
//!
//! | port | asked by | kept by |
//! |---|---|---|
//! | [`BallotBox`] | `vote` | the Redis log; the SQLite ledger |
//! | [`Log`], [`Ledger`], [`Ledgers`] | `worker` | the Redis log; the PostgreSQL ledger |
//! | [`Scoreboard`] | `result` | the PostgreSQL ledger; the SQLite ledger |
//!
//! "Not found" is a value; an error is always [`Unavailable`]: the thing below did not do its work and
//! the caller can only say so and try again. Errors of drivers never cross a port.

mod log;

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    Audit, Ballot, ChangeRefused, Choices, Entry, Fingerprint, LedgerIdentity, Partition, Poll, PollChange, PollId,
    PollState, Position, Receipt, Rekey, SessionId, Tally, VoterId,
};
pub use log::{Attachment, Claimed, Log, LogId, LogSeed, Page, PollSeed};

/// The thing below did not answer as it should. Whether what was asked of it happened is **not known** only where
/// it was sent and got no answer; [`nothing_happened`](Self::nothing_happened) tells the two apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// Nothing was begun yet: no worker has set up the log. Nothing happened.
    #[error("the log has not begun yet")]
    NotBegun,
    /// The log is there, and no leading worker has made its server fit to take ballots since that started, was
    /// promoted, or lost something. Nothing happened.
    #[error("no worker has attached to the log yet")]
    NotAttached,
    /// The queue before it is full. Nothing happened.
    #[error("too much is waiting already")]
    Busy,
    /// What is below is not what it must be to be trusted, so nothing was asked of it. Nothing happened.
    #[error("{0}")]
    Untrusted(String),
    /// There is no room left for what was asked. Nothing happened.
    #[error("the log has no memory left for ballots")]
    Full,
    /// It was never sent, or certainly refused. Nothing happened.
    #[error("{what}: {reason}")]
    NotDone {
        /// What was asked.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// No answer in time.
    #[error("{what}: no answer within {} ms", after.as_millis())]
    Timeout {
        /// What was asked.
        what: &'static str,
        /// How long it was waited for.
        after: Duration,
    },
    /// It answered with an error, or the connection broke.
    #[error("{what}: {reason}")]
    Failed {
        /// What was asked.
        what: &'static str,
        /// The driver's words.
        reason: String,
    },
}

impl Unavailable {
    /// `what` failed for `reason`; for `map_err` at the edge of an adapter.
    pub fn failed(what: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Failed { what, reason: reason.to_string() }
    }

    /// `what` was not done, for certain, for `reason`.
    pub fn not_done(what: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::NotDone { what, reason: reason.to_string() }
    }

    /// The same where what failed only came before the thing that was to be done.
    #[must_use]
    pub fn before_anything(self) -> Self {
        if self.nothing_happened() { self } else { Self::not_done("nothing was done", self) }
    }

    /// Whether it is certain that nothing was done.
    pub fn nothing_happened(&self) -> bool {
        match self {
            Self::NotBegun
            | Self::NotAttached
            | Self::Busy
            | Self::Untrusted(_)
            | Self::Full
            | Self::NotDone { .. } => true,
            Self::Timeout { .. } | Self::Failed { .. } => false,
        }
    }
}

/// The log's answer to a ballot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cast {
    /// The ballot is on the log's disk, and will be counted exactly once.
    Recorded(Position),
    /// The poll allows no change, and this voter's ballot stands here already.
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
pub enum Change {
    /// Done, and on the log's disk; this is the poll now.
    Done(Poll),
    /// A new poll was not created: there is one with this id.
    Exists,
    /// There is no such poll.
    UnknownPoll,
    /// The rules of polls forbid it.
    Refused(ChangeRefused),
}

/// Where `vote` puts ballots, and asks what polls there are.
///
/// Each call answers within about two seconds, with [`Unavailable`] if need be.
#[async_trait]
pub trait BallotBox: Send + Sync {
    /// Casts one ballot. Whether the poll is open is decided in the same atomic step that appends.
    ///
    /// So is whether the poll is still of this `revision`: the one that its voter was shown, by whose rules the caller
    /// has checked the choices ([`Poll::check`]) and told who the voter is.
    async fn cast(&self, ballot: Ballot, revision: u32) -> Result<Cast, Unavailable>;

    /// The poll as it is now.
    async fn poll(&self, id: PollId) -> Result<Option<Poll>, Unavailable>;

    /// All polls, by id.
    async fn polls(&self) -> Result<Vec<Poll>, Unavailable>;

    /// Creates a poll; [`Change::Exists`] if the id is taken.
    async fn create(&self, poll: Poll) -> Result<Change, Unavailable>;

    /// Changes a poll.
    async fn change(&self, id: PollId, change: PollChange) -> Result<Change, Unavailable>;

    /// Notes, for every instance, that a session of the organiser was ended that would have lasted so long.
    async fn end_session(&self, session: SessionId, lasting: Duration) -> Result<(), Unavailable>;

    /// Whether that was noted.
    async fn has_ended(&self, session: SessionId) -> Result<bool, Unavailable>;

    /// How many ballots of this poll the log has accepted, over all rounds; 0 for an unknown poll.
    async fn accepted(&self, id: PollId) -> Result<u64, Unavailable>;

    /// Whether ballots can be taken now.
    async fn ready(&self) -> Result<(), Unavailable>;
}

/// Whether a receipt's ballot is counted. Never what it chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inclusion {
    /// It is the voter's ballot that counts.
    Counted,
    /// It is in the ledger, and a later ballot of the same voter counts instead.
    Replaced,
    /// It is in the ledger, and the poll was reset after it.
    PastRound,
    /// The ledger has not come to its place in the log yet.
    Waiting,
    /// The ledger is past its place and does not hold it. For a receipt that was issued this is a loss,
    /// and the ledger's gaps say of what.
    Missing,
}

/// A ballot that counts at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurrentBallot {
    /// Whose.
    pub voter: VoterId,
    /// Its place in the log.
    pub position: Position,
    /// What it chooses.
    pub choices: Choices,
}

/// Which tallies may have moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Movement {
    /// These.
    Polls(Vec<PollId>),
    /// Any of them: notifications were missed, or can't be had at present.
    Any,
}

/// Where `result` reads.
#[async_trait]
pub trait Scoreboard: Send + Sync {
    /// The tallies of these polls, read at one moment; unknown polls are left out.
    /// The cost grows with the options of the polls asked for, never with the ballots.
    async fn tallies(&self, polls: &[PollId]) -> Result<Vec<Tally>, Unavailable>;

    /// The ids of the polls in the public list that are open, by id; at most 1,000.
    async fn listed(&self) -> Result<Vec<PollId>, Unavailable>;

    /// Whether the receipt's ballot is counted.
    async fn inclusion(&self, poll: PollId, receipt: &Receipt) -> Result<Inclusion, Unavailable>;

    /// When the count came to this place in the log of the poll's partition, to the second, in milliseconds since 1970 by
    /// the ledger's clock. `None` if it has not come there, or did before the ledger kept the time.
    async fn counted_at(&self, poll: PollId, position: Position) -> Result<Option<u64>, Unavailable>;

    /// The ballots that count at present, at most `limit`, in order of voters, those after `after` only.
    async fn ballots(
        &self,
        poll: PollId,
        after: Option<VoterId>,
        limit: u32,
    ) -> Result<Vec<CurrentBallot>, Unavailable>;

    /// Counts every poll again from its ballots, at one moment.
    async fn audit(&self) -> Result<Audit, Unavailable>;

    /// Waits until tallies may have moved since the last call. One caller at a time.
    ///
    /// While notifications can't be had it returns [`Movement::Any`] every second, so it never fails.
    async fn moved(&self) -> Movement;

    /// Whether the ledger answers.
    async fn ready(&self) -> Result<(), Unavailable>;
}

/// How far a ledger is with one partition of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogState {
    /// Which incarnation it read last; `None` before the very first.
    pub log: Option<LogId>,
    /// Everything up to here is counted.
    pub position: Position,
    /// How many ballots the ledger holds of all polls of this partition.
    pub counted: u64,
    /// How many entries were set aside.
    pub set_aside: u64,
    /// How many ballots are known to be missing, over all gaps.
    pub missing: u64,
}

impl LogState {
    /// How many of the ballots that the log has accepted the ledger accounts for.
    pub fn accounted(&self) -> u64 {
        self.counted + self.uncounted()
    }

    /// How many of these will never be counted.
    pub fn uncounted(&self) -> u64 {
        self.set_aside + self.missing
    }
}

/// A part of the log that the ledger could not count, or not all of it: after `after`, up to and including `through`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// In which partition.
    pub partition: Partition,
    /// The last position before it that is counted.
    pub after: Position,
    /// The last position that is missing.
    pub through: Position,
    /// How many ballots are known to be missing, at least; `None` where that shows once all behind it is counted.
    pub ballots: Option<u64>,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The ledger's position now.
    pub position: Position,
    /// Ballots counted.
    pub ballots: u64,
    /// Entries set aside.
    pub rejected: u64,
}

/// The ledger of one partition, for its only writer. It is held by whoever has this value: the lock
/// lives on the connection that writes, so a writer that lost the one has lost the other.
///
/// After any error the value is spent; get a new one from [`Ledgers::lead`].
#[async_trait]
pub trait Ledger: Send {
    /// Which installation it belongs to; `None` before it was written, as in a ledger of 0.1.0.
    async fn identity(&mut self) -> Result<Option<LedgerIdentity>, Unavailable>;

    /// Writes which installation it belongs to, and where its log is. An installation that it belongs to already
    /// stands, and so does a fingerprint that is known.
    async fn install(&mut self, identity: &LedgerIdentity) -> Result<(), Unavailable>;

    /// Each poll, and in which partition it stands.
    async fn homes(&mut self) -> Result<Vec<(PollId, Partition)>, Unavailable>;

    /// How far it is.
    async fn state(&mut self) -> Result<LogState, Unavailable>;

    /// Makes sure that a first poll exists: writes `poll` if the ledger holds no poll with its id.
    async fn found(&mut self, poll: &Poll) -> Result<(), Unavailable>;

    /// What a new log must know.
    async fn seed(&mut self) -> Result<LogSeed, Unavailable>;

    /// How many ballots it holds of each poll.
    async fn counts(&mut self) -> Result<Vec<(PollId, u64)>, Unavailable>;

    /// Notes which log is read from now on. With a gap, notes the gap, moves the position behind it if the gap begins
    /// there, and takes in `polls` (as the log has them) where the ledger does not know them. A gap with a number of
    /// ballots is not noted beside one without: it says how many are missing there.
    async fn attach(&mut self, log: &LogId, gap: Option<Gap>, polls: &[Poll]) -> Result<(), Unavailable>;

    /// Counts a batch and moves the position, in one transaction. Entries at or below the ledger's
    /// position are passed over, so a batch may be offered again after an error.
    async fn apply(&mut self, entries: Vec<Entry>) -> Result<Applied, Unavailable>;

    /// Notes that the count works: the log was just read, and all that was read before is committed. Whoever reads a
    /// tally sees how long ago that was ([`Tally::heartbeat`]). To be called every second or so.
    async fn heartbeat(&mut self) -> Result<(), Unavailable>;

    /// How far its own writing is, and that of its standbys.
    async fn replicated(&mut self) -> Result<Replicated, Unavailable>;
}

/// How far a ledger is written, in units of its own that only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replicated {
    /// Everything that was committed is at or below this.
    pub written: u64,
    /// Everything up to here stands in each of its standbys too; `None` where it shows none.
    pub standbys: Option<u64>,
}

/// Where a worker applies to be a partition's only writer.
#[async_trait]
pub trait Ledgers: Send + Sync {
    /// Takes the lead of the partition; `None` while another has it.
    async fn lead(&self, partition: Partition) -> Result<Option<Box<dyn Ledger>>, Unavailable>;

    /// Gives the ledger's installation another key, if all its polls are closed, or by `force`.
    async fn rekey(&self, fingerprint: &Fingerprint, force: bool) -> Result<Rekey, Unavailable>;
}
