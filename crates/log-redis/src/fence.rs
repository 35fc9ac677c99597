//! The fence: a ballot is written only if a leader has attached to the server behind the connection since that server
//! started.
//!
//! A server that was restarted, restored from an older file or promoted may have lost entries that the ledger has
//! counted. Until a worker has compared the log with the ledger, a ballot could get a position that the ledger has
//! already passed, and would never be counted. So a worker that attaches writes `master_replid/leader` to
//! `{scrutin:p}:attached`. Redis changes `master_replid` at every start and at every promotion. A writer checks that
//! the value names this server and sends it with every script. The script compares the whole value in the step that
//! writes.
//!
//! The check and the script use the same connection, so they reach the same server. A server that becomes a replica and
//! is promoted again may keep its connections, so a check is valid for [`LOOK_AGAIN_AFTER`] only.

use std::{sync::Arc, time::Duration};

use domain::Unavailable;
use parking_lot::Mutex;
use redis::Value;
use tokio::time::Instant;

use crate::{
    answers::{checked, unexpected, word},
    connection::{Connection, Transport},
    deadline::Deadline,
    keys::Keys,
    link::Link,
};

/// How long a check is valid. It costs a round trip, too much for every ballot.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How long a writer waits for a leader to attach, and how often it checks. A leader normally attaches within a few
/// milliseconds.
const ATTACH_PATIENCE: Duration = Duration::from_millis(400);
pub(crate) const ASK_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// The deadline for a leader to attach.
pub(crate) fn patience() -> Deadline {
    Deadline::within(ATTACH_PATIENCE)
}

/// The fence of one partition, over one link.
pub(crate) struct Fence {
    keys: Arc<Keys>,
    seen: Mutex<Option<Pass>>,
}

/// A connection whose server accepts ballots, and the token that scripts must present.
#[derive(Clone)]
pub(crate) struct Pass {
    pub(crate) connection: Connection,
    pub(crate) token: Arc<str>,
    looked: Instant,
}

impl Fence {
    pub(crate) fn new(keys: Arc<Keys>) -> Self {
        Self { keys, seen: Mutex::new(None) }
    }

    /// A pass for the link's current connection. An error means that no write was sent.
    pub(crate) async fn pass(&self, link: &Link, what: &'static str, deadline: Deadline) -> Result<Pass, Unavailable> {
        let connection = link.connected(what, deadline).await?;
        let good = |pass: &Pass| pass.connection.is(&connection) && pass.looked.elapsed() < LOOK_AGAIN_AFTER;
        if let Some(pass) = self.seen.lock().clone().filter(good) {
            // The link may have a newer reading of the server's clock.
            return Ok(Pass { connection, ..pass });
        }
        let looked = Instant::now();
        let token = self.look(&connection, what, deadline).await?;
        let pass = Pass { connection, token, looked };
        *self.seen.lock() = Some(pass.clone());
        Ok(pass)
    }

    /// A script rejected the pass: discards it, so that the next call checks again.
    pub(crate) fn refused(&self) {
        *self.seen.lock() = None;
    }

    async fn look(
        &self,
        connection: &Connection,
        what: &'static str,
        deadline: Deadline,
    ) -> Result<Arc<str>, Unavailable> {
        let token = token(connection, what, deadline, &self.keys).await.map_err(Unavailable::before_anything)?;
        Ok(token.into())
    }
}

/// The token of this partition on the server behind the connection, if it accepts ballots.
pub(crate) async fn token(
    connection: &Connection,
    what: &'static str,
    deadline: Deadline,
    keys: &Keys,
) -> Result<String, Unavailable> {
    let mut commands = redis::pipe();
    commands.cmd("INFO").arg("replication");
    commands.cmd("GET").arg(&keys.attached);
    commands.cmd("EXISTS").arg(&keys.incarnation);
    let answers = connection.send(what, deadline, &commands).await?;
    let [info, attached, begun] = <[Value; 3]>::try_from(answers).map_err(|_| unexpected(what))?;
    let (info, attached) = (text(what, checked(what, info)?)?, checked(what, attached)?);
    if field(&info, "role") != Some("master") {
        // The address may resolve to the master by now.
        connection.give_up();
        return Err(Unavailable::not_done(what, "READONLY: the server is a replica"));
    }
    let token = match attached {
        Value::Nil if checked(what, begun)? == Value::Int(0) => return Err(Unavailable::NotBegun),
        Value::Nil => return Err(Unavailable::NotAttached),
        token => word(what, token)?,
    };
    let replid = token.split_once('/').map(|(replid, _)| replid);
    if replid.is_none() || replid != field(&info, "master_replid") {
        return Err(Unavailable::NotAttached);
    }
    Ok(token)
}

/// The reply to `INFO`, which has a type of its own in RESP3.
fn text(what: &'static str, answer: Value) -> Result<String, Unavailable> {
    match answer {
        Value::VerbatimString { text, .. } => Ok(text),
        answer => word(what, answer),
    }
}

/// The value of one line of `INFO`.
fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_info_are_found_by_their_whole_name() {
        let info = "# Replication\r\nrole:master\r\nmaster_replid2:no\r\nmaster_replid:abc\r\n";
        assert_eq!((field(info, "role"), field(info, "master_replid")), (Some("master"), Some("abc")));
        assert_eq!(field(info, "slave"), None);
    }
}
