//! The worker: takes ballots from the log and counts them into the ledger.
//!
//! For each partition of the log one *teller* runs here. It applies for the lead of its partition,
//! attaches the ledger to the log, and counts page after page, for as long as it holds the lead. Several
//! workers may run side by side: of each partition one teller counts, and the others stand by.
//!
//! # Why every acknowledged ballot is counted exactly once
//!
//! 1. The ledger commits a batch and its new position in one transaction, and passes over entries at or
//!    below its position. So an entry can be offered twice and is counted once.
//! 2. What is read is what follows the ledger's own position, as the ledger last gave it, or what follows
//!    the last entry of the batch that is being applied. So nothing is left out between two batches.
//! 3. A page that was read ahead is applied only if the batch before it was applied. After any error of the
//!    ledger, or if the log is no longer the one the ledger is attached to, it is thrown away, and the
//!    teller begins again from the position that the ledger holds. Nothing is read ahead across that.
//! 4. Only the holder of the lead writes: the lock lives on the connection that writes (see [`domain::Ledger`]), and
//!    the log takes from a leader only what carries its mark (see [`domain::Log`]).
//! 5. The log takes ballots only from a server that a leader has attached to since it started, so that no ballot gets a
//!    position which the ledger has passed.
//!
//! What can't be counted (the log lost its storage, or the ledger is older than the log reaches back) is
//! said in the log and in the metrics, and a gap is noted in the ledger; it is never passed over in silence.
//!
//! This library knows the log and the ledger only as the ports of [`domain`]; `main.rs` names the adapters.
//!
//! May import: `domain`, `program`.

mod account;
mod asking;
mod attach;
mod counting;
mod findings;
mod health;
mod history;
mod identity;
mod lag;
mod moving;
mod retention;
mod rules;
pub mod settings;
mod teller;
mod worker_metrics;

use std::sync::Arc;

use domain::{Ledgers, Log, Partition};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use health::Health;
pub use moving::{MoveError, begin, rekey};
pub use rules::{Rules, jitter};

/// Counts until `shutdown` is cancelled; then every teller finishes the batch in hand, gives up its lead, and
/// this returns.
///
/// `open_log` makes the teller's own view of a partition of the log. Neither log nor ledger needs to be there:
/// whatever is away is waited for.
///
/// # Panics
/// If a teller panics, which is a bug: the others are stopped where they are, so that the process ends and
/// is started again rather than counting some partitions only. Whatever they had not committed is counted later.
pub async fn run(
    rules: Rules,
    ledgers: Arc<dyn Ledgers>,
    open_log: impl Fn(Partition) -> Box<dyn Log>,
    health: Health,
    shutdown: CancellationToken,
) {
    let rules = Arc::new(rules);
    let mut tellers = JoinSet::new();
    for partition in rules.partitions.all() {
        let health = health.of(partition);
        let log = open_log(partition);
        let teller = teller::Teller::new(partition, rules.clone(), ledgers.clone(), log, health, shutdown.clone());
        tellers.spawn(teller.run());
    }
    while let Some(ended) = tellers.join_next().await {
        if let Err(error) = ended
            && let Ok(panic) = error.try_into_panic()
        {
            std::panic::resume_unwind(panic);
        }
    }
}
