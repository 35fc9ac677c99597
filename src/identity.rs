//! Which key the data directory was made with: another one would make each browser a new voter, who votes once more.

use anyhow::{Context, Result, bail};
use domain::{
    Fingerprint, Installation, InstallationId, LedgerIdentity, Ledgers, Partition, Partitions, RekeyOutcome, Secret,
};
use ledger_sqlite::SqliteLedger;
use program::random_text;

/// Makes sure that the ledger belongs to this key; a ledger that belongs to none yet does from now on.
pub(crate) async fn check(ledger: &SqliteLedger, secret: &Secret) -> Result<()> {
    let key = Fingerprint::of(secret);
    let mut lead = ledger.lead(Partition::new(0)).await?.context("nobody else leads in this process")?;
    let known = lead.identity().await?.map(|identity| identity.installation);
    if let Some(before) = known.as_ref().and_then(|known| known.fingerprint.as_ref()).filter(|before| **before != key) {
        bail!(
            "SECRET_KEY (or the file secret-key) has the fingerprint {key}, and this data directory was made with the \
             key of the fingerprint {before}: with another key each browser is a new voter, and receipts given out \
             before are not understood. Put the old key back; or close all polls and run `scrutin rekey` with the new \
             one"
        );
    }
    let new = || Installation::new(InstallationId::new(random_text::<16>()), Partitions::ONE);
    let installation = Installation { fingerprint: Some(key), ..known.unwrap_or_else(new) };
    lead.install(&LedgerIdentity::new(installation, "")).await?;
    // Of a ledger of an earlier release or of an import, from all its ballots.
    lead.grow_trees().await?;
    Ok(())
}

/// The `rekey` command: the ledger belongs to this key from now on.
pub(crate) async fn rekey(ledger: &SqliteLedger, secret: &Secret, force: bool) -> Result<()> {
    let key = Fingerprint::of(secret);
    match ledger.rekey(&key, force).await? {
        RekeyOutcome::Done => Ok(()),
        // It belongs to no key yet, so to this one from the next start on.
        RekeyOutcome::NoInstallation => check(ledger, secret).await,
        RekeyOutcome::PollsOpen => bail!(
            "a poll is open, in which whoever has voted could vote once more: start with the old key and close all \
             polls first, or add --force"
        ),
    }
}
