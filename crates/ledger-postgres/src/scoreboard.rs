//! The reading side: tallies, receipts, exports, through a small pool of connections. It never writes, and
//! before a worker has made the tables every question is answered with [`Unavailable`].

use std::time::Duration;

use async_trait::async_trait;
use deadpool::managed::Object;
use domain::{
    Audit, CurrentBallot, Event, EventId, Heartbeat, Inclusion, LedgerIdentity, Movement, Partition, Partitions,
    PollId, Position, Receipt, Scoreboard, TallyShare, Unavailable, VoterId,
};
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use crate::{
    audit,
    database_error::{DatabaseError, within},
    database_url::DatabaseUrl,
    full_tiles::FullTiles,
    installation,
    listen::Listener,
    read_pool::{ReadConnections, ReadPool},
    rows,
};

/// The longest wait for what a screen shows.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest wait for a page of an export.
const PAGE_TIMEOUT: Duration = Duration::from_secs(12);
/// The longest wait for any answer at all.
const READY_TIMEOUT: Duration = Duration::from_secs(1);

/// Rows of polls and their kept figures.
const SHARES: &str = "
    SELECT polls.partition, polls.poll::text AS poll, polls.round, log.position,
        coalesce((
            SELECT installation.partitions FROM installation WHERE installation.layout <> 1
        ), 1) AS partitions,
        (extract(epoch FROM log.heartbeat) * 1000)::bigint AS heartbeat,
        (extract(epoch FROM clock_timestamp() - log.heartbeat) * 1000)::bigint AS heartbeat_age,
        (extract(epoch FROM log.heartbeat) * 1000)::bigint + log.log_ahead_millis AS log_clock,
        coalesce(turnout.voters, 0) AS voters, coalesce(turnout.counted, 0) AS counted,
        by_option.options, by_option.votes
    FROM polls
    JOIN log ON log.partition = polls.partition
    LEFT JOIN turnout ON turnout.poll = polls.number
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(tallies.option), '{}') AS options, coalesce(array_agg(tallies.votes), '{}') AS votes
        FROM tallies WHERE tallies.poll = polls.number
    ) AS by_option
    WHERE polls.id = ANY($1::text[])";
/// Over how many partitions voters are spread.
pub(crate) const PARTITIONS: &str = "SELECT partitions FROM installation WHERE layout <> 1";
const COUNTED_PARTITIONS: &str = "SELECT DISTINCT partition FROM polls";
const LISTED: &str = "
    SELECT DISTINCT id FROM polls
    WHERE listed AND state = 'open' AND NOT EXISTS (
        SELECT 1 FROM polls AS newer WHERE newer.id = polls.id AND newer.version > polls.version
    )
    ORDER BY id LIMIT 1000";
const EVENT: &str = "SELECT event::text AS event FROM events WHERE id = $1";
const EVENTS: &str = "SELECT event::text AS event FROM events ORDER BY id LIMIT 1000";
/// Of a poll that the partition does not know it holds no ballot.
const INCLUSION: &str = "
    SELECT log.position AS counted, coalesce(polls.since, 0) AS since,
        EXISTS (SELECT 1 FROM ballots WHERE poll = polls.number AND voter = $3::uuid AND position = $4::bigint) AS held,
        EXISTS (
            SELECT 1 FROM ballots WHERE poll = polls.number AND voter = $3::uuid AND position > $4::bigint
        ) AS replaced
    FROM log LEFT JOIN polls ON polls.partition = log.partition AND polls.id = $2::text
    WHERE log.partition = $1::integer";
/// The last note before this position, if it is counted.
const COUNTED_AT: &str = "
    SELECT (extract(epoch FROM times.at) * 1000)::bigint AS millis
    FROM log
    CROSS JOIN LATERAL (
        SELECT at FROM count_times WHERE partition = log.partition AND after < $2::bigint ORDER BY after DESC LIMIT 1
    ) AS times
    WHERE log.partition = $1::integer AND log.position >= $2::bigint";
