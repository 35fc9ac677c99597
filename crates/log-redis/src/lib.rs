//! The log on Redis: every accepted ballot, in order, until it is counted and for `LOG_RETENTION` after.
//!
//! # The model
//!
//! A log has partitions; each poll belongs to one. A partition has one stream, `{scrutin:p}:log`. Its entries are the
//! ballots of one call, or a poll that was created or changed. `wire` has their format, `keys` the names of all keys.
//! An entry's [`Position`](domain::Position) is made of its stream id. Ids only grow, also over the end of a log.
//!
//! **Writers.** `vote`, through [`RedisBallotBox`], and only through scripts, each one atomic step. `cast` reads the
//! poll in `{scrutin:p}:polls`, appends the ballots if it is open, and adds their number to `{scrutin:p}:accepted`. A
//! change of a poll is prepared outside, and written with its entry only if the poll is still the one that was read.
//! For polls in which votes can't be changed, `{scrutin:p}:voters:POLL` holds who voted.
//!
//! **Reader.** The one worker that leads the partition, through [`RedisLog`], from the position of its ledger. There is
//! no consumer group: only the ledger knows what was read. The worker also trims the stream, never beyond what is
//! counted, and writes up to where in `{scrutin:p}:trimmed`.
//!
//! **Attaching.** A server that was started, restored or promoted may have lost entries that the ledger has counted.
//! The leading worker claims the log, which takes no ballots from then on; repairs it from the ledger; and writes
//! `{scrutin:p}:attached` last. Every script that `vote` runs compares that value (`fence`), and answers "not attached"
//! ([`Unavailable::NotAttached`](domain::Unavailable::NotAttached)) if it differs. The leader's own scripts compare it
//! too, so a leader that lost the lead can't write.
//!
//! **Beginning.** A log exists once `{scrutin:p}:incarnation` does. Only the leader that has claimed it begins one: it
//! writes the polls, counts and voters of the ledger, raises the stream's last id above the ledger's position, and
//! writes a new random id last. Before that, and after Redis has lost everything, calls answer "not begun"
//! ([`Unavailable::NotBegun`](domain::Unavailable::NotBegun)).
//!
//! **The promise.** A script that wrote answers after its effects are on Redis' disk. Whether Redis is set up for that
//! (`appendonly yes`, `appendfsync always`, `noeviction`) is checked on each new connection and every second
//! (`fitness`, `durability`), and nothing is sent to a Redis that is not. No answer in time, or an error, means that
//! the outcome is unknown. Redis 6.2 or later is needed (`XTRIM MINID`, RESP3).
//!
//! May import: `domain`.

mod answers;
mod ballot_box;
mod beginning;
mod calls;
mod cast_queue;
mod connection;
mod deadline;
mod durability;
mod fence;
mod fitness;
#[cfg(fuzzing)]
pub mod fuzzing;
mod installation;
mod installation_record;
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
