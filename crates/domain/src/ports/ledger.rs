//! The port of the ledger, as the worker that leads a partition sees it.

use async_trait::async_trait;

use super::{log_seed::LogSeed, log_state::LogState, tree_reader::CarriedTree, unavailable::Unavailable};

use crate::{
    entry::Entry,
    event::Event,
    gap::Gap,
    installation::{Fingerprint, LedgerIdentity, RekeyOutcome},
    log_id::LogId,
    partition::Partition,
    poll::Poll,
    poll_id::PollId,
    position::Position,
    tree::TreeId,
};

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplyOutcome {
    /// The ledger's position now.
    pub position: Position,
    /// Ballots counted.
    pub ballots: u64,
    /// Entries set aside.
    pub rejected: u64,
}

/// The ledger of one partition, for its only writer. This value holds the lead: the lock belongs to the connection that
/// writes, so a writer that lost the one has lost the other.
///
/// After any error every further call fails; get a new value from [`Ledgers::lead`]. Each call returns within a minute,
/// [`seed`](Self::seed) within ten, [`grow_trees`](Self::grow_trees) and [`restore_trees`](Self::restore_trees) within
/// an hour, with [`Unavailable`] where it is not done by then.
#[async_trait]
pub trait Ledger: Send {
    /// Which installation it belongs to; `None` before it was written, as in a ledger of 0.1.0.
    async fn identity(&mut self) -> Result<Option<LedgerIdentity>, Unavailable>;

    /// Writes which installation it belongs to, and where its log is. An installation and a fingerprint that
    /// are known stay.
    async fn install(&mut self, identity: &LedgerIdentity) -> Result<(), Unavailable>;

    /// The partitions whose logs were counted into it, in order; not those of an import.
    async fn counted_partitions(&mut self) -> Result<Vec<Partition>, Unavailable>;

    /// How far it is.
    async fn state(&mut self) -> Result<LogState, Unavailable>;

    /// Makes sure that a first poll exists: writes `poll` if the ledger holds no poll with its id.
    async fn ensure_first_poll(&mut self, poll: &Poll) -> Result<(), Unavailable>;

    /// What a new log must know.
    async fn seed(&mut self) -> Result<LogSeed, Unavailable>;

    /// How many ballots it holds of each poll.
    async fn counts(&mut self) -> Result<Vec<(PollId, u64)>, Unavailable>;

    /// Notes which log is read from now on. With a gap: notes the gap, moves the position to its end if it begins at
    /// the position, adds those of `polls` (as the log has them) that the ledger does not know, and takes over those of
    /// `events` of which it has no newer version. Trees of rounds that the gap touches begin anew, in the generation of
    /// the gap's end: those of polls that are open, or that the log has in another version. A gap with a number of
    /// ballots fills in the number of the newest gap without one.
    async fn attach(
        &mut self,
        log: &LogId,
        gap: Option<Gap>,
        polls: &[Poll],
        events: &[Event],
    ) -> Result<(), Unavailable>;

    /// Builds the trees of present rounds that are not there yet: of a ledger of an earlier release, and after a gap.
    /// To be called once attached, before anything is counted; takes up to an hour where millions of ballots are to be
    /// read. A ledger that belongs to no installation grows no trees.
    async fn grow_trees(&mut self) -> Result<(), Unavailable>;

    /// Makes trees of an imported log as they were where it is from: of this partition's, whose ballots are all
    /// counted. Takes up to an hour. Returns those that are not as they were at the closes of their polls.
    async fn restore_trees(&mut self, trees: Vec<CarriedTree>) -> Result<Vec<TreeId>, Unavailable>;

    /// Counts a batch and moves the position, in one transaction. Entries up to the ledger's position are skipped, so
    /// the same batch may be applied again after an error.
    async fn apply(&mut self, entries: Vec<Entry>) -> Result<ApplyOutcome, Unavailable>;

    /// Notes that the count works: the log was just read, and all that was read before is committed. A reader of a
    /// tally sees how long ago that was ([`Tally::heartbeat`](crate::Tally::heartbeat)). To be called every second or
    /// so. `log_millis` is what the log's clock showed, in milliseconds since 1970: readers learn by it how much time a
    /// countdown has left.
    async fn heartbeat(&mut self, log_millis: u64) -> Result<(), Unavailable>;

    /// How far its own writing is, and that of its standbys.
    async fn replicated(&mut self) -> Result<ReplicationState, Unavailable>;
}

/// How far a ledger is written, in units of its own that only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplicationState {
    /// Everything that was committed is at or below this.
    pub written: u64,
    /// Everything up to here is in each of its standbys too; `None` where it has none, or does not say.
    pub standbys: Option<u64>,
}

/// Where a worker asks to be a partition's only writer. Each call returns within a minute.
#[async_trait]
pub trait Ledgers: Send + Sync {
    /// Takes the lead of the partition; `None` while another has it.
    async fn lead(&self, partition: Partition) -> Result<Option<Box<dyn Ledger>>, Unavailable>;

    /// Gives the ledger's installation another key, if all its polls are closed, or by `force`.
    async fn rekey(&self, fingerprint: &Fingerprint, force: bool) -> Result<RekeyOutcome, Unavailable>;
}
