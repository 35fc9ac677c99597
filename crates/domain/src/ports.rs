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

mod ballot_box;
mod ledger;
mod log;
mod scoreboard;
mod unavailable;

pub use ballot_box::{BallotBox, CastOutcome, ChangeOutcome};
pub use ledger::{ApplyOutcome, Gap, Ledger, Ledgers, LogState, ReplicationState};
pub use log::{Attachment, ClaimOutcome, Log, LogId, LogSeed, Page, PollSeed};
pub use scoreboard::{CurrentBallot, Inclusion, Movement, PendingMovement, Scoreboard};
pub use unavailable::Unavailable;
