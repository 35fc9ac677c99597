//! Sending commands over one connection, and what an answer says of it.

use domain::Unavailable;
use redis::{Pipeline, Value, aio::ConnectionLike};
use tokio::time::timeout_at;

use super::{Connection, Deadline, Link};
use crate::{fitness::Fitness, scripts};

/// What scripts are sent over: a link, which connects anew where it must, or one connection of it.
pub(crate) trait Transport {
    /// See [`Link::send`].
    fn send(
        &self,
        what: &'static str,
        deadline: Deadline,
        commands: &Pipeline,
    ) -> impl Future<Output = Result<Vec<Value>, Unavailable>> + Send;
}

impl Transport for Link {
    async fn send(
        &self,
        what: &'static str,
        deadline: Deadline,
        commands: &Pipeline,
    ) -> Result<Vec<Value>, Unavailable> {
        Self::send(self, what, deadline, commands).await
    }
}

impl Transport for Connection {
    async fn send(
        &self,
        what: &'static str,
        deadline: Deadline,
        commands: &Pipeline,
    ) -> Result<Vec<Value>, Unavailable> {
        let Some(fitness) = &self.fitness else { return exchange(self.clone(), what, deadline, commands).await };
        fitness.check()?;
        if fitness.waits_for_file() {
            return exchange_and_wait_for_file(self.clone(), fitness, what, deadline, commands).await;
        }
        exchange(self.clone(), what, deadline, commands).await
    }
}

/// How long Redis is given to get what it wrote onto its disk, where it is asked to say so.
const FILE_WAIT_MS: u32 = 1_500;

/// Sends the commands over this connection, which is given up if that fails.
pub(super) async fn exchange(
    mut connection: Connection,
    what: &'static str,
    deadline: Deadline,
    commands: &Pipeline,
) -> Result<Vec<Value>, Unavailable> {
    let answer = timeout_at(deadline.at, connection.redis.req_packed_commands(commands, 0, commands.len())).await;
    match answer {
        Ok(Ok(values)) => {
            if values.iter().any(leads_elsewhere) {
                connection.give_up();
            }
            Ok(values)
        }
        Ok(Err(error)) => {
            connection.give_up();
            Err(Unavailable::failed(what, error))
        }
        Err(_) => {
            connection.give_up();
            Err(Unavailable::Timeout { what, after: deadline.within })
        }
    }
}

/// The same, and what was written is on the server's disk. How it syncs by itself is not known.
pub(super) async fn exchange_and_wait_for_file(
    connection: Connection,
    fitness: &Fitness,
    what: &'static str,
    deadline: Deadline,
    commands: &Pipeline,
) -> Result<Vec<Value>, Unavailable> {
    let mut with_wait = commands.clone();
    with_wait.cmd("WAITAOF").arg(1).arg(0).arg(FILE_WAIT_MS);
    let mut answers = exchange(connection, what, deadline, &with_wait).await?;
    let waited = answers.pop();
    // Where nothing was written there is nothing to wait for, and nothing to learn.
    if answers.iter().all(scripts::is_refusal) {
        return Ok(answers);
    }
    let on_disk = matches!(&waited, Some(Value::Array(synced)) if matches!(synced.first(), Some(Value::Int(1..))));
    fitness.heard_of_file(on_disk);
    if on_disk {
        return Ok(answers);
    }
    Err(Unavailable::failed(what, "Redis did not say that its append-only file is on the disk (WAITAOF)"))
}

/// Whether the answer shows that the server behind the connection is no longer the one to talk to, while
/// the address may lead to another by now: after a failover, or when a password was changed.
fn leads_elsewhere(answer: &Value) -> bool {
    let Value::ServerError(error) = answer else { return false };
    matches!(error.code(), "READONLY" | "MASTERDOWN" | "NOAUTH" | "MOVED")
}
