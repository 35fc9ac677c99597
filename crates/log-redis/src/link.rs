//! A connection to Redis that is made when needed and made again when lost.
//!
//! It uses the plain multiplexed connection and not the driver's `ConnectionManager`, which reconnects outside its
//! timeout and keeps connections that no longer answer. Here every wait has a deadline. A connection is given up after
//! an I/O error, a timeout, or a reply that shows that it leads to the wrong server. Nothing is ever sent twice:
//! whether a command without a reply was executed is unknown, and only the caller can handle that.

use std::{sync::Arc, time::Duration};

use domain::{Partition, Unavailable};
use redis::{Pipeline, Value};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep_until, timeout_at},
};

use crate::{
    addresses::{Destination, RedisAddresses},
    connection::{Connection, RedisClock, Transport, connect, exchange, exchange_and_confirm},
    deadline::Deadline,
    dial::NotConnected,
    fitness::Fitness,
};

/// The pause between two attempts to connect: first this long, doubled after each failure …
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// … up to this. During a pause, calls fail at once while Redis is unreachable. A Redis that comes back is noticed
/// within this time.
const LONGEST_PAUSE: Duration = Duration::from_millis(800);
/// A connection that reconnects; see the module. Shared by reference; calls may run in parallel.
pub(crate) struct Link {
    to: Destination,
    state: Mutex<State>,
    /// What the server must be; `None` if any server will do.
    fitness: Option<Arc<Fitness>>,
}

struct State {
    connection: Option<Connection>,
    /// No new connection is tried before this moment.
    retry_at: Instant,
    pause: Duration,
    /// Why there is no connection; `None` while there is one.
    outage: Option<String>,
}

impl Link {
    /// A link to the server of this partition. Does not connect yet.
    pub(crate) fn new(addresses: &RedisAddresses, partition: Partition) -> Self {
        let to = addresses.of(partition);
        let state = State { connection: None, retry_at: Instant::now(), pause: FIRST_PAUSE, outage: None };
        Self { to, state: Mutex::new(state), fitness: None }
    }

    /// The same, but checks each new connection first, and sends nothing to a server that is not fit.
    pub(crate) fn to_fit_server(addresses: &RedisAddresses, fitness: Arc<Fitness>) -> Self {
        let link = Self::new(addresses, fitness.partition());
        Self { fitness: Some(fitness), ..link }
    }

    /// The result of checking the server, if it is checked.
    pub(crate) fn fitness(&self) -> Option<&Fitness> {
        self.fitness.as_deref()
    }

    /// Checks the server again.
    pub(crate) async fn look(&self) -> Result<(), Unavailable> {
        let Some(fitness) = &self.fitness else { return Ok(()) };
        let (what, deadline, questions) = ("looking at Redis", Deadline::usual(), fitness.questions());
        let connection = self.connection_within(what, deadline).await?;
        if questions.is_empty() {
            return Ok(());
        }
        fitness.judge(&self.ask(&connection, what, deadline, &questions).await?);
        if let Some(claims) = fitness.claims() {
            exchange(connection.clone(), what, deadline, &claims).await?;
            fitness.judge(&self.ask(&connection, what, deadline, &questions).await?);
        }
        Ok(())
    }

    /// Asks, and whether the server is still the primary. One that was demoted lets its connections be. Whoever only
    /// looks at it, or sends nothing because it has no replicas, is never told `READONLY`, and would stay with it.
    async fn ask(
        &self,
        connection: &Connection,
        what: &'static str,
        deadline: Deadline,
        questions: &Pipeline,
    ) -> Result<Vec<Value>, Unavailable> {
        let mut asked = questions.clone();
        asked.cmd("ROLE");
        let mut answers = exchange(connection.clone(), what, deadline, &asked).await?;
        let role = answers.pop().unwrap_or(Value::Nil);
        if self.to.is_demoted(&role) {
            connection.give_up();
            return Err(Unavailable::not_done(what, "READONLY: the server is a replica"));
        }
        Ok(answers)
    }

