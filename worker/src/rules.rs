//! The operator's settings that apply to all partitions.

use std::time::Duration;

use domain::{Durability, Partitions, Poll};

/// The rules that all tellers of a worker share.
#[derive(Clone, Debug)]
pub struct Rules {
    /// How many partitions the log has; one teller is started for each.
    pub partitions: Partitions,
    /// What an acknowledgement rests on.
    pub durability: Durability,
    /// The poll that is created on the very first start, in the partition to which it belongs.
    pub first_poll: Poll,
    /// How long the log keeps entries after they are counted.
    pub log_retention: Duration,
    /// About how many entries are counted in one transaction.
    pub batch_entries: usize,
    /// Makes a pause up to a quarter longer, so that workers that stopped for the same reason don't retry at the same
    /// time. A field, so that tests can replace the random part.
    pub jitter: fn(Duration) -> Duration,
}

/// Returns `pause`, randomly lengthened by up to a quarter; for [`Rules::jitter`].
pub fn jitter(pause: Duration) -> Duration {
    let [chance] = program::random_bytes::<1>();
    pause + pause / 4 * u32::from(chance) / u32::from(u8::MAX)
}
