//! Reads the hash `{scrutin:p}:installation`. No I/O.

use std::collections::HashMap;

use domain::{Fingerprint, Installation, InstallationId, Partition, Partitions, Unavailable};
use redis::Value;

use crate::answers::unexpected;

/// The key layout of this release. Logs of 0.1.0 have none.
pub(crate) const LAYOUT: u16 = 2;

pub(crate) const READING: &str = "reading the log's installation";

/// Reads the reply to `HGETALL`; `None` for an empty hash. Another layout is an error that says so.
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