    /// If in doubt whether Redis gets its writes onto the disk, tests it with a write. Takes a while if Redis does not.
    pub(crate) async fn probe(&self) -> Result<(), Unavailable> {
        let Some((fitness, probe)) = self.fitness().and_then(|fitness| Some((fitness, fitness.probe()?))) else {
            return Ok(());
        };
        let (what, deadline) = ("trying Redis' disk", Deadline::usual());
        let connection = self.connection_within(what, deadline).await?;
        exchange_and_confirm(connection, fitness, what, deadline, &probe).await.map(drop)
    }

    /// Sends the commands together and returns the replies in order; a reply may be a [`Value::ServerError`]. Other
    /// callers' commands may run between them.
    ///
    /// After an error **some, all or none** of the commands may have been executed, unless the error says that [nothing
    /// happened](Unavailable::nothing_happened): then none was sent.
    pub(crate) async fn send(
        &self,
        what: &'static str,
        deadline: Deadline,
        commands: &Pipeline,
    ) -> Result<Vec<Value>, Unavailable> {
        self.connected(what, deadline).await?.send(what, deadline, commands).await
    }

    /// The current connection, or a new one, for callers that must send everything to one server. After an error
    /// nothing was sent.
    pub(crate) async fn connected(&self, what: &'static str, deadline: Deadline) -> Result<Connection, Unavailable> {
        let connection = self.connection_within(what, deadline).await?;
        if let Some(fitness) = &self.fitness
            && fitness.check().is_err()
            && fitness.looks_again()
        {
            // An error is ignored: nothing was sent yet, and `fitness` decides afterwards.
            let _ = self.look().await;
        }
        Ok(connection)
    }

    async fn connection_within(&self, what: &'static str, deadline: Deadline) -> Result<Connection, Unavailable> {
        let none = |_| Unavailable::not_done(what, format!("no connection within {} ms", deadline.within.as_millis()));
        timeout_at(deadline.at, self.connection(what)).await.map_err(none)?
    }

    /// Records what Redis' clock showed (`millis`) at some time between `sent` and now.
    ///
    /// The two clocks drift apart slowly, and jump apart when one is set or its machine was suspended.
    pub(crate) async fn saw_clock(&self, millis: u64, sent: Instant) {
        let mut state = self.state.lock().await;
        let Some(connection) = state.connection.as_mut() else { return };
        let now = Instant::now();
        let taken = now.saturating_duration_since(sent);
        let expected = connection.clock.at(now);
        let at_most = millis.saturating_add(u64::try_from(taken.as_millis()).unwrap_or(u64::MAX)).saturating_add(1);
        // A value within these limits is no news: the reply may have taken as long as we expect.
        if millis > expected || at_most < expected {
            connection.clock = RedisClock { millis, at: now };
        }
    }

    /// Simulates a jump of Redis' clock by this much in the other direction.
    #[cfg(test)]
    pub(crate) async fn mistake_clock_by(&self, millis: i64) {
        let mut state = self.state.lock().await;
        let clock = &mut state.connection.as_mut().expect("connected").clock;
        clock.millis = clock.millis.checked_add_signed(millis).expect("a moment since 1970");
    }

    /// Stops using the current connection for new calls; the next call makes a new one.
    pub(crate) async fn give_up(&self) {
        if let Some(connection) = self.state.lock().await.connection.take() {
            connection.give_up();
        }
    }

    /// The current connection, or a new one. The lock is held while connecting, so there is one attempt at a time, and
    /// all callers that waited share its outcome.
    async fn connection(&self, what: &'static str) -> Result<Connection, Unavailable> {
        let mut state = self.state.lock().await;
        if let Some(connection) = state.connection.as_ref().filter(|connection| !connection.is_lost()) {
            return Ok(connection.clone());
        }
        state.connection = None;
        if let Some(reason) = state.outage.as_deref().filter(|_| Instant::now() < state.retry_at) {
            return Err(Unavailable::not_done(what, reason));
        }
        // A connection that was made and soon lost again is not an outage yet; this wait is short.
        sleep_until(state.retry_at).await;
        let connected = connect(&self.to, self.fitness.as_ref()).await;
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
            tracing::info!(event = "redis.back", "Redis is reachable again");
        }
    }

    fn failed(&mut self, error: &NotConnected) {
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        if self.outage.is_none() {
            // Once per outage, not once per attempt.
            tracing::warn!(event = "redis.away", error = %error, "Redis can't be reached; trying until it is back");
        }
        self.outage = Some(error.to_string());
    }
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
