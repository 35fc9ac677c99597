//! The reading side: tallies, receipts, exports, through a small pool of connections. It never writes, and
//! before a worker has made the tables every question is answered with [`Unavailable`].

use std::{io, time::Duration};

use async_trait::async_trait;
use deadpool::managed::Object;
use domain::{
    Audit, CurrentBallot, Entry, Heartbeat, Inclusion, LedgerIdentity, Movement, PollId, Position, Receipt, Scoreboard,
    Tally, Unavailable, VoterId,
};
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use crate::{
    audit,
    database_error::{DatabaseError, within},
    database_url::DatabaseUrl,
    entries, installation,
    listen::Listener,
    read_pool::ReadPool,
    rows,
};

/// The longest wait for what a screen shows.
const READ_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest wait for a page of an export.
const PAGE_TIMEOUT: Duration = Duration::from_secs(12);
/// The longest wait for any answer at all.
const READY_TIMEOUT: Duration = Duration::from_secs(1);

/// Polls and their kept figures.
const TALLIES: &str = "
    SELECT polls.poll::text AS poll, log.position,
        (extract(epoch FROM log.heartbeat) * 1000)::bigint AS heartbeat,
        (extract(epoch FROM clock_timestamp() - log.heartbeat) * 1000)::bigint AS heartbeat_age,
        coalesce(turnout.voters, 0) AS voters, coalesce(turnout.counted, 0) AS counted,
        by_option.options, by_option.votes
    FROM polls
    JOIN log ON log.partition = polls.partition
    LEFT JOIN turnout ON turnout.poll = polls.number
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(tallies.option), '{}') AS options, coalesce(array_agg(tallies.votes), '{}') AS votes
        FROM tallies WHERE tallies.poll = polls.number
    ) AS by_option
    WHERE polls.id = ANY($1::text[])
    ORDER BY polls.id";
const LISTED: &str = "SELECT id FROM polls WHERE listed AND state = 'open' ORDER BY id LIMIT 1000";
const INCLUSION: &str = "
    SELECT polls.since, log.position AS counted,
        EXISTS (SELECT 1 FROM ballots WHERE poll = polls.number AND voter = $2::uuid AND position = $3::bigint) AS held,
        EXISTS (
            SELECT 1 FROM ballots WHERE poll = polls.number AND voter = $2::uuid AND position > $3::bigint
        ) AS replaced
    FROM polls JOIN log ON log.partition = polls.partition
    WHERE polls.id = $1::text";
/// The last note before this position, if it is counted.
const COUNTED_AT: &str = "
    SELECT (extract(epoch FROM times.at) * 1000)::bigint AS millis
    FROM polls
    JOIN log ON log.partition = polls.partition AND log.position >= $2::bigint
    CROSS JOIN LATERAL (
        SELECT at FROM count_times WHERE partition = polls.partition AND after < $2::bigint ORDER BY after DESC LIMIT 1
    ) AS times
    WHERE polls.id = $1::text";
/// The least position: a ballot of a poll that no ledger knows is lost only if all partitions are past it.
const LEAST_POSITION: &str = "SELECT min(position) FROM log";
/// In the order of the primary key, so that a page costs what is on it. A voter is looked for from the one before
/// on, rather than with `OR`, so that a prepared plan keeps to the key.
const BALLOTS: &str = "
    SELECT page.voter, page.position, page.choices
    FROM polls
    CROSS JOIN LATERAL (
        SELECT voter, max(position) AS position, (array_agg(choices ORDER BY position DESC))[1] AS choices
        FROM ballots
        WHERE poll = polls.number AND position > polls.since
            AND voter >= coalesce($2::uuid, '00000000-0000-0000-0000-000000000000') AND voter IS DISTINCT FROM $2::uuid
        GROUP BY voter ORDER BY voter LIMIT $3::bigint
    ) AS page
    WHERE polls.id = $1::text
    ORDER BY page.voter";
const ANSWER: &str = "SELECT 1";

/// Where `result` reads: a ledger on PostgreSQL. It connects when it is asked, and again when connections break.
#[derive(Debug)]
pub struct PostgresScoreboard {
    database: DatabaseUrl,
    pool: ReadPool,
    listener: Listener,
}

impl PostgresScoreboard {
    /// The ledger in this database, which need not be there yet. Listens in the background until it is dropped.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn new(database: DatabaseUrl) -> Self {
        let pool = ReadPool::new(database.clone(), READ_TIMEOUT);
        let listener = Listener::start(database.clone());
        Self { database, pool, listener }
    }

    /// Which installation the ledger belongs to; `None` before a worker has written it.
    pub async fn identity(&self) -> Result<Option<LedgerIdentity>, Unavailable> {
        within("reading the ledger's installation", READ_TIMEOUT, async {
            installation::identity(self.pool.get().await?.client()).await
        })
        .await
    }

    /// Hands every entry of the log to `take`, in order: each ballot, and of a poll one or two entries, as it is now
    /// and as it was in the round before. Returns what such a log counts to, counted again from the ballots. All of it
    /// is of one moment. A ledger of several partitions is refused.
    pub async fn entries(&self, take: impl FnMut(Entry) -> io::Result<()>) -> Result<Audit, Unavailable> {
        entries::each(&self.database, take).await
    }

    /// The rows that answer one statement.
    async fn rows(
        &self,
        what: &'static str,
        limit: Duration,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Unavailable> {
        let mut taken = None;
        let outcome =
            within(what, limit, async { taken.insert(self.pool.get().await?).query(sql, parameters).await }).await;
        if let (Err(Unavailable::Timeout { .. }), Some(connection)) = (&outcome, taken) {
            // It may never answer, and the next caller would wait for this statement.
            drop(Object::take(connection));
        }
        outcome
    }
}

