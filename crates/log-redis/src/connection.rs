//! One connection to one Redis, until it is lost: sends commands and checks the replies for signs of a wrong server.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use domain::Unavailable;
use redis::{AsyncConnectionConfig, Pipeline, PushInfo, PushKind, Value, from_redis_value};
use tokio::time::{Instant, timeout, timeout_at};

use crate::{
    address::{Node, Topology},
    addresses::Destination,
    answers::is_refusal,
    deadline::Deadline,
    dial::{DriverConnection, NotConnected, dial},
    fitness::Fitness,
    resolver::primary,
};

/// The time limit for connecting, the handshake and the first questions. Shorter than
/// [`ANSWER_TIMEOUT`](crate::deadline::ANSWER_TIMEOUT), so that the first caller sees the failure and the next ones
/// need not wait for their own.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How many commands the driver may queue for the socket.
const DRIVER_QUEUE: usize = 64;

/// Sends commands: a link, which reconnects, or one connection.
pub(crate) trait Transport {
    /// See [`Link::send`].
    fn send(
        &self,
        what: &'static str,
        deadline: Deadline,
        commands: &Pipeline,
    ) -> impl Future<Output = Result<Vec<Value>, Unavailable>> + Send;
}

/// One connection to one server, until it is lost.
#[derive(Clone)]
pub(crate) struct Connection {
    redis: DriverConnection,
    /// Set by the driver when the socket closes, and by us when we give up the connection.
    lost: Arc<AtomicBool>,
    pub(crate) clock: RedisClock,
    /// The result of checking the server, if it is checked.
    fitness: Option<Arc<Fitness>>,
}

/// A reading of Redis' clock.
#[derive(Clone, Copy)]
pub(crate) struct RedisClock {
    /// Milliseconds since 1970 …
    pub(crate) millis: u64,
    /// … read at this moment or a little earlier.
    pub(crate) at: Instant,
}

