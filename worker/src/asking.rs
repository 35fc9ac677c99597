//! Asking the log and the ledger: a limit on every wait, and what each failure means to a teller.

use std::{future::Future, time::Duration};

use domain::Unavailable;

use crate::health::TellerHealth;

/// No answer is waited for longer. The adapters have limits of their own, which are shorter; this one makes sure
/// that a teller never hangs, whatever an adapter does.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
/// The same for all that a new log must know, which may be about millions of voters.
pub(crate) const LONG_PATIENCE: Duration = Duration::from_mins(15);

/// Why a teller stopped counting.
#[derive(Debug)]
pub(crate) enum StopReason {
    /// The process ends.
    Shutdown,
    /// The ledger failed: its value is spent, and the lead with it.
    Ledger(Unavailable),
    /// The log failed. The lead is kept.
    Log(Unavailable),
    /// Log and ledger don't belong together, or not to this worker's settings; it was told why. The lead is given up.
    Refused,
    /// Log or ledger are not where they were when they were attached; attach them again. The lead is kept.
    Moved(&'static str),
}

/// Asks the ledger, and notes that it answered. After an error its value is spent.
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

/// Asks the log, and notes that it answered.
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

/// The answer, if it comes in time.
pub(crate) async fn within<T>(
    patience: Duration,
    what: &'static str,
    question: impl Future<Output = Result<T, Unavailable>>,
) -> Result<T, Unavailable> {
    let timeout = Unavailable::Timeout { what, after: patience };
    tokio::time::timeout(patience, question).await.unwrap_or(Err(timeout))
}
