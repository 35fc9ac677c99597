//! The port of the log, as the worker that leads a partition sees it.

use std::time::Duration;

use async_trait::async_trait;

use super::{log_seed::LogSeed, log_state::LogState, poll_copies::PollCopy, unavailable::Unavailable};
use crate::{
    entry::Entry,
    event::Event,
    installation::{Fingerprint, Installation, LogIdentity},
    log_id::LogId,
    poll::Poll,
    poll_id::PollId,
    position::Position,
};

/// A log that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Which incarnation it is.
    pub id: LogId,
    /// Nothing at or below this position can be read from it any more.
    pub trimmed: Position,
    /// The last position it has given out; the next is later. `None` where all entries are lost, and that with them.
    pub last: Option<Position>,
    /// Ballots it has accepted, over all polls; what [`LogState::accounted`] must come to, once nothing is left to
    /// read.
    pub accepted: u64,
    /// Whether an entry after the ledger's position is left to read.
    pub unread: bool,
    /// What its clock shows, in milliseconds since 1970.
    pub now_millis: u64,
}

/// A log as its leader finds it, when it has claimed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimOutcome {
    /// The log, if one has begun.
    pub log: Option<Attachment>,
    /// What its clock shows, in milliseconds since 1970.
    pub now_millis: u64,
    /// Nobody else was attached to it since this leader was.
    pub uninterrupted: bool,
    /// A leader was attached to this very server before, and it did not start again since.
    pub same_server: bool,
    /// Its server was a replica of the one that a leader was attached to, and was promoted since: it may lack the last
    /// that was acknowledged there, unless each acknowledgement waited for its replicas.
    pub promoted: bool,
}

/// Some entries of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Whether this leader was attached still when they were read.
    pub attached: bool,
    /// Ballots that the log had accepted then, those in `entries` among them.
    pub accepted: u64,
    /// In order of positions.
    pub entries: Vec<Entry>,
}

/// One partition of the log, as the worker that leads it sees it.
///
/// A leader attaches in this order: [`claim`](Self::claim), then what has to be put right, then [`open`](Self::open).
/// In between the log takes no ballots. Each step may be done again, and one that another leader has claimed the log
/// from answers [`Unavailable::NotAttached`].
///
/// Each call returns within about two seconds, [`read`](Self::read) that long after its `wait`; and those that write
/// what the ledger knows ([`begin`](Self::begin), [`renew`](Self::renew), [`settle`](Self::settle)) take that long at
/// most for each of their steps, of which there may be thousands.
#[async_trait]
pub trait Log: Send {
    /// Where it is, without user and password.
    fn address(&self) -> String;

    /// Over how many addresses the partitions are spread; it belongs to the installation.
    fn addresses(&self) -> u16 {
        1
    }

    /// Which installation it belongs to. Nothing is changed by looking.
    async fn identity(&mut self) -> Result<LogIdentity, Unavailable>;

    /// Writes which installation it belongs to, unless it belongs to another. A known fingerprint stays.
    async fn install(&mut self, installation: &Installation) -> Result<(), Unavailable>;

    /// Gives the installation that it belongs to another key.
    async fn rekey(&mut self, fingerprint: &Fingerprint) -> Result<(), Unavailable>;

    /// Takes the log for the leader of this name, also from another leader. `state` is that of its ledger.
    async fn claim(&mut self, leader: &str, state: &LogState) -> Result<ClaimOutcome, Unavailable>;

    /// Begins a log where none is; returns its id.
    async fn begin(&mut self, seed: LogSeed) -> Result<LogId, Unavailable>;

    /// Writes the ledger's polls, how many ballots it holds of each, and their voters, over what the log has of these
    /// polls: it has lost entries that the ledger has counted. So it does with the ledger's events, where the log has
    /// no newer version.
    async fn renew(&mut self, seed: LogSeed) -> Result<(), Unavailable>;

    /// Takes over polls from other partitions, in place of older versions or of none. Only before
    /// [`open`](Self::open).
    async fn adopt(&mut self, copies: &[PollCopy]) -> Result<(), Unavailable>;

    /// Makes the log give out only positions after `above` from now on.
    async fn raise(&mut self, above: Position) -> Result<(), Unavailable>;

    /// Writes how many ballots were accepted: of each poll as many as the ledger holds (`ballots`), and `others` that
    /// never will be counted. Only before [`open`](Self::open), and where nothing is left to read.
    async fn settle(&mut self, ballots: &[(PollId, u64)], others: u64) -> Result<(), Unavailable>;

    /// Adds so many ballots to those that were accepted and will never be counted: the log has lost them, and says no
    /// more that it had accepted them.
    async fn add_lost(&mut self, ballots: u64) -> Result<(), Unavailable>;

    /// Lets the log take ballots; from here on this leader is attached.
    async fn open(&mut self) -> Result<(), Unavailable>;

    /// The log, while this leader is attached to the server that it claimed, for a ledger that has counted up to here.
    async fn look(&mut self, counted_through: Position) -> Result<Option<Attachment>, Unavailable>;

    /// About `limit` entries after `after`, or fewer; waits up to `wait` if there are none. Ballots that were cast
    /// together come together, so it may be more; and `after` must be where a page ended, or where the log says that it
    /// begins or ends.
    async fn read(&mut self, after: Position, limit: usize, wait: Duration) -> Result<Page, Unavailable>;

    /// Forgets all entries up to here.
    async fn trim(&mut self, through: Position) -> Result<(), Unavailable>;

    /// All polls that the log knows, as they are now.
    async fn polls(&mut self) -> Result<Vec<Poll>, Unavailable>;

    /// All events that the log knows, as they are now.
    async fn events(&mut self) -> Result<Vec<Event>, Unavailable>;

    /// All polls with the stored bytes.
    async fn copies(&mut self) -> Result<Vec<PollCopy>, Unavailable>;

    /// How many ballots this partition's log has accepted, over all polls.
    async fn accepted(&mut self) -> Result<u64, Unavailable>;
}
