//! The worker's side: everything that the leader of a partition writes but batches (those are in `apply.rs`).

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use domain::{
    ApplyOutcome, CarriedTree, Entry, Event, EventUpdate, Gap, KnownPoll, Ledger, LedgerIdentity, LogId, LogSeed,
    LogState, Partition, Poll, PollId, PollSeed, Position, ReplicationState, TreeId, Unavailable, VoterId,
};
use futures_util::TryStreamExt;
use tokio_postgres::{Client, types::ToSql};
use tracing::info;
use uuid::Uuid;

use crate::{
    connect,
    database_error::{DatabaseError, within},
    database_url::DatabaseUrl,
    installation,
    leader_trees::LeaderTrees,
    listen, rows, standbys,
    statements::Statements,
};

/// The longest wait for anything a leader asks, but for a seed.
pub(crate) const WRITE_TIMEOUT: Duration = Duration::from_mins(1);
/// The longest wait for a seed, which can hold every voter of a large poll.
const SEED_TIMEOUT: Duration = Duration::from_mins(10);
/// The longest wait for trees that are built from all ballots.
const GROW_TIMEOUT: Duration = Duration::from_hours(1);

const POSITION: &str = "SELECT position FROM log WHERE partition = $1";
const FIRST_POSITION: &str = "INSERT INTO log (partition, position) VALUES ($1, 0)";
const STATE: &str = "
    SELECT log_id, position, (
        SELECT coalesce(sum(turnout.counted), 0)::bigint
        FROM polls JOIN turnout ON turnout.poll = polls.number
        WHERE polls.partition = $1
    ) AS counted, (
        SELECT count(*) FROM rejected WHERE rejected.partition = $1
    ) AS set_aside, (
        SELECT coalesce(sum(gaps.ballots), 0)::bigint FROM gaps WHERE gaps.partition = $1
    ) AS missing
    FROM log WHERE partition = $1";
const COUNTS: &str = "
    SELECT polls.id, coalesce(turnout.counted, 0) AS counted
    FROM polls LEFT JOIN turnout ON turnout.poll = polls.number
    WHERE polls.partition = $1 ORDER BY polls.id";
const SEED: &str = "
    SELECT polls.number, polls.poll::text AS poll, polls.since, coalesce(turnout.counted, 0) AS counted
    FROM polls LEFT JOIN turnout ON turnout.poll = polls.number
    WHERE polls.partition = $1 ORDER BY polls.id";
const SEED_EVENTS: &str = "SELECT event::text AS event FROM events WHERE partition = $1 ORDER BY id";
const VOTERS: &str = "
    SELECT voter, max(position) FROM ballots
    WHERE poll = $1::integer AND position > $2::bigint
    GROUP BY voter";
const NOTE_LOG: &str = "UPDATE log SET log_id = $2, position = $3 WHERE partition = $1";
/// Writes how many ballots are missing into the newest gap without a number.
const FILL_GAP: &str = "
    UPDATE gaps SET ballots = $2::bigint WHERE partition = $1::integer AND ballots IS NULL AND through = (
        SELECT max(through) FROM gaps WHERE partition = $1::integer AND ballots IS NULL
    )";
const ADD_TO_GAP: &str = "
    UPDATE gaps SET ballots = coalesce(ballots, 0) + coalesce($4::bigint, 0)
    WHERE partition = $1::integer AND after = $2::bigint AND through = $3::bigint";
const NOTE_GAP: &str = "
    INSERT INTO gaps (partition, after, through, ballots) VALUES ($1::integer, $2::bigint, $3::bigint, $4::bigint)";
/// One partition's writer. Each operation takes the leader out and puts it back only when all went well: after an
/// error, a timeout or a dropped future the connection is gone, and the lock with it.
pub(crate) struct PostgresLedger {
    leader: Option<Leader>,
    /// The ledger that decides which installation this one belongs to; none if it is this one.
    deciding: Option<DatabaseUrl>,
}

impl PostgresLedger {
    pub(crate) fn new(leader: Leader, deciding: Option<DatabaseUrl>) -> Self {
        Self { leader: Some(leader), deciding }
    }