/// In the order of the primary key, so that a page costs what is on it, for each partition. A voter is looked for from
/// the one before on, rather than with `OR`, so that a prepared plan keeps to the key.
const BALLOTS: &str = "
    SELECT page.voter, page.position, page.choices
    FROM polls
    CROSS JOIN LATERAL (
        SELECT voter, max(position) AS position, (array_agg(choices ORDER BY position DESC))[1] AS choices
        FROM ballots
        WHERE poll = polls.number AND position > polls.since
            AND voter >= coalesce($3::uuid, '00000000-0000-0000-0000-000000000000') AND voter IS DISTINCT FROM $3::uuid
        GROUP BY voter ORDER BY voter LIMIT $4::bigint
    ) AS page
    WHERE polls.id = $1::text AND polls.round = $2::bigint
    ORDER BY page.voter LIMIT $4::bigint";
const ANSWER: &str = "SELECT 1";

/// Where `result` reads: a ledger on PostgreSQL. It connects when it is asked, and again when connections break.
#[derive(Debug)]
pub struct PostgresScoreboard {
    database: DatabaseUrl,
    pool: ReadPool,
    listener: Listener,
    full_tiles: FullTiles,
}

impl PostgresScoreboard {
    /// The ledger in this database, which need not be there yet. Listens in the background until it is dropped.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn new(database: DatabaseUrl) -> Self {
        let pool = ReadPool::new(database.clone(), READ_TIMEOUT);
        let listener = Listener::start(database.clone());
        Self { database, pool, listener, full_tiles: FullTiles::default() }
    }

    /// Which installation the ledger belongs to; `None` before a worker has written it.
    pub async fn identity(&self) -> Result<Option<LedgerIdentity>, Unavailable> {
        within("reading the ledger's installation", READ_TIMEOUT, async {
            installation::identity(self.pool.get().await?.client()).await
        })
        .await
    }

    /// Which partitions have counted a poll here.
    pub(crate) async fn counted_partitions(&self) -> Result<Vec<Partition>, Unavailable> {
        let what = "reading which partitions are here";
        let rows = self.rows(what, READ_TIMEOUT, COUNTED_PARTITIONS, &[]).await?;
        let partitions = rows.iter().map(|row| rows::partition(row, "partition"));
        partitions.collect::<Result<_, _>>().map_err(|failure| Unavailable::failed(what, failure))
    }

    /// A connection of the pool.
    pub(crate) async fn connection(&self) -> Result<Object<ReadConnections>, DatabaseError> {
        self.pool.get().await
    }

    /// The full tiles that were read before.
    pub(crate) fn full_tiles(&self) -> &FullTiles {
        &self.full_tiles
    }

    /// The database that it reads.
    pub(crate) fn database(&self) -> &DatabaseUrl {
        &self.database
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
    async fn shares(&self, polls: &[PollId]) -> Result<Vec<TallyShare>, Unavailable> {
        let what = "reading tallies";
        let ids: Vec<&str> = polls.iter().map(PollId::as_str).collect();
        let rows = self.rows(what, READ_TIMEOUT, SHARES, &[&ids]).await?;
        let shares: Result<_, DatabaseError> = rows.iter().map(share).collect();
        shares.map_err(|failure| Unavailable::failed(what, failure))
    }

    async fn partitions(&self) -> Result<Partitions, Unavailable> {
        let what = "reading the number of partitions";
        let rows = self.rows(what, READ_TIMEOUT, PARTITIONS, &[]).await?;
        let partitions = rows.first().map_or(Ok(Partitions::ONE), |row| rows::partitions(row, "partitions"));
        partitions.map_err(|failure| Unavailable::failed(what, failure))
    }

    async fn listed(&self) -> Result<Vec<PollId>, Unavailable> {
        let what = "reading the list of polls";
        let rows = self.rows(what, READ_TIMEOUT, LISTED, &[]).await?;
        let ids: Result<_, DatabaseError> = rows.iter().map(|row| rows::poll_id(row, "id")).collect();
        ids.map_err(|failure| Unavailable::failed(what, failure))
    }

    async fn event(&self, id: EventId) -> Result<Option<Event>, Unavailable> {
        let what = "reading an event";
        let rows = self.rows(what, READ_TIMEOUT, EVENT, &[&id.as_str()]).await?;
        let event = rows.first().map(|row| rows::event(row, "event")).transpose();
        event.map_err(|failure| Unavailable::failed(what, failure))
    }

    async fn events(&self) -> Result<Vec<Event>, Unavailable> {
        let what = "reading the events";
        let rows = self.rows(what, READ_TIMEOUT, EVENTS, &[]).await?;
        let events: Result<_, DatabaseError> = rows.iter().map(|row| rows::event(row, "event")).collect();
        events.map_err(|failure| Unavailable::failed(what, failure))
    }

    async fn inclusion(&self, partition: Partition, poll: PollId, receipt: &Receipt) -> Result<Inclusion, Unavailable> {
        let what = "looking a receipt up";
        let (voter, position) = (rows::voter(receipt.voter), receipt.position.as_i64());
        let parameters: [&(dyn ToSql + Sync); 4] = [&i32::from(partition.number()), &poll.as_str(), &voter, &position];
        let rows = self.rows(what, READ_TIMEOUT, INCLUSION, &parameters).await?;
        let of_row = |row| inclusion(row, receipt.position);
        rows.first().map_or(Ok(Inclusion::NotCountedYet), of_row).map_err(|failure| Unavailable::failed(what, failure))
    }

    async fn counted_at(&self, partition: Partition, position: Position) -> Result<Option<u64>, Unavailable> {
        let what = "looking up when a ballot was counted";
        let partition = i32::from(partition.number());
        let rows = self.rows(what, READ_TIMEOUT, COUNTED_AT, &[&partition, &position.as_i64()]).await?;
        let millis = rows.first().map(|row| rows::amount(row.try_get("millis")?)).transpose();
        millis.map_err(|failure: DatabaseError| Unavailable::failed(what, failure))
    }

    async fn ballots(
        &self,
        poll: PollId,
        round: u32,
        after: Option<VoterId>,
        limit: u32,
    ) -> Result<Vec<CurrentBallot>, Unavailable> {
        let what = "reading ballots";
        let (after, round, limit) = (after.map(rows::voter), i64::from(round), i64::from(limit));
        let rows = self.rows(what, PAGE_TIMEOUT, BALLOTS, &[&poll.as_str(), &round, &after, &limit]).await?;
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

fn share(row: &Row) -> Result<TallyShare, DatabaseError> {
    let poll = rows::poll(row, "poll")?;
    let mut figures = rows::figures(row, &poll)?;
    figures.votes.truncate(poll.options().len());
    let log_clock: Option<i64> = row.try_get("log_clock")?;
    Ok(TallyShare {
        partition: rows::partition(row, "partition")?,
        partitions: rows::partitions(row, "partitions")?,
        round: rows::round(row, "round")?,
        position: rows::position(row, "position")?,
        heartbeat: Heartbeat {
            at_millis: row.try_get("heartbeat")?,
            age_millis: row.try_get("heartbeat_age")?,
            log_millis: log_clock.and_then(|millis| u64::try_from(millis).ok()),
        },
        poll,
        figures,
    })
}

fn inclusion(row: &Row, position: Position) -> Result<Inclusion, DatabaseError> {
    Ok(if row.try_get("held")? {
        Inclusion::of_held(position, rows::position(row, "since")?, row.try_get("replaced")?)
    } else {
        Inclusion::of_absent(position, rows::position(row, "counted")?)
    })
}

fn current_ballot(row: &Row) -> Result<CurrentBallot, DatabaseError> {
    Ok(CurrentBallot {
        voter: VoterId::from_bytes(row.try_get::<_, Uuid>("voter")?.into_bytes()),
        position: rows::position(row, "position")?,
        choices: rows::choices(row.try_get("choices")?)?,
    })
}