#[async_trait]
impl Scoreboard for PostgresScoreboard {
    async fn tallies(&self, polls: &[PollId]) -> Result<Vec<Tally>, Unavailable> {
        let what = "reading tallies";
        let ids: Vec<&str> = polls.iter().map(PollId::as_str).collect();
        let rows = self.rows(what, READ_TIMEOUT, TALLIES, &[&ids]).await?;
        let tallies: Result<_, DatabaseError> = rows.iter().map(tally).collect();
        tallies.map_err(|failure| Unavailable::failed(what, failure))
    }

    async fn listed(&self) -> Result<Vec<PollId>, Unavailable> {
        let what = "reading the list of polls";
        let rows = self.rows(what, READ_TIMEOUT, LISTED, &[]).await?;
        let ids: Result<_, DatabaseError> = rows.iter().map(|row| rows::poll_id(row, "id")).collect();
        ids.map_err(|failure| Unavailable::failed(what, failure))
    }

    async fn inclusion(&self, poll: PollId, receipt: &Receipt) -> Result<Inclusion, Unavailable> {
        let what = "looking a receipt up";
        let (voter, position) = (rows::voter(receipt.voter), receipt.position.as_i64());
        let rows = self.rows(what, READ_TIMEOUT, INCLUSION, &[&poll.as_str(), &voter, &position]).await?;
        let inclusion = if let Some(row) = rows.first() {
            inclusion(row, receipt.position)
        } else {
            let rows = self.rows(what, READ_TIMEOUT, LEAST_POSITION, &[]).await?;
            rows.first().map_or(Ok(Inclusion::NotCountedYet), |row| inclusion_in_no_poll(row, receipt.position))
        };
        inclusion.map_err(|failure| Unavailable::failed(what, failure))
    }

    async fn counted_at(&self, poll: PollId, position: Position) -> Result<Option<u64>, Unavailable> {
        let what = "looking up when a ballot was counted";
        let rows = self.rows(what, READ_TIMEOUT, COUNTED_AT, &[&poll.as_str(), &position.as_i64()]).await?;
        let millis = rows.first().map(|row| rows::amount(row.try_get("millis")?)).transpose();
        millis.map_err(|failure: DatabaseError| Unavailable::failed(what, failure))
    }

    async fn ballots(
        &self,
        poll: PollId,
        after: Option<VoterId>,
        limit: u32,
    ) -> Result<Vec<CurrentBallot>, Unavailable> {
        let what = "reading ballots";
        let (after, limit) = (after.map(rows::voter), i64::from(limit));
        let rows = self.rows(what, PAGE_TIMEOUT, BALLOTS, &[&poll.as_str(), &after, &limit]).await?;
        let ballots: Result<_, DatabaseError> = rows.iter().map(current_ballot).collect();
        ballots.map_err(|failure| Unavailable::failed(what, failure))
    }

    async fn audit(&self) -> Result<Audit, Unavailable> {
        audit::audit(&self.database).await
    }

    async fn moved(&self) -> Movement {
        self.listener.moved().await
    }

    async fn ready(&self) -> Result<(), Unavailable> {
        if self.listener.is_pooled() {
            return Err(Unavailable::failed("asking the ledger for an answer", DatabaseError::Pooled));
        }
        self.rows("asking the ledger for an answer", READY_TIMEOUT, ANSWER, &[]).await.map(drop)
    }
}

fn tally(row: &Row) -> Result<Tally, DatabaseError> {
    let poll = rows::poll(row, "poll")?;
    let mut figures = rows::figures(row, &poll)?;
    figures.votes.truncate(poll.options().len());
    let heartbeat = Heartbeat { at_millis: row.try_get("heartbeat")?, age_millis: row.try_get("heartbeat_age")? };
    Ok(Tally { position: rows::position(row, "position")?, poll, figures, heartbeat })
}

fn inclusion(row: &Row, position: Position) -> Result<Inclusion, DatabaseError> {
    Ok(if row.try_get("held")? {
        Inclusion::of_held(position, rows::position(row, "since")?, row.try_get("replaced")?)
    } else {
        Inclusion::of_absent(position, rows::position(row, "counted")?)
    })
}

/// Where no poll has this id, its partition is not known either: only what all partitions have counted is missing.
fn inclusion_in_no_poll(row: &Row, position: Position) -> Result<Inclusion, DatabaseError> {
    let least: Option<i64> = row.try_get(0)?;
    let counted = least.map(rows::to_position).transpose()?;
    Ok(Inclusion::of_absent(position, counted.unwrap_or_default()))
}

fn current_ballot(row: &Row) -> Result<CurrentBallot, DatabaseError> {
    Ok(CurrentBallot {
        voter: VoterId::from_bytes(row.try_get::<_, Uuid>("voter")?.into_bytes()),
        position: rows::position(row, "position")?,
        choices: rows::choices(row.try_get("choices")?)?,
    })
}
