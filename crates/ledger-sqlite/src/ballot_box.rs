//! The ballot box on SQLite, for the `vote` part of the all-in-one.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::{
    Ballot, BallotBox, CastOutcome, ChangeOutcome, InstallationId, Poll, PollChange, PollId, Scoreboard, SessionId,
    Unavailable,
};

use crate::{
    installation,
    ledger::SqliteLedger,
    reply::Reply,
    requests::{CastRequest, Request},
    store::{self, PARTITION},
};

/// The time limit of each call.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(2);

impl SqliteLedger {
    /// Sends a change of a poll or an event to the acceptor, once the ledger can be written: ballots do not wait for
    /// it.
    pub(crate) async fn change_log<T>(
        &self,
        what: &'static str,
        request: impl Fn(Reply<Option<T>>) -> Request,
    ) -> Result<T, Unavailable> {
        let deadline = Instant::now() + ANSWER_WITHIN;
        loop {
            self.turn.wait(what, deadline).await?;
            let left = deadline.saturating_duration_since(Instant::now());
            if let Some(change) = self.acceptor.ask(what, left, &request).await? {
                return Ok(change);
            }
            // Another program locked the ledger again before the acceptor could.
        }
    }
}

#[async_trait]
impl BallotBox for SqliteLedger {
    async fn cast(&self, ballot: Ballot, revision: u32) -> Result<CastOutcome, Unavailable> {
        self.acceptor
            .ask("casting a ballot", ANSWER_WITHIN, |answer| Request::Cast(CastRequest { ballot, revision, answer }))
            .await
    }

    async fn poll(&self, id: PollId) -> Result<Option<Poll>, Unavailable> {
        let read =
            self.readers().read("reading a poll", ANSWER_WITHIN, move |conn| store::poll(conn, PARTITION, id)).await?;
        Ok(read.map(|stored| stored.poll.as_of(self.clock.now_millis())))
    }

    async fn polls(&self) -> Result<Vec<Poll>, Unavailable> {
        let read =
            self.readers().read("reading the polls", ANSWER_WITHIN, |conn| store::polls(conn, Some(PARTITION))).await?;
        let now = self.clock.now_millis();
        Ok(read.into_iter().map(|stored| stored.poll.as_of(now)).collect())
    }

    fn log_millis(&self, _: PollId) -> u64 {
        self.clock.now_millis()
    }

    async fn create(&self, poll: Poll) -> Result<ChangeOutcome, Unavailable> {
        self.change_log("creating a poll", |to| Request::Create(Box::new(poll.clone()), to)).await
    }

    async fn change(&self, id: PollId, change: PollChange) -> Result<ChangeOutcome, Unavailable> {
        self.change_log("changing a poll", |to| Request::Change(id, change.clone(), to)).await
    }

    async fn change_seen(
        &self,
        id: PollId,
        version: u64,
        change: PollChange,
    ) -> Result<Option<ChangeOutcome>, Unavailable> {
        let request = |to| Request::ChangeSeen(id, version, change.clone(), to);
        Ok(self.change_log("changing a poll", request).await?.ok())
    }

    async fn end_session(&self, session: SessionId, lasting: Duration) -> Result<(), Unavailable> {
        let lasting_ms = i64::try_from(lasting.as_millis()).unwrap_or(i64::MAX);
        let note = move |conn: &mut rusqlite::Connection, _: &_| {
            let tx = conn.transaction()?;
            tx.execute("DELETE FROM ended_sessions WHERE until < unixepoch() * 1000", ())?;
            let insert = "INSERT OR REPLACE INTO ended_sessions (session, until) VALUES (?1, unixepoch() * 1000 + ?2)";
            tx.execute(insert, (session, lasting_ms))?;
            Ok(tx.commit()?)
        };
        self.acceptor.work("ending a session", ANSWER_WITHIN, note).await
    }

    async fn has_ended(&self, session: SessionId) -> Result<bool, Unavailable> {
        let look = move |conn: &rusqlite::Connection| {
            let ask = "SELECT EXISTS (SELECT 1 FROM ended_sessions WHERE session = ?1)";
            Ok(conn.query_row(ask, [session], |row| row.get(0))?)
        };
        self.readers().read("asking whether a session has ended", ANSWER_WITHIN, look).await
    }

    async fn accepted(&self, id: PollId) -> Result<u64, Unavailable> {
        if let Some(accepted) = self.accepted.of(id) {
            return Ok(accepted);
        }
        let read = self
            .readers()
            .read("counting ballots", ANSWER_WITHIN, move |conn| store::poll(conn, PARTITION, id))
            .await?;
        Ok(read.map_or(0, |stored| stored.ballots))
    }

    async fn installation(&self) -> Result<Option<InstallationId>, Unavailable> {
        self.readers().read("reading the installation", ANSWER_WITHIN, installation::id).await
    }

    async fn ready(&self) -> Result<(), Unavailable> {
        self.scoreboard.ready().await
    }
}
