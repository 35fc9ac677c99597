//! One connection to Redis that is made when needed and made anew when lost.
//!
//! Built on the bare multiplexed connection rather than the driver's `ConnectionManager`, which waits for
//! reconnection outside its timeout and keeps a connection on which nothing is answered any more. Here
//! every wait has a deadline, and a connection is given up after an I/O error, a timeout, or an answer
//! that shows it leads to the wrong server. Nothing is ever sent twice: whether a command that got no
//! answer was carried out is not known, and only the caller can say what that means.

mod exchange;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use domain::Unavailable;
use redis::{
    AsyncConnectionConfig, Pipeline, PushInfo, PushKind, RedisError, Value,
    aio::{ConnectionLike, MultiplexedConnection},
};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep_until, timeout, timeout_at},
};

pub(crate) use self::exchange::Transport;
use self::exchange::{exchange, exchange_and_wait_for_file};
use crate::{RedisUrl, fitness::Fitness};

/// How long a caller waits for an answer, including the time to connect. A blocking read waits longer
/// by as much as it asked Redis to wait.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// How long connecting and greeting may take. Shorter than [`ANSWER_TIMEOUT`], so that the first caller
/// sees the failure and those behind it need not wait for one of their own.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// The pause between two attempts to connect: this much at first, doubled after each failure …
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// … up to this. Calls in between fail at once while Redis can't be reached. A Redis that comes back is noticed within this time.
const LONGEST_PAUSE: Duration = Duration::from_millis(800);
/// Commands that may wait in the driver for the socket.
const DRIVER_QUEUE: usize = 64;

/// Until when a caller waits, over all that it has to ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    at: Instant,
    within: Duration,
}

impl Deadline {
    /// This much from now.
    pub(crate) fn within(within: Duration) -> Self {
        Self { at: Instant::now() + within, within }
    }

    /// The usual one.
    pub(crate) fn usual() -> Self {
        Self::within(ANSWER_TIMEOUT)
    }

    /// Whether it has passed.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.at
    }

    /// Waits until it has passed.
    pub(crate) async fn passed(&self) {
        sleep_until(self.at).await;
    }

    /// The usual one for somebody who has waited since `begun` already.
    pub(crate) fn since(begun: Instant) -> Self {
        Self { at: begun + ANSWER_TIMEOUT, within: ANSWER_TIMEOUT }
    }
}

/// See the module. Shared by reference; all calls may run at once.
pub(crate) struct Link {
    client: redis::Client,
    state: Mutex<State>,
    /// What the server must be; `None` where anything will do.
    fitness: Option<Arc<Fitness>>,
}

struct State {
    connection: Option<Connection>,
    /// Not before this moment is a new connection tried.
    retry_at: Instant,
    pause: Duration,
    /// Why there is no connection; `None` while there is one.
    outage: Option<String>,
}

/// One connection, to one server, until it is lost.
#[derive(Clone)]
pub(crate) struct Connection {
    redis: MultiplexedConnection,
    /// Set by the driver when the socket closes, and by us when we give the connection up.
    lost: Arc<AtomicBool>,
    clock: Clock,
    /// What is known of the server, if it must be something.
    fitness: Option<Arc<Fitness>>,
}

/// Redis' clock, as far as it is known.
#[derive(Clone, Copy)]
struct Clock {
    /// Milliseconds since 1970 …
    millis: u64,
    /// … which it showed at this moment or a little earlier.
    at: Instant,
}

