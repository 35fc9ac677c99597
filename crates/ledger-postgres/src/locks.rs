//! The advisory locks. They are of one database, and live as long as the connection that took them, so they hold
//! neither through a pooler that shares connections between transactions, nor beyond a worker's death.

/// The class (first key) of all of Scrutin's locks: `SCRU` in ASCII.
pub(crate) const CLASS: i32 = 0x5343_5255;
/// The second key of the lock around migrations. Partitions take their own number, from 0.
pub(crate) const MIGRATIONS: i32 = -1;

/// Waits for a lock.
pub(crate) const LOCK: &str = "SELECT pg_advisory_lock($1::integer, $2::integer)";
/// Takes a lock if it is free.
pub(crate) const TRY_LOCK: &str = "SELECT pg_try_advisory_lock($1::integer, $2::integer)";
/// Gives a lock back.
pub(crate) const UNLOCK: &str = "SELECT pg_advisory_unlock($1::integer, $2::integer)";
