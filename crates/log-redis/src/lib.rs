//! The log on Redis: every accepted ballot, in order, until it is counted and for `LOG_RETENTION` after.
//!
//! # The model
//!
//! A log has partitions, over which voters are spread; each has a copy of every poll (`copies`). A partition has one
//! stream, `{scrutin:p}:log`. An entry holds the ballots of one call, or a poll that was created or changed. `wire`
//! defines the format, `keys` the names of all keys. An entry's [`Position`](domain::Position) is derived from its
//! stream id. Ids only grow, even from one incarnation of a log to the next.
//!
//! **Writers.** `vote` writes through [`RedisBallotBox`], and only through scripts, each one atomic step. `cast` reads
//! the poll in `{scrutin:p}:polls`, appends the ballots if the poll is open, and adds their number to
//! `{scrutin:p}:accepted`. A change of a poll is prepared outside, and written with its entry only if the poll is still
//! the one that was read. For polls that do not allow vote changes, `{scrutin:p}:voters:POLL` holds who voted.
//!
//! **Reader.** The one worker that leads the partition reads through [`RedisLog`], from its ledger's position on. There
//! is no consumer group: only the ledger knows what was read. The worker also trims the stream, never beyond what is
//! counted, and records how far in `{scrutin:p}:trimmed`.
//!
//! **Attaching.** A server that was started, restored or promoted may have lost entries that the ledger has counted.
//! The leading worker claims the log, which then accepts no ballots, repairs it from the ledger, and writes
//! `{scrutin:p}:attached` last. Every script that `vote` runs compares that value (`fence`), and replies "not attached"
//! ([`Unavailable::NotAttached`](domain::Unavailable::NotAttached)) if it differs. The leader's own scripts compare it
//! too, so a former leader cannot write.
//!
//! **Beginning.** A log exists once `{scrutin:p}:incarnation` exists. Only the leader that has claimed it creates it:
//! the leader writes the polls, counts and voters of the ledger, raises the stream's last id above the ledger's
//! position, and writes a new random id last. Before that, and after Redis has lost everything, calls return "not
//! begun" ([`Unavailable::NotBegun`](domain::Unavailable::NotBegun)).
//!
//! **Countdowns.** A poll may say at which moment it closes by itself. `cast` compares that with `TIME` of its server,
//! in the step that appends. Whoever reads a poll gets `TIME` with it, and sees the poll closed from that moment on.
//! The leader of the poll's home writes the close ([`close_in_time`](domain::PollCopies::close_in_time)): what it
//! writes is what everybody has seen already.
//!
//! **Where a partition is.** `addresses` says it (`REDIS_URL`): a server, a master behind Sentinels, or the owner of
//! the partition's slot in a Redis Cluster. `resolver` finds who takes writes now, `dial` and `tls` connect, and a
//! `link` keeps one connection for one partition, and makes it again when it is lost or leads elsewhere.
//!
//! **The promise.** A script that writes replies after its effects are on Redis' disk. This needs a Redis with
//! `appendonly yes`, `appendfsync always` and `noeviction`. The settings are checked on each new connection and every
//! second (`fitness`, `durability`), and nothing is sent to a Redis with other settings. After a timeout or an error
//! the outcome is unknown. Redis 6.2 or later is needed (`XTRIM MINID`, RESP3).
//!
//! May import: `domain`.

mod address;
mod addresses;
mod answers;
mod ballot_box;
mod beginning;
mod calls;
mod cast_queue;
mod confirmation;
mod connection;
mod copies;
mod deadline;
mod dial;
mod durability;
mod event_box;
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
mod poll_copies;
mod reader;
mod resolver;
mod rewriting;
mod scripts;
mod server_clock;
mod slot;
mod tls;
mod watch;
mod wire;

pub use addresses::{RedisAddressError, RedisAddresses};
pub use ballot_box::RedisBallotBox;
pub use poll_copies::RedisPollCopies;
pub use reader::RedisLog;
pub use watch::ServerWatch;
