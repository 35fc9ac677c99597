//! Which installation a partition of the log belongs to: the hash `{scrutin:p}:installation`.
//!
//! The worker that leads writes it before it does anything else to a log. `vote` reads it on each connection and every
//! second, and adds the fingerprint of its key where the ledger knows none (then the field is there and empty).

use std::collections::HashMap;

use domain::{Fingerprint, Installation, InstallationId, LogId, LogIdentity, Partition, Partitions, Unavailable};
use redis::Value;

use crate::{
    keys::Keys,
    link::{Deadline, Link},
    scripts::{self, Call, FINGERPRINT, INSTALL, checked, unexpected, word},
};

/// How the keys of this release are laid out. Up to 0.1.0 logs said nothing of it.
const LAYOUT: u16 = 2;

const READING: &str = "reading the log's installation";
const WRITING: &str = "writing the log's installation";

/// Reads it, and whether a log has begun there.
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

/// Writes it, unless the log belongs to another.
pub(crate) async fn install(
    link: &Link,
    keys: &Keys,
    installation: &Installation,
    partition: Partition,
) -> Result<(), Unavailable> {
    let Installation { id, partitions, addresses, fingerprint } = installation;
    let call = INSTALL.call(&[&keys.installation]).arg(id.as_str()).arg(partitions.count()).arg(*addresses);
    let fingerprint = fingerprint.as_ref().map_or("", Fingerprint::as_str);
    let call = call.arg(LAYOUT).arg(partition.number()).arg(fingerprint);
    match word(WRITING, scripts::run(link, WRITING, call).await?)?.as_str() {
        "done" => Ok(()),
        "other" => Err(Unavailable::failed(WRITING, "it belongs to another one meanwhile")),
        _ => Err(unexpected(WRITING)),
    }
}

/// Replaces the fingerprint.
pub(crate) async fn rekey(link: &Link, keys: &Keys, fingerprint: &Fingerprint) -> Result<(), Unavailable> {
    match word(WRITING, scripts::run(link, WRITING, write_fingerprint(keys, fingerprint, true)).await?)?.as_str() {
        "done" => Ok(()),
        "not begun" => Err(Unavailable::NotBegun),
        _ => Err(unexpected(WRITING)),
    }
}

fn write_fingerprint(keys: &Keys, fingerprint: &Fingerprint, replaces: bool) -> Call {
    FINGERPRINT.call(&[&keys.installation]).arg(fingerprint.as_str()).arg(u8::from(replaces))
}

/// Reads the hash as `HGETALL` gives it; `None` where there is none. One of another layout is an error that says so.
pub(crate) fn read(answer: &Value) -> Result<Option<(Installation, Partition)>, Unavailable> {
    let Value::Map(pairs) = answer else { return Err(unexpected(READING)) };
    let text = |value: &Value| match value {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        _ => None,
    };
    let fields: HashMap<_, _> = pairs.iter().filter_map(|(name, value)| Some((text(name)?, text(value)?))).collect();
    if fields.is_empty() {
        return Ok(None);
    }
    let field = |name: &str| fields.get(name).ok_or_else(|| unexpected(READING));
    let number = |name| field(name)?.parse::<u16>().map_err(|_| unexpected(READING));
    let layout = number("layout")?;
    if layout != LAYOUT {
        return Err(Unavailable::Untrusted(format!(
            "the log's keys have the layout {layout}, and this release knows {LAYOUT}: use the release that wrote it"
        )));
    }
    let installation = Installation {
        id: InstallationId::new(field("id")?),
        partitions: Partitions::new(number("partitions")?).map_err(|_| unexpected(READING))?,
        addresses: number("addresses")?,
        fingerprint: Fingerprint::stored(field("fingerprint")?),
    };
    Ok(Some((installation, Partition::new(number("partition")?))))
}
