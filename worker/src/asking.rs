//! Calls of log and ledger: a limit on every wait, and what each failure means to a teller.

use std::{future::Future, time::Duration};

use domain::Unavailable;

use crate::health::TellerHealth;

/// The longest wait for an answer. The adapters have shorter limits; this one keeps a teller from hanging if an adapter
/// fails to keep its own.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
/// The same for the content of a new log, which may name millions of voters.
pub(crate) const LONG_PATIENCE: Duration = Duration::from_mins(15);

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
    patience: Duration,
    what: &'static str,
    question: impl Future<Output = Result<T, Unavailable>>,
) -> Result<T, StopReason> {
    let answer = within(patience, what, question).await.map_err(StopReason::Ledger)?;
    health.ledger_answered();
    Ok(answer)
}

/// Calls the log, and notes that it answered.
pub(crate) async fn ask_log<T>(
    health: &TellerHealth,
    patience: Duration,
    what: &'static str,
    question: impl Future<Output = Result<T, Unavailable>>,
) -> Result<T, StopReason> {
    let answer = within(patience, what, question).await.map_err(|error| match error {
        Unavailable::NotAttached => StopReason::Moved("another leader has claimed the log, or it was emptied"),
        error => StopReason::Log(error),
    })?;
    health.log_answered();
    Ok(answer)
}

/// The answer, if it arrives in time.
pub(crate) async fn within<T>(
    patience: Duration,
    what: &'static str,
    question: impl Future<Output = Result<T, Unavailable>>,
) -> Result<T, Unavailable> {
    let timeout = Unavailable::Timeout { what, after: patience };
    tokio::time::timeout(patience, question).await.unwrap_or(Err(timeout))
}
