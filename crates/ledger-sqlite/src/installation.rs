//! The row that records which installation this file belongs to.

use domain::{
    Fingerprint, Installation, InstallationId, LedgerIdentity, LedgerLayout, Partition, Partitions, RekeyOutcome,
};
use rusqlite::{Connection, OptionalExtension, Result as SqlResult, Row};

use crate::store::StoreError;

fn unreadable() -> StoreError {
    StoreError::Data("its installation can't be read".into())
}

/// The file's installation; `None` if none was written yet.
pub(crate) fn identity(conn: &Connection) -> Result<Option<LedgerIdentity>, StoreError> {
    let read = |row: &Row<'_>| {
        let (id, fingerprint) = (row.get::<_, String>(0)?, row.get::<_, Option<String>>(3)?);
        Ok((id, row.get(1)?, row.get(2)?, fingerprint, row.get(4)?, row.get(5)?))
    };
    let sql = "SELECT id, partitions, addresses, fingerprint, log_address, layout FROM installation";
    let Some((id, partitions, addresses, fingerprint, log_address, layout)) =
        conn.query_row(sql, (), read).optional()?
    else {
        return Ok(None);
    };
    let layout = LedgerLayout::stored(layout).ok_or_else(unreadable)?;
    let partitions = Partitions::new(partitions).map_err(|_| unreadable())?;
    let fingerprint = fingerprint.and_then(Fingerprint::stored);
    let installation = Installation { id: InstallationId::new(id), partitions, addresses, fingerprint };
    Ok(Some(LedgerIdentity { installation, log_address, layout }))
}

/// Which installation it is; `None` if none was written yet.
pub(crate) fn id(conn: &Connection) -> Result<Option<InstallationId>, StoreError> {
    Ok(identity(conn)?.map(|identity| identity.installation.id))
}

/// Writes the installation, unless there is one. Keeps an existing fingerprint.
pub(crate) fn install(conn: &Connection, identity: &LedgerIdentity) -> Result<(), StoreError> {
    let Installation { id, partitions, addresses, fingerprint } = &identity.installation;
    let fingerprint = fingerprint.as_ref().map(Fingerprint::as_str);
    conn.execute(
        "INSERT INTO installation (one, id, partitions, addresses, fingerprint, log_address, layout)
         VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (one) DO UPDATE
         SET fingerprint = coalesce(fingerprint, excluded.fingerprint), log_address = excluded.log_address
         WHERE id = excluded.id",
        (id.as_str(), partitions.count(), addresses, fingerprint, &identity.log_address, identity.layout.number()),
    )?;
    Ok(())
}

/// How many partitions the installation has; one before it is written.
pub(crate) fn partitions(conn: &Connection) -> Result<Partitions, StoreError> {
    let mut select = conn.prepare_cached("SELECT partitions FROM installation WHERE layout <> 1")?;
    let count: Option<u16> = select.query_row((), |row| row.get(0)).optional()?;
    count.map_or(Ok(Partitions::ONE), |count| Partitions::new(count).map_err(|_| unreadable()))
}

/// The partitions whose logs were counted.
pub(crate) fn counted_partitions(conn: &Connection) -> Result<Vec<Partition>, StoreError> {
    let mut select = conn.prepare_cached("SELECT partition FROM log WHERE log_id IS NOT NULL ORDER BY partition")?;
    let partitions = select.query_map((), |row| Ok(Partition::new(row.get(0)?)))?;
    Ok(partitions.collect::<SqlResult<_>>()?)
}

/// Replaces the fingerprint, if all polls are closed or `force` is set.
pub(crate) fn rekey(conn: &Connection, fingerprint: &Fingerprint, force: bool) -> Result<RekeyOutcome, StoreError> {
    if identity(conn)?.is_none() {
        return Ok(RekeyOutcome::NoInstallation);
    }
    let changed = conn.execute(
        "UPDATE installation SET fingerprint = ?1 WHERE ?2 OR NOT EXISTS (SELECT 1 FROM polls WHERE state = 'open')",
        (fingerprint.as_str(), force),
    )?;
    Ok(if changed == 1 { RekeyOutcome::Done } else { RekeyOutcome::PollsOpen })
}
