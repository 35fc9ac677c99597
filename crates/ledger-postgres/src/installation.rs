//! The row that says which installation this ledger belongs to.

use domain::{Fingerprint, Installation, InstallationId, LedgerIdentity, LedgerLayout, Partition, RekeyOutcome};
use tokio_postgres::Client;

use crate::{database_error::DatabaseError, rows};

const TABLE_EXISTS: &str = "SELECT to_regclass('installation') IS NOT NULL";
const IDENTITY: &str = "SELECT id, partitions, addresses, fingerprint, log_address, layout FROM installation";
const UPDATE: &str = "
    UPDATE installation SET fingerprint = coalesce(fingerprint, $2), log_address = $3
    WHERE id = $1 AND (log_address <> $3 OR (fingerprint IS NULL AND $2::text IS NOT NULL))";
const INSERT: &str = "
    INSERT INTO installation (id, partitions, addresses, fingerprint, log_address, layout)
    SELECT $1::text, $2::integer, $3::integer, $4::text, $5::text, $6::integer
    WHERE NOT EXISTS (SELECT 1 FROM installation)";
const COUNTED: &str = "SELECT partition FROM log WHERE log_id IS NOT NULL ORDER BY partition";
const REKEY: &str = "
    UPDATE installation SET fingerprint = $1 WHERE $2 OR NOT EXISTS (SELECT 1 FROM polls WHERE state = 'open')";

/// Which it belongs to; `None` if that was not written yet, by this release or at all.
pub(crate) async fn identity(client: &Client) -> Result<Option<LedgerIdentity>, DatabaseError> {
    if !client.query_one(TABLE_EXISTS, &[]).await?.try_get::<_, bool>(0)? {
        return Ok(None);
    }
    let Some(row) = client.query_opt(IDENTITY, &[]).await? else { return Ok(None) };
    let partitions = rows::partitions(&row, "partitions")?;
    let addresses = u16::try_from(row.try_get::<_, i32>("addresses")?);
    let addresses = addresses.map_err(|_| DatabaseError::Unreadable("an installation"))?;
    let fingerprint = row.try_get::<_, Option<String>>("fingerprint")?.and_then(Fingerprint::stored);
    let id = InstallationId::new(row.try_get::<_, String>("id")?);
    let installation = Installation { id, partitions, addresses, fingerprint };
    let layout = LedgerLayout::stored(row.try_get::<_, i32>("layout")?.into());
    let layout = layout.ok_or(DatabaseError::Unreadable("an installation of a later release"))?;
    Ok(Some(LedgerIdentity { installation, log_address: row.try_get("log_address")?, layout }))
}

/// Writes it. Of leaders of several partitions that write at once, the first wins.
pub(crate) async fn install(client: &Client, identity: &LedgerIdentity) -> Result<(), DatabaseError> {
    let Installation { id, partitions, addresses, fingerprint } = &identity.installation;
    let fingerprint = fingerprint.as_ref().map(Fingerprint::as_str);
    let (partitions, addresses) = (i32::from(partitions.count()), i32::from(*addresses));
    let (id, address, layout) = (id.as_str(), &identity.log_address, identity.layout.number());
    client.execute(INSERT, &[&id, &partitions, &addresses, &fingerprint, address, &layout]).await?;
    client.execute(UPDATE, &[&id, &fingerprint, address]).await?;
    Ok(())
}

/// The partitions whose logs were counted.
pub(crate) async fn counted_partitions(client: &Client) -> Result<Vec<Partition>, DatabaseError> {
    client.query(COUNTED, &[]).await?.iter().map(|row| rows::partition(row, "partition")).collect()
}

/// Writes another fingerprint, if all polls are closed, or by `force`.
pub(crate) async fn rekey(
    client: &Client,
    fingerprint: &Fingerprint,
    force: bool,
) -> Result<RekeyOutcome, DatabaseError> {
    if identity(client).await?.is_none() {
        return Ok(RekeyOutcome::NoInstallation);
    }
    let changed = client.execute(REKEY, &[&fingerprint.as_str(), &force]).await?;
    Ok(if changed == 1 { RekeyOutcome::Done } else { RekeyOutcome::PollsOpen })
}
