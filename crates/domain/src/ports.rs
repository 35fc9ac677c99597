//! The ports: what the services need of a log and a ledger, whatever stores them.
//!
//! | port | used by | implemented by |
//! |---|---|---|
//! | [`BallotBox`], [`EventBox`] | `vote` | the Redis log; the SQLite ledger |
//! | [`Log`] | `worker` | the Redis log |
//! | [`PollCopies`] | `worker` | the Redis log |
//! | [`Ledger`], [`Ledgers`] | `worker` | the PostgreSQL ledger; the SQLite ledger |
//! | [`Scoreboard`], [`TreeReader`] | `result` | the PostgreSQL ledger; the SQLite ledger |
//!
//! "Not found" is a value. An error is always [`Unavailable`]: the operation was not done, or its outcome is unknown,
//! and the caller can only say so and try again. Errors of drivers never cross a port. Each port states its limits.
//!
//! May import: `choices`, `entry`, `event`, `event_id`, `gap`, `installation`, `log_id`, `partition`, `poll`,
//! `poll_id`, `position`, `receipt`, `session`, `share`, `tally`, `tree`, `voter`.

mod ballot_box;
mod event_box;
mod ledger;
mod log;
mod log_seed;
mod log_state;
mod poll_copies;
mod scoreboard;
mod tree_reader;
mod unavailable;

pub use ballot_box::{BallotBox, CastOutcome, ChangeOutcome};
pub use event_box::{EventBox, EventOutcome};
pub use ledger::{ApplyOutcome, Ledger, Ledgers, ReplicationState};
pub use log::{Attachment, ClaimOutcome, Log, Page};
pub use log_seed::{LogSeed, PollSeed};
pub use log_state::LogState;
pub use poll_copies::{CountdownEnd, HeldPolls, PollCopies, PollCopy};
pub use scoreboard::{CurrentBallot, Inclusion, Movement, PendingMovement, Scoreboard};
pub use tree_reader::{CarriedTree, HeldLeaf, HeldTree, LeafPlace, PublishedBallots, TreeKey, TreeReader};
pub use unavailable::Unavailable;
