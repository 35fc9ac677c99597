//! Reads the hash `{scrutin:p}:installation`. No I/O.

use std::collections::HashMap;

use domain::{Fingerprint, Installation, InstallationId, Partition, Partitions, Unavailable};
use redis::Value;

use crate::answers::unexpected;

/// The layout of a log with one partition. Logs of 0.1.0 have none.
const ONE_PARTITION: u16 = 2;
/// The layout of a log with several, over which voters are spread. With the layout 2 it was polls.
const SPREAD_VOTERS: u16 = 3;

pub(crate) const READING: &str = "reading the log's installation";

/// The layout of the keys that this release writes.
pub(crate) fn layout(partitions: Partitions) -> u16 {
    if partitions == Partitions::ONE { ONE_PARTITION } else { SPREAD_VOTERS }
}

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
    if ![ONE_PARTITION, SPREAD_VOTERS].contains(&layout) {
        return Err(Unavailable::Untrusted(format!(
            "the log's keys have the layout {layout}, and this release knows {ONE_PARTITION} and {SPREAD_VOTERS}: use \
             the release that wrote it"
        )));
    }
    let partitions = Partitions::new(number("partitions")?).map_err(|_| unexpected(READING))?;
    if layout == ONE_PARTITION && partitions != Partitions::ONE {
        return Err(Unavailable::Untrusted(format!(
            "the log has {partitions} partitions, over which an earlier release spread polls, and this one spreads \
             voters: count all of it with that release, then export and import into an empty ledger \
             (docs/operations.md, Moving)"
        )));
    }
    let installation = Installation {
        id: InstallationId::new(field("id")?),
        partitions,
        addresses: number("addresses")?,
        fingerprint: Fingerprint::stored(field("fingerprint")?),
    };
    Ok(Some((installation, Partition::new(number("partition")?))))
}