impl RedisClock {
    /// A lower bound of what the clock shows at `then`, unless it was set back since the reading.
    pub(crate) fn at(self, then: Instant) -> u64 {
        let ahead = then.saturating_duration_since(self.at);
        self.millis.saturating_add(u64::try_from(ahead.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Connection {
    /// Whether both are the same connection.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.lost, &other.lost)
    }

    /// A lower bound of Redis' clock at the deadline, in milliseconds since 1970, unless the clock was set back since
    /// the last reading. It is too low by at most one round trip.
    pub(crate) fn clock_at(&self, deadline: Deadline) -> u64 {
        self.clock.at(deadline.at)
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Stops using it for new calls; the link's next call makes a new connection. Running calls may finish.
    pub(crate) fn give_up(&self) {
        self.lost.store(true, Ordering::Relaxed);
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
        exchange_and_confirm(self.clone(), fitness, what, deadline, commands).await
    }
}

/// Sends the commands over this connection, and gives it up if that fails.
pub(crate) async fn exchange(
    mut connection: Connection,
    what: &'static str,
    deadline: Deadline,
    commands: &Pipeline,
) -> Result<Vec<Value>, Unavailable> {
    let answer = timeout_at(deadline.at, connection.redis.exchange(commands)).await;
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

/// Like [`exchange`], and waits until what was written is confirmed, where that is needed: if the server's own fsync
/// setting is unknown, or if replicas must have it.
pub(crate) async fn exchange_and_confirm(
    connection: Connection,
    fitness: &Fitness,
    what: &'static str,
    deadline: Deadline,
    commands: &Pipeline,
) -> Result<Vec<Value>, Unavailable> {
    let Some((confirmation, mark)) = fitness.confirmation() else {
        return exchange(connection, what, deadline, commands).await;
    };
    let mut with_wait = commands.clone();
    confirmation.ask(&mut with_wait, mark);
    let mut answers = exchange(connection, what, deadline, &with_wait).await?;
    let waited = answers.split_off(answers.len().saturating_sub(confirmation.commands()));
    // Without a write there is nothing to wait for, and nothing to learn.
    if answers.iter().all(is_refusal) {
        return Ok(answers);
    }
    let is_given = confirmation.is_given(&waited);
    fitness.heard(confirmation, is_given);
    if is_given { Ok(answers) } else { Err(Unavailable::failed(what, confirmation.words())) }
}

/// Whether the reply shows that this server is no longer the right one, while the address may resolve to another by
/// now: after a failover, after a password change, or because the node of a cluster was cut off from the others.
fn leads_elsewhere(answer: &Value) -> bool {
    let Value::ServerError(error) = answer else { return false };
    matches!(error.code(), "READONLY" | "MASTERDOWN" | "NOAUTH" | "MOVED" | "CLUSTERDOWN")
}

/// Connects to the server that takes writes, and checks it.
pub(crate) async fn connect(to: &Destination, fitness: Option<&Arc<Fitness>>) -> Result<Connection, NotConnected> {
    let node = primary(to).await?;
    let silent = |_| NotConnected::silent(&node, to.tls.is_some());
    let connected = timeout(CONNECT_TIMEOUT, connect_and_look(to, &node, fitness)).await.map_err(silent).flatten();
    connected.map_err(|error| named_by(to, error))
}

/// Says who named the server, if somebody did.
fn named_by(to: &Destination, error: NotConnected) -> NotConnected {
    match &to.address.topology {
        Topology::Server => error,
        Topology::Sentinel(master) => {
            NotConnected::NoPrimary(format!("{error} (the Sentinels say that this is the master `{master}`)"))
        }
        Topology::Cluster => {
            NotConnected::NoPrimary(format!("{error} (the Redis Cluster says that this owns slot {})", to.slot))
        }
    }
}

async fn connect_and_look(
    to: &Destination,
    node: &Node,
    fitness: Option<&Arc<Fitness>>,
) -> Result<Connection, NotConnected> {
    let lost = Arc::new(AtomicBool::new(false));
    let mut redis = dial(node, to.tls.as_ref(), &to.address.login, driver_settings(&lost)).await?;
    let mut asked = redis::pipe();
    // Together: the check costs a new connection no extra round trip.
    asked.cmd("TIME").cmd("ROLE");
    if let Some(fitness) = fitness {
        fitness.ask(&mut asked);
    }
    let refused = |error| NotConnected::refused(node, to.tls.is_some(), error);
    let answers = redis.exchange(&asked).await.map_err(refused)?;
    let ([time, role], seen) = answers.split_first_chunk().expect("an answer for each question");
    let time = time.clone().extract_error().map_err(refused)?;
    let (seconds, micros): (u64, u64) = from_redis_value(time).map_err(|error| refused(error.into()))?;
    if to.is_demoted(role) {
        return Err(NotConnected::NoPrimary(format!("{node} is a replica")));
    }
    if let Some(fitness) = fitness {
        fitness.judge(seen);
    }
    let clock = RedisClock { millis: seconds * 1_000 + micros / 1_000, at: Instant::now() };
    Ok(Connection { redis, lost, clock, fitness: fitness.cloned() })
}

impl Destination {
    /// Whether the answer to `ROLE` says that the server is a replica, and another one can be found in its place. A
    /// server that is the only one is looked at with each call, and then says why it takes no ballots. A user may be
    /// forbidden to ask.
    pub(crate) fn is_demoted(&self, role: &Value) -> bool {
        let is_replica = matches!(role, Value::Array(parts)
            if matches!(parts.first(), Some(Value::BulkString(role)) if role == b"slave"));
        self.address.topology != Topology::Server && is_replica
    }
}

/// `lost` is set when the socket closes.
fn driver_settings(lost: &Arc<AtomicBool>) -> AsyncConnectionConfig {
    let notice = Arc::clone(lost);
    AsyncConnectionConfig::new()
        // We have a deadline for each call instead; the driver's default of 500 ms would interrupt reads.
        .set_response_timeout(None)
        .set_pipeline_buffer_size(DRIVER_QUEUE)
        .set_push_sender(move |push: PushInfo| {
            if push.kind == PushKind::Disconnection {
                notice.store(true, Ordering::Relaxed);
            }
            Ok::<(), std::convert::Infallible>(())
        })
}
