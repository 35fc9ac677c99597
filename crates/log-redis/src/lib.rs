//! The log on Redis: every ballot that was accepted, in order, until it is counted and a while longer.
//!
//! # The model
//!
//! A log has partitions; each poll belongs to one. In a partition there is one stream, `{scrutin:p}:log`, and
//! whatever happens is one entry of it: a ballot was cast, or a poll was created or changed. What an
//! entry looks like is the affair of `wire`, the names of all keys are in `keys`. An entry's place, its
//! [`Position`](domain::Position), is made of its stream id; ids only grow, over the end of a log too.
//!
//! **Who writes.** `vote`, through [`RedisBallotBox`], and only through scripts, each one atomic step. `cast`
//! looks at the poll in `{scrutin:p}:polls`, adds the ballots if it is open, and counts them in
//! `{scrutin:p}:accepted`. A change of a poll is prepared outside and written with its entry only if the
//! poll still is what it was. Where a poll allows no change of a ballot, `{scrutin:p}:voters:POLL` knows who voted.
//!
//! **Who reads.** The one worker that leads the partition, through [`RedisLog`], from the position that its ledger
//! holds. There is no consumer group: what was read is known where it was counted, and nowhere else.
//! It also trims, never beyond what is counted, and notes in `{scrutin:p}:trimmed` up to where.
//!
//! **Attaching.** A server that was started, restored or promoted is a stranger: it may have lost what the ledger has
//! counted. The leading worker claims the log, which takes no ballots from then on; puts right what the ledger knows
//! better; and writes `{scrutin:p}:attached` at the very end. Every script that `vote` runs compares that value
//! (`fence.rs`), and answers "not attached" ([`Unavailable::NotAttached`](domain::Unavailable::NotAttached)) otherwise.
//! The leader's own scripts compare it too, so one that lost the lead writes no more.
//!
//! **Beginning.** A log exists once `{scrutin:p}:incarnation` does. Only the leader that has claimed it begins one,
//! where none is: it writes the polls, the counts and the voters that the ledger holds, lifts the stream's last id
//! above the ledger's position, and writes a fresh random id last. Until then, and again after Redis has lost
//! everything, calls answer "not begun" ([`Unavailable::NotBegun`](domain::Unavailable::NotBegun)).
//!
//! **What is promised.** An answer from a script that wrote is given after its effects are on Redis' disk. Whether
//! Redis runs as that needs (`appendonly yes`, `appendfsync always`, `noeviction`) is looked at on each new connection
//! and every second (`fitness`, `durability`), and nothing is sent to one that does not. No answer in time, or an
//! error, means that the outcome is not known. Redis 6.2 or later is needed (`XTRIM MINID`, RESP3).

mod ballot_box;
mod beginning;
mod casting;
mod durability;
mod fence;
mod fitness;
#[cfg(fuzzing)]
pub mod fuzzing;
mod installation;
mod keys;
mod link;
mod membership;
mod memory;
mod reader;
mod scripts;
mod url;
mod watch;
mod wire;

pub use ballot_box::RedisBallotBox;
pub use reader::RedisLog;
pub use url::{RedisUrl, RedisUrlError};
pub use watch::ServerWatch;