    fn take(&mut self) -> Result<Leader, Unavailable> {
        self.leader.take().ok_or_else(|| Unavailable::failed("writing to the ledger", DatabaseError::Spent))
    }
}

#[async_trait]
impl Ledger for PostgresLedger {
    async fn identity(&mut self) -> Result<Option<LedgerIdentity>, Unavailable> {
        let leader = self.take()?;
        let asked = installation::identity(&leader.client);
        let identity = within("reading the ledger's installation", WRITE_TIMEOUT, asked).await?;
        self.leader = Some(leader);
        Ok(identity)
    }

    async fn install(&mut self, identity: &LedgerIdentity) -> Result<(), Unavailable> {
        let leader = self.take()?;
        let written = install(&leader.client, self.deciding.as_ref(), identity);
        within("writing the ledger's installation", WRITE_TIMEOUT, written).await?;
        self.leader = Some(leader);
        Ok(())
    }

    async fn counted_partitions(&mut self) -> Result<Vec<Partition>, Unavailable> {
        let leader = self.take()?;
        let asked = installation::counted_partitions(&leader.client);
        let counted = within("reading which partitions are counted", WRITE_TIMEOUT, asked).await?;
        self.leader = Some(leader);
        Ok(counted)
    }

    async fn state(&mut self) -> Result<LogState, Unavailable> {
        let leader = self.take()?;
        let state = within("reading the ledger's position", WRITE_TIMEOUT, leader.state()).await?;
        self.leader = Some(leader);
        Ok(state)
    }

    async fn ensure_first_poll(&mut self, poll: &Poll) -> Result<(), Unavailable> {
        let leader = self.take()?;
        within("writing the first poll", WRITE_TIMEOUT, leader.ensure_first_poll(poll)).await?;
        self.leader = Some(leader);
        Ok(())
    }

    async fn seed(&mut self) -> Result<LogSeed, Unavailable> {
        let leader = self.take()?;
        let seed = within("reading what a new log must know", SEED_TIMEOUT, leader.seed()).await?;
        self.leader = Some(leader);
        Ok(seed)
    }

    async fn counts(&mut self) -> Result<Vec<(PollId, u64)>, Unavailable> {
        let leader = self.take()?;
        let counts = within("reading how much of each poll is counted", WRITE_TIMEOUT, leader.counts()).await?;
        self.leader = Some(leader);
        Ok(counts)
    }

    async fn replicated(&mut self) -> Result<ReplicationState, Unavailable> {
        let leader = self.take()?;
        let asked = standbys::replicated(&leader.client);
        let replicated = within("reading how far standbys are", WRITE_TIMEOUT, asked).await?;
        self.leader = Some(leader);
        Ok(replicated)
    }

    async fn attach(
        &mut self,
        log: &LogId,
        gap: Option<Gap>,
        polls: &[Poll],
        events: &[Event],
    ) -> Result<(), Unavailable> {
        let mut leader = self.take()?;
        within("noting which log is read", WRITE_TIMEOUT, leader.attach(log, gap, polls, events)).await?;
        self.leader = Some(leader);
        Ok(())
    }

    async fn grow_trees(&mut self) -> Result<(), Unavailable> {
        let mut leader = self.take()?;
        within("building trees", GROW_TIMEOUT, leader.grow_missing_trees()).await?;
        self.leader = Some(leader);
        Ok(())
    }

    async fn restore_trees(&mut self, trees: Vec<CarriedTree>) -> Result<Vec<TreeId>, Unavailable> {
        let mut leader = self.take()?;
        let differing = within("making trees again", GROW_TIMEOUT, leader.restore_trees(trees)).await?;
        self.leader = Some(leader);
        Ok(differing)
    }

    async fn apply(&mut self, entries: Vec<Entry>) -> Result<ApplyOutcome, Unavailable> {
        let mut leader = self.take()?;
        let applied = within("counting a batch", WRITE_TIMEOUT, Box::pin(leader.apply(entries))).await?;
        self.leader = Some(leader);
        Ok(applied)
    }

    async fn heartbeat(&mut self, log_millis: u64) -> Result<(), Unavailable> {
        let leader = self.take()?;
        within("noting that the count works", WRITE_TIMEOUT, leader.heartbeat(log_millis)).await?;
        self.leader = Some(leader);
        Ok(())
    }
}

