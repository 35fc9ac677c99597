//! The commands `worker begin` and `worker rekey`. They change the installation that log and ledger record.

use std::time::Duration;

use domain::{
    Fingerprint, Installation, InstallationId, Ledger, LedgerIdentity, Ledgers, Log, LogIdentity, Partition,
    Partitions, PollState, RekeyOutcome, Unavailable,
};

/// Number of attempts to take the lead. A worker that refuses its installation takes it briefly.
const LEAD_ATTEMPTS: u32 = 20;
const LEAD_PAUSE: Duration = Duration::from_millis(500);

/// Why a command was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// The log or the ledger failed.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// Another process leads this partition.
    #[error("another process counts partition {0}: stop the workers first")]
    Led(Partition),
    /// The log belongs to another installation.
    #[error("the log at {address} belongs to the installation {id}, {todo}")]
    Foreign {
        /// The address of the log.
        address: String,
        /// The installation to which the log belongs.
        id: InstallationId,
        /// What the operator can do.
        todo: &'static str,
    },
    /// The log was written by an older release, and does not record its installation.
    #[error("there is a log of an older release at {0}: to count it into this ledger, add --adopt")]
    OlderLog(String),
    /// A poll is open: with a new key its voters could vote again.
    #[error("a poll is open, in which whoever has voted could vote once more: close all polls first, or add --force")]
    PollsOpen,
    /// No worker has recorded an installation in this ledger yet.
    #[error("the ledger belongs to no installation yet: there is no key to change; start a worker first")]
    NoInstallation,
}

/// Records the address of `logs` in each database of the ledger; the first `databases` partitions are each in another
/// one. With `adopt` the ledger takes the log that is there, also one of an older release. Returns the address.
///
/// # Panics
/// If `logs` is empty: an installation has at least one partition.
pub async fn begin(
    ledgers: &dyn Ledgers,
    databases: u16,
    logs: &mut [Box<dyn Log>],
    partitions: Partitions,
    adopt: bool,
) -> Result<String, MoveError> {
    let mut leaders = Vec::new();
    for number in 0..databases {
        leaders.push(lead(ledgers, Partition::new(number)).await?);
    }
    let (address, addresses) = (logs[0].address(), logs[0].addresses());
    let mut found = Vec::new();
    for log in logs.iter_mut() {
        found.push(log.identity().await?);
    }
    let in_log = found.iter().find_map(|found| found.installation.as_ref()).map(|(in_log, _)| in_log.clone());
    let mut known = None;
    for ledger in &mut leaders {
        let of_ledger = ledger.identity().await?.map(|known| known.installation);
        if let Some(in_log) = &in_log {
            refuse_foreign(of_ledger.as_ref(), in_log, adopt, &address)?;
        }
        known = known.or(of_ledger);
    }
    let new = || {
        let id = InstallationId::new(program::random_text::<16>());
        Installation { addresses, ..Installation::new(id, partitions) }
    };
    let installation = known.or(in_log).unwrap_or_else(new);
    let older = |found: &LogIdentity| found.installation.is_none() && found.begun.is_some();
    if found.iter().any(older) && !adopt {
        return Err(MoveError::OlderLog(address));
    }
    let identity = LedgerIdentity::new(installation.clone(), address.clone());
    for ledger in &mut leaders {
        ledger.install(&identity).await?;
    }
    for (log, found) in logs.iter_mut().zip(&found) {
        if older(found) {
            log.install(&installation).await?;
        }
    }
    Ok(address)
}

/// Refuses a log that does not belong to a ledger; one that belongs to none takes it only with `adopt`.
fn refuse_foreign(
    ledger: Option<&Installation>,
    in_log: &Installation,
    adopt: bool,
    address: &str,
) -> Result<(), MoveError> {
    let todo = match ledger {
        Some(known) if known.id != in_log.id => {
            "and this ledger to another. If that log is not needed any more, empty its Redis first"
        }
        None if !adopt => {
            "and this ledger to none. If it is empty and shall take the place of one that is lost, add --adopt; if \
             that log is not needed any more, empty its Redis first"
        }
        _ => return Ok(()),
    };
    Err(MoveError::Foreign { address: address.to_owned(), id: in_log.id.clone(), todo })
}

/// Stores the fingerprint of the new key in the ledger, and in each partition whose log has been begun. With `force`
/// also while polls are open.
pub async fn rekey(
    ledgers: &dyn Ledgers,
    logs: &mut [Box<dyn Log>],
    key: &Fingerprint,
    force: bool,
) -> Result<(), MoveError> {
    for log in logs.iter_mut() {
        let polls = match log.polls().await {
            Ok(polls) => polls,
            // `ledgers.rekey` checks the polls of the ledger.
            Err(Unavailable::NotBegun) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        if !force && polls.iter().any(|poll| poll.state() == PollState::Open) {
            return Err(MoveError::PollsOpen);
        }
    }
    match ledgers.rekey(key, force).await? {
        RekeyOutcome::Done => {}
        RekeyOutcome::PollsOpen => return Err(MoveError::PollsOpen),
        RekeyOutcome::NoInstallation => return Err(MoveError::NoInstallation),
    }
    for log in logs {
        match log.rekey(key).await {
            // If there is no log, the worker copies the fingerprint from the ledger when it begins one.
            Ok(()) | Err(Unavailable::NotBegun) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

async fn lead(ledgers: &dyn Ledgers, partition: Partition) -> Result<Box<dyn Ledger>, MoveError> {
    for _ in 0..LEAD_ATTEMPTS {
        if let Some(ledger) = ledgers.lead(partition).await? {
            return Ok(ledger);
        }
        tokio::time::sleep(LEAD_PAUSE).await;
    }
    Err(MoveError::Led(partition))
}
