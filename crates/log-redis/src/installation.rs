//! Which installation a partition of the log belongs to: the hash `{scrutin:p}:installation`.
//!
//! The leading worker writes it before it does anything else to a log. `vote` reads it on each connection and every
//! second. If the ledger does not know the fingerprint of the key (the field exists and is empty), `vote` adds it.

use domain::{Fingerprint, Installation, LogId, LogIdentity, Partition, Unavailable};
use redis::Value;

use crate::{
    answers::{checked, unexpected, word},
    calls::run,
    deadline::Deadline,
    installation_record::{READING, layout, read},
    keys::Keys,
    link::Link,
    scripts::{Call, FINGERPRINT, INSTALL},
};

const WRITING: &str = "writing the log's installation";

/// Reads the installation, and whether a log has begun.
pub(crate) async fn identity(link: &Link, keys: &Keys) -> Result<LogIdentity, Unavailable> {
    let mut commands = redis::pipe();
    commands.cmd("HGETALL").arg(&keys.installation);
    commands.cmd("GET").arg(&keys.incarnation);
    commands.cmd("GET").arg(&keys.old_id);
    let answers = link.send(READING, Deadline::usual(), &commands).await?;
    let [hash, id, old_id] = <[Value; 3]>::try_from(answers).map_err(|_| unexpected(READING))?;
    let begun = match (checked(READING, id)?, checked(READING, old_id)?) {
        (Value::Nil, Value::Nil) => None,
        (Value::Nil, id) | (id, _) => Some(LogId::new(word(READING, id)?)),
    };
    Ok(LogIdentity { installation: read(&checked(READING, hash)?)?, begun })
}

/// Writes the installation, unless the log belongs to another one.
pub(crate) async fn install(
    link: &Link,
    keys: &Keys,
    installation: &Installation,
    partition: Partition,
) -> Result<(), Unavailable> {
    let Installation { id, partitions, addresses, fingerprint } = installation;
    let call = INSTALL.call(&[&keys.installation]).arg(id.as_str()).arg(partitions.count()).arg(*addresses);
    let fingerprint = fingerprint.as_ref().map_or("", Fingerprint::as_str);
    let call = call.arg(layout(*partitions)).arg(partition.number()).arg(fingerprint);
    match word(WRITING, run(link, WRITING, call).await?)?.as_str() {
        "done" => Ok(()),
        "other" => Err(Unavailable::failed(WRITING, "it belongs to another one meanwhile")),
        _ => Err(unexpected(WRITING)),
    }
}

/// Replaces the fingerprint.
pub(crate) async fn rekey(link: &Link, keys: &Keys, fingerprint: &Fingerprint) -> Result<(), Unavailable> {
    match word(WRITING, run(link, WRITING, write_fingerprint(keys, fingerprint, true)).await?)?.as_str() {
        "done" => Ok(()),
        "not begun" => Err(Unavailable::NotBegun),
        _ => Err(unexpected(WRITING)),
    }
}

fn write_fingerprint(keys: &Keys, fingerprint: &Fingerprint, replaces: bool) -> Call {
    FINGERPRINT.call(&[&keys.installation]).arg(fingerprint.as_str()).arg(u8::from(replaces))
}
