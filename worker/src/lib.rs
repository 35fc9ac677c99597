//! The worker: takes ballots from the log and counts them into the ledger.
//!
//! A worker runs one *teller* for each partition of the log. The teller tries to become the leader of its partition.
//! While it leads, it attaches the ledger to the log and counts page after page. Several workers may run at the same
//! time: one teller counts each partition, and the others stand by.
//!
//! # Why every acknowledged ballot is counted exactly once
//!
//! 1. The ledger commits a batch and its new position in one transaction, and skips entries at or below its position.
//!    So an entry can be offered twice and is counted once.
//! 2. The teller reads the entries after the position that the ledger last returned, or after the last entry of the
//!    batch that is being applied. So no entry between two batches is skipped.
//! 3. A page that was read ahead is applied only if the batch before it was applied. After any error of the ledger, or
//!    if the log is no longer the one to which the ledger is attached, the teller discards the page and starts again
//!    from the position in the ledger. It does not keep any page across that.
//! 4. Only the leader writes. The lock belongs to the connection that writes (see [`domain::Ledger`]), and the log
//!    accepts writes of a leader only if they carry its mark (see [`domain::Log`]).
//! 5. The log accepts ballots only if a leader has attached to its server since that server started. So no ballot gets
//!    a position that the ledger has already passed.
//!
//! If entries can't be counted (the log lost its storage, or the log no longer reaches back to the position of the
//! ledger), the worker logs it, counts it in its metrics, and records a gap in the ledger. It never skips entries
//! silently.
//!
//! This library uses the log and the ledger only through the ports of [`domain`]; `main.rs` chooses the adapters.
//!
//! May import: `domain`, `program`.

mod account;
mod asking;
mod attach;
mod batch_pace;
mod clocks;
mod closer;
mod copies;
mod counting;
mod findings;
mod health;
mod history;
mod identity;
mod lag;
mod log_view;
mod loss_report;
mod moving;
mod outage_report;

mod retention;
mod rules;
pub mod settings;
mod spreader;
mod teller;
mod teller_parts;
mod worker_metrics;

use std::sync::Arc;

use domain::{Ledgers, Log, Partition, PollCopies};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use teller::Teller;
use teller_parts::TellerParts;

pub use health::Health;
pub use moving::{MoveError, begin, rekey};
pub use rules::{Rules, jitter};

/// Counts until `shutdown` is cancelled. Then every teller finishes its current batch and releases its lead, and this
/// function returns.
///
/// `open_log` creates the log of one partition for its teller; through `copies` the tellers keep the copies of polls in
/// all partitions equal. The log and the ledger may be unavailable: the tellers wait for them.
///
/// # Panics
/// If a teller panics, which is a bug. The other tellers are stopped too, so that the process ends and is started again
/// instead of counting only some partitions. Ballots that they had not committed are counted later.
pub async fn run(
    rules: Rules,
    ledgers: Arc<dyn Ledgers>,
    open_log: impl Fn(Partition) -> Box<dyn Log>,
    copies: Arc<dyn PollCopies>,
    health: Health,
    shutdown: CancellationToken,
) {
    let rules = Arc::new(rules);
    let mut tellers = JoinSet::new();
    for partition in rules.partitions.all() {
        let health = health.of(partition);
        let log = open_log(partition);
        let parts = TellerParts::new(partition, rules.clone(), log, copies.clone(), health, shutdown.clone());
        tellers.spawn(Teller::new(ledgers.clone(), parts).run());
    }
    while let Some(ended) = tellers.join_next().await {
        if let Err(error) = ended
            && let Ok(panic) = error.try_into_panic()
        {
            std::panic::resume_unwind(panic);
        }
    }
}