/// Writes which installation the ledger belongs to. The ledgers of an installation must name the same one, also when
/// several are written for the first time: then it is the one that the first of them has.
async fn install(
    client: &Client,
    deciding: Option<&DatabaseUrl>,
    identity: &LedgerIdentity,
) -> Result<(), DatabaseError> {
    let mut identity = identity.clone();
    if let Some(database) = deciding {
        let first = Box::pin(connect::for_writing(database)).await?;
        installation::install(&first, &identity).await?;
        let decided = installation::identity(&first).await?.ok_or(DatabaseError::Unreadable("an installation"))?;
        identity.installation.id = decided.installation.id;
    }
    installation::install(client, &identity).await
}

/// What the leader knows of a poll without asking: nobody else writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LedgerPoll {
    /// Its number in this ledger.
    pub(crate) number: i32,
    /// What the count needs.
    pub(crate) known: KnownPoll,
}

/// The holder of a partition's lock, on the connection that holds it.
pub(crate) struct Leader {
    pub(crate) client: Client,
    pub(crate) statements: Statements,
    /// The partition's number, as it is in the tables.
    pub(crate) partition: i32,
    /// The ledger's position, as this leader committed it last.
    pub(crate) position: Position,
    /// Polls that were looked up.
    pub(crate) polls: HashMap<PollId, LedgerPoll>,
    /// Trees that were looked up.
    pub(crate) trees: LeaderTrees,
}

impl Leader {
    pub(crate) async fn begin(client: Client, partition: Partition) -> Result<Self, DatabaseError> {
        let partition = i32::from(partition.number());
        let row = client.query_opt(POSITION, &[&partition]).await?;
        let position = if let Some(row) = row {
            rows::position(&row, 0)?
        } else {
            client.execute(FIRST_POSITION, &[&partition]).await?;
            Position::ZERO
        };
        let statements = Statements::prepare(&client).await?;
        Ok(Self { client, statements, partition, position, polls: HashMap::new(), trees: LeaderTrees::default() })
    }

    async fn state(&self) -> Result<LogState, DatabaseError> {
        let row = self.client.query_one(STATE, &[&self.partition]).await?;
        Ok(LogState {
            log: row.try_get::<_, Option<String>>("log_id")?.map(LogId::new),
            position: rows::position(&row, "position")?,
            ballots: rows::amount(row.try_get("counted")?)?,
            set_aside: rows::amount(row.try_get("set_aside")?)?,
            missing: rows::amount(row.try_get("missing")?)?,
        })
    }

    async fn counts(&self) -> Result<Vec<(PollId, u64)>, DatabaseError> {
        let rows = self.client.query(COUNTS, &[&self.partition]).await?;
        rows.iter().map(|row| Ok((rows::poll_id(row, "id")?, rows::amount(row.try_get("counted")?)?))).collect()
    }

    /// The first round of the poll begins after everything that is counted.
    async fn ensure_first_poll(&self, poll: &Poll) -> Result<(), DatabaseError> {
        self.begin_transaction().await?;
        self.add_poll(poll, poll.round(), self.position).await?;
        listen::notify(&self.client, &[poll.id()]).await?;
        self.client.batch_execute("COMMIT").await?;
        Ok(())
    }

    async fn seed(&self) -> Result<LogSeed, DatabaseError> {
        self.client.batch_execute("BEGIN; SET LOCAL statement_timeout = 0").await?;
        let mut polls = Vec::new();
        for row in self.client.query(SEED, &[&self.partition]).await? {
            let poll = rows::poll(&row, "poll")?;
            let voters = if poll.votes_can_change() {
                Vec::new()
            } else {
                self.voters(row.try_get("number")?, rows::position(&row, "since")?).await?
            };
            polls.push(PollSeed { poll, ballots: rows::amount(row.try_get("counted")?)?, voters });
        }
        let rows = self.client.query(SEED_EVENTS, &[&self.partition]).await?;
        let events = rows.iter().map(|row| rows::event(row, "event")).collect::<Result<_, _>>()?;
        self.client.batch_execute("COMMIT").await?;
        Ok(LogSeed { after: self.position, polls, events })
    }

