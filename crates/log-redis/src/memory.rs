//! How much memory Redis has left for ballots. It is read every second and not for each ballot, because reading it
//! costs as much as casting.
//!
//! A full Redis refuses writes without any effect. We refuse ballots a little earlier, so that a worker that attaches
//! always has memory for its own writes. We also limit the voters stored for one poll, so that one poll cannot use up
//! the memory of the others.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use domain::Partition;
use redis::Value;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::{deadline::Deadline, link::Link};

/// How often memory is read.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The fraction of all memory that ballots leave free (1/32), and the upper limit of that reserve.
const RESERVE_PART: u64 = 32;
const MOST_RESERVE_BYTES: u64 = 32 << 20;
/// The fraction of all memory that the voters of one poll may use (1/2).
const POLL_PART: u64 = 2;
/// Bytes that Redis needs per voter of a poll without vote changes: measured, including the growing hash table.
const VOTER_BYTES: u64 = 104;

/// The last reading of the server of one partition.
#[derive(Debug)]
pub(crate) struct RedisMemory {
    partition: Partition,
    full: AtomicBool,
    most_voters: AtomicU64,
}

impl RedisMemory {
    /// Not read yet: nothing is refused.
    pub(crate) fn new(partition: Partition) -> Self {
        Self { partition, full: AtomicBool::default(), most_voters: AtomicU64::default() }
    }

    /// Whether ballots must be refused for lack of memory.
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// The most voters that may be stored for one poll; 0 for no limit.
    pub(crate) fn most_voters(&self) -> u64 {
        self.most_voters.load(Ordering::Relaxed)
    }

    /// Records the bytes used and the memory limit in bytes (0: no limit).
    fn note(&self, used: u64, all: u64) {
        let reserve = (all / RESERVE_PART).min(MOST_RESERVE_BYTES);
        let full = all > 0 && used > all - reserve;
        self.most_voters.store(all / POLL_PART / VOTER_BYTES, Ordering::Relaxed);
        match (self.full.swap(full, Ordering::Relaxed), full) {
            (false, true) => warn!(
                event = "log.full",
                partition = %self.partition,
                used.bytes = used,
                maxmemory.bytes = all,
                "Redis has no memory left for ballots; voters are told that their vote was not recorded; \
                 polls can still be closed, hidden and reset, and a reset frees memory; raise maxmemory, or shorten \
                 LOG_RETENTION"
            ),
            (true, false) => {
                let partition = self.partition;
                info!(event = "log.roomy", %partition, used.bytes = used, "Redis has memory for ballots again");
            }
            _ => {}
        }
    }

    /// Reads memory every [`LOOK_EVERY`] until the future is dropped. If Redis does not answer, the last reading is
    /// kept, except "full": the address may lead to another server by now, which reports for itself if it is full.
    pub(crate) async fn watch(&self, link: &Link) {
        loop {
            match look(link).await {
                Some((used, all)) => self.note(used, all),
                None => self.full.store(false, Ordering::Relaxed),
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

async fn look(link: &Link) -> Option<(u64, u64)> {
    let mut commands = redis::pipe();
    commands.cmd("INFO").arg("memory");
    let answers = link.send("looking at the memory", Deadline::usual(), &commands).await.ok()?;
    let info = match answers.first()? {
        Value::BulkString(text) => str::from_utf8(text).ok()?,
        Value::VerbatimString { text, .. } => text,
        _ => return None,
    };
    let figure = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    Some((figure("used_memory:")?, figure("maxmemory:")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ballots_leave_a_reserve_and_no_poll_takes_more_than_its_part() {
        let memory = RedisMemory::new(Partition::new(0));
        memory.note(1 << 40, 0);
        assert!(!memory.is_full() && memory.most_voters() == 0, "without a limit there is none");
        let all = 64 << 20;
        memory.note(all - (3 << 20), all);
        assert!(!memory.is_full());
        assert_eq!(memory.most_voters(), 322_638);
        memory.note(all - (1 << 20), all);
        assert!(memory.is_full());
        memory.note(0, all);
        assert!(!memory.is_full());
        memory.note(2, 1);
        assert!(memory.is_full());
    }
}