impl Clock {
    /// What it will show then: no more than it will, if it was not set back meanwhile.
    fn at(self, then: Instant) -> u64 {
        let ahead = then.saturating_duration_since(self.at);
        self.millis.saturating_add(u64::try_from(ahead.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Link {
    /// A link to this Redis. Nothing is connected yet.
    pub(crate) fn new(url: &RedisUrl) -> Self {
        let client = redis::Client::open(url.connection_info()).expect("a RedisUrl holds a usable address");
        let state = State { connection: None, retry_at: Instant::now(), pause: FIRST_PAUSE, outage: None };
        Self { client, state: Mutex::new(state), fitness: None }
    }

    /// The same, but each new connection is looked at first, and nothing is sent to a server that is not fit.
    pub(crate) fn to_fit_server(url: &RedisUrl, fitness: Arc<Fitness>) -> Self {
        Self { fitness: Some(fitness), ..Self::new(url) }
    }

    /// What is known of the server, if it must be something.
    pub(crate) fn fitness(&self) -> Option<&Fitness> {
        self.fitness.as_deref()
    }

    /// Looks at the server again.
    pub(crate) async fn look(&self) -> Result<(), Unavailable> {
        let Some(fitness) = &self.fitness else { return Ok(()) };
        let (what, deadline, questions) = ("looking at Redis", Deadline::usual(), fitness.questions());
        let connection = self.connection_within(what, deadline).await?;
        if questions.is_empty() {
            return Ok(());
        }
        fitness.judge(&exchange(connection.clone(), what, deadline, &questions).await?);
        if let Some(claims) = fitness.claims() {
            exchange(connection.clone(), what, deadline, &claims).await?;
            fitness.judge(&exchange(connection, what, deadline, &questions).await?);
        }
        Ok(())
    }

    /// Where it is in doubt whether Redis gets what it writes onto its disk: tries it. It takes a while if it does not.
    pub(crate) async fn probe(&self) -> Result<(), Unavailable> {
        let Some((fitness, probe)) = self.fitness().and_then(|fitness| Some((fitness, fitness.probe()?))) else {
            return Ok(());
        };
        let (what, deadline) = ("trying Redis' disk", Deadline::usual());
        let connection = self.connection_within(what, deadline).await?;
        exchange_and_wait_for_file(connection, fitness, what, deadline, &probe).await.map(drop)
    }

    /// Sends the commands together and returns the answer to each, in order; an answer may be a
    /// [`Value::ServerError`]. Other callers' commands may come between them.
    ///
    /// An error says that **some, all or none** of the commands may have been carried out, unless it says that
    /// [nothing happened](Unavailable::nothing_happened): then none was sent.
    pub(crate) async fn send(
        &self,
        what: &'static str,
        deadline: Deadline,
        commands: &Pipeline,
    ) -> Result<Vec<Value>, Unavailable> {
        self.connected(what, deadline).await?.send(what, deadline, commands).await
    }

    /// The present connection, or a new one; for who must know that all it sends goes to one server. Whoever gets none
    /// has sent nothing.
    pub(crate) async fn connected(&self, what: &'static str, deadline: Deadline) -> Result<Connection, Unavailable> {
        let connection = self.connection_within(what, deadline).await?;
        if let Some(fitness) = &self.fitness
            && fitness.check().is_err()
            && fitness.looks_again()
        {
            // Whatever comes of it: nothing was sent yet, and what is known then decides.
            let _ = self.look().await;
        }
        Ok(connection)
    }

    async fn connection_within(&self, what: &'static str, deadline: Deadline) -> Result<Connection, Unavailable> {
        let none = |_| Unavailable::not_done(what, format!("no connection within {} ms", deadline.within.as_millis()));
        timeout_at(deadline.at, self.connection(what)).await.map_err(none)?
    }

    /// Notes what Redis' clock showed (`millis`) some time between `sent` and now.
    ///
    /// Our clock and its own run apart: by a little all the time, and by a lot when one is set or its machine was
    /// suspended.
    pub(crate) async fn saw_clock(&self, millis: u64, sent: Instant) {
        let mut state = self.state.lock().await;
        let Some(connection) = state.connection.as_mut() else { return };
        let now = Instant::now();
        let taken = now.saturating_duration_since(sent);
        let expected = connection.clock.at(now);
        let at_most = millis.saturating_add(u64::try_from(taken.as_millis()).unwrap_or(u64::MAX)).saturating_add(1);
        // In between it says nothing new: the answer may have been as long on its way as we expect.
        if millis > expected || at_most < expected {
            connection.clock = Clock { millis, at: now };
        }
    }

    /// Makes us mistaken about Redis' clock, as if it had been set by as much the other way.
    #[cfg(test)]
    pub(crate) async fn mistake_clock_by(&self, millis: i64) {
        let mut state = self.state.lock().await;
        let clock = &mut state.connection.as_mut().expect("connected").clock;
        clock.millis = clock.millis.checked_add_signed(millis).expect("a moment since 1970");
    }

    /// Leaves the present connection to what still runs on it; the next call makes a new one.
    pub(crate) async fn give_up(&self) {
        if let Some(connection) = self.state.lock().await.connection.take() {
            connection.give_up();
        }
    }

    /// The present connection, or a new one. The lock is held while connecting, so there is one attempt
    /// at a time, and those who waited for it share its outcome.
    async fn connection(&self, what: &'static str) -> Result<Connection, Unavailable> {
        let mut state = self.state.lock().await;
        if let Some(connection) = state.connection.as_ref().filter(|connection| !connection.is_lost()) {
            return Ok(connection.clone());
        }
        state.connection = None;
        if let Some(reason) = state.outage.as_deref().filter(|_| Instant::now() < state.retry_at) {
            return Err(Unavailable::not_done(what, reason));
        }
        // A connection that was made and soon lost again is no outage yet; this wait is short.
        sleep_until(state.retry_at).await;
        let connected = connect(&self.client, self.fitness.as_ref()).await;
        state.retry_at = Instant::now() + state.pause;
        match connected {
            Ok(connection) => {
                state.connected(connection.clone());
                Ok(connection)
            }
            Err(error) => {
                state.failed(&error);
                Err(Unavailable::not_done(what, error))
            }
        }
    }
}

impl State {
    fn connected(&mut self, connection: Connection) {
        self.connection = Some(connection);
        self.pause = FIRST_PAUSE;
        metrics::counter!("scrutin_log_connections_total").increment(1);
        if self.outage.take().is_some() {
            tracing::info!("Redis is back");
        }
    }

    fn failed(&mut self, error: &RedisError) {
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        if self.outage.is_none() {
            // Once for an outage, not for each attempt.
            tracing::warn!(error = %error, "Redis can't be reached; trying until it is back");
        }
        self.outage = Some(error.to_string());
    }
}

impl Connection {
    /// Whether the two are one.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.lost, &other.lost)
    }

    /// What Redis' clock will show at the deadline, in milliseconds since 1970: no more than it will, unless it was set
    /// back since it was last seen, and less by no more than a round trip took.
    pub(crate) fn clock_at(&self, deadline: Deadline) -> u64 {
        self.clock.at(deadline.at)
    }

    fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Leaves it to what still runs on it; the link's next call makes a new one.
    pub(crate) fn give_up(&self) {
        self.lost.store(true, Ordering::Relaxed);
    }
}

async fn connect(client: &redis::Client, fitness: Option<&Arc<Fitness>>) -> Result<Connection, RedisError> {
    let lost = Arc::new(AtomicBool::new(false));
    let notice = Arc::clone(&lost);
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        // Ours has a deadline for each call instead; the driver's default of 500 ms would cut reads short.
        .set_response_timeout(None)
        .set_pipeline_buffer_size(DRIVER_QUEUE)
        .set_push_sender(move |push: PushInfo| {
            if push.kind == PushKind::Disconnection {
                notice.store(true, Ordering::Relaxed);
            }
            Ok::<(), std::convert::Infallible>(())
        });
    let mut redis = client.get_multiplexed_async_connection_with_config(&config).await?;
    let timed_out = |_| RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
    let asking = redis::cmd("TIME");
    let asked = async {
        let mut looking = redis.clone();
        let questions = fitness.map(|fitness| fitness.questions()).filter(|questions| !questions.is_empty());
        // Both at once: a look costs a new connection no round trip.
        tokio::try_join!(asking.query_async::<(u64, u64)>(&mut redis), async {
            let Some(questions) = questions else { return Ok(None) };
            looking.req_packed_commands(&questions, 0, questions.len()).await.map(Some)
        })
    };
    let ((seconds, micros), seen) = timeout(CONNECT_TIMEOUT, asked).await.map_err(timed_out)??;
    if let (Some(fitness), Some(seen)) = (fitness, seen) {
        fitness.judge(&seen);
    }
    let clock = Clock { millis: seconds * 1_000 + micros / 1_000, at: Instant::now() };
    Ok(Connection { redis, lost, clock, fitness: fitness.cloned() })
}
