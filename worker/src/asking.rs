//! Calls of log and ledger: what each answer and each failure means to a teller.
//!
//! There is no limit on a wait here: each call of a port answers within the time that the port states. If an adapter
//! broke that promise, its teller would count nothing more. That shows: `/readyz` names the partition after 10 s
//! ([`crate::Health`]), and screens say since when the scores stand still, because no heartbeat comes.

use std::future::Future;

use domain::Unavailable;

use crate::health::TellerHealth;

/// Why a teller stopped counting.
#[derive(Debug)]
pub(crate) enum StopReason {
    /// The process ends.
    Shutdown,
    /// The ledger failed: its value can't be used again, and the lead is lost.
    Ledger(Unavailable),
    /// The log failed. The lead is kept.
    Log(Unavailable),
    /// Log, ledger and settings don't belong together; the reason was logged. The lead is released.
    Refused,
    /// Log or ledger changed since they were attached; attach them again. The lead is kept.
    Moved(&'static str),
}

/// Calls the ledger, and notes that it answered. After an error its value can't be used again.
pub(crate) async fn ask_ledger<T>(
    health: &TellerHealth,
    question: impl Future<Output = Result<T, Unavailable>>,
) -> Result<T, StopReason> {
    let answer = question.await.map_err(StopReason::Ledger)?;
    health.ledger_answered();
    Ok(answer)
}

/// Calls the log, and notes that it answered.
pub(crate) async fn ask_log<T>(
    health: &TellerHealth,
    question: impl Future<Output = Result<T, Unavailable>>,
) -> Result<T, StopReason> {
    let answer = question.await.map_err(|error| match error {
        Unavailable::NotAttached => StopReason::Moved("another leader has claimed the log, or it was emptied"),
        error => StopReason::Log(error),
    })?;
    health.log_answered();
    Ok(answer)
}