    /// Who has a ballot after `since`, and where. Row by row: there can be millions.
    async fn voters(&self, poll: i32, since: Position) -> Result<Vec<(VoterId, Position)>, DatabaseError> {
        let parameters: [&(dyn ToSql + Sync); 2] = [&poll, &since.as_i64()];
        let mut stream = std::pin::pin!(self.client.query_raw(VOTERS, parameters).await?);
        let mut voters = Vec::new();
        while let Some(row) = stream.try_next().await? {
            let voter = VoterId::from_bytes(row.try_get::<_, Uuid>(0)?.into_bytes());
            voters.push((voter, rows::position(&row, 1)?));
        }
        Ok(voters)
    }

    async fn attach(
        &mut self,
        log: &LogId,
        gap: Option<Gap>,
        polls: &[Poll],
        events: &[Event],
    ) -> Result<(), DatabaseError> {
        self.begin_transaction().await?;
        let reached = gap.filter(|gap| gap.after <= self.position);
        let position = reached.map_or(self.position, |gap| gap.through.max(self.position));
        if let Some(gap) = gap {
            if self.note_gap(gap).await? {
                self.begin_trees_anew(gap, polls).await?;
            }
            for poll in polls {
                self.add_poll(poll, poll.first_round_after_gap(), position).await?;
            }
            let update = |event: &Event| EventUpdate { now: Box::new(event.clone()), position };
            self.write_events(&events.iter().map(update).collect::<Vec<_>>()).await?;
            listen::notify(&self.client, &[]).await?;
        }
        self.client.execute(NOTE_LOG, &[&self.partition, &log.as_str(), &position.as_i64()]).await?;
        self.client.batch_execute("COMMIT").await?;
        self.position = position;
        info!(event = "ledger.attached",
            log.id = log.as_str(), partition = self.partition, %position,
            "the ledger notes which log it is counted from"
        );
        Ok(())
    }

    async fn heartbeat(&self, log_millis: u64) -> Result<(), DatabaseError> {
        let log_clock = i64::try_from(log_millis).ok();
        let parameters: [&(dyn ToSql + Sync); 3] = [&self.partition, &self.position.as_i64(), &log_clock];
        let noted = self.client.execute(&self.statements.heartbeat, &parameters).await?;
        if noted == 1 { Ok(()) } else { Err(DatabaseError::Overtaken) }
    }

    /// Returns whether it is another gap than those that are there.
    async fn note_gap(&self, gap: Gap) -> Result<bool, DatabaseError> {
        let mut ballots =
            gap.ballots.map(i64::try_from).transpose().map_err(|_| DatabaseError::Unreadable("a count"))?;
        if let Some(number) = ballots.filter(|ballots| *ballots > 0)
            && self.client.execute(FILL_GAP, &[&self.partition, &number]).await? > 0
        {
            if gap.through <= self.position {
                return Ok(false);
            }
            // The new gap is noted too; its ballots are part of that number.
            ballots = Some(0);
        }
        let (after, through) = (gap.after.as_i64(), gap.through.as_i64());
        let gap: [&(dyn ToSql + Sync); 4] = [&self.partition, &after, &through, &ballots];
        if self.client.execute(ADD_TO_GAP, &gap).await? == 0 {
            self.client.execute(NOTE_GAP, &gap).await?;
        }
        Ok(true)
    }

    /// Writes a poll, unless the partition has one with its id.
    async fn add_poll(&self, poll: &Poll, round: u32, since: Position) -> Result<(), DatabaseError> {
        let id = poll.id();
        let parameters: [&(dyn ToSql + Sync); 8] = [
            &id.as_str(),
            &self.partition,
            &version(poll),
            &to_json(poll),
            &poll.state().as_str(),
            &poll.listed(),
            &i64::from(round),
            &since.as_i64(),
        ];
        self.client.execute(&self.statements.add_poll, &parameters).await?;
        Ok(())
    }
}

/// The poll's version as a number of the tables.
pub(crate) fn version(poll: &Poll) -> i64 {
    i64::try_from(poll.version()).unwrap_or(i64::MAX)
}

/// The poll as the ledger stores it.
pub(crate) fn to_json(poll: &Poll) -> String {
    serde_json::to_string(poll).expect("a poll is plain text and numbers")
}
