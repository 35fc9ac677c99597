//! The ledger as a log again: its polls and every ballot, in the order of their positions.
//!
//! The logs of several partitions are merged into one. Each of them began a poll's present round at a position of its
//! own, and the merged log can have only one: the earliest of them. Ballots of earlier rounds that come after it, in a
//! partition that began the round later, get positions up to it.

use std::{
    collections::{BTreeMap, HashSet},
    io,
    pin::Pin,
};

use domain::{
    Audit, Ballot, CarriedTree, Entry, Event, EventId, Partition, Partitions, Poll, PollId, Position, Record,
    Unavailable, VoterId,
};
use futures_util::{Stream, TryStreamExt, future::try_join_all};
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use crate::{
    audit::{self, AUDIT_TIMEOUT, BEGIN},
    connect,
    database_error::{DatabaseError, within},
    database_url::{ConnectionUse, DatabaseUrl},
    migrations, rows,
    scoreboard::PARTITIONS,
    tree_recount,
};

const POLLS: &str = "
    SELECT number, partition, round, poll::text AS poll, since FROM polls ORDER BY id, partition";
const EVENTS: &str = "SELECT event::text AS event FROM events";
/// The server sorts in files where ballots are many. `$1` are the rows of polls whose earlier rounds must end at `$3`;
/// they ended at `$2` in that partition. Positions stay in the order in which each voter cast the ballots.
const BALLOTS: &str = "
    WITH earlier (poll, ended, through) AS (SELECT * FROM unnest($1::integer[], $2::bigint[], $3::bigint[]))
    SELECT polls.id, placed.voter, placed.position, placed.choices, placed.cast_at
    FROM (
        SELECT poll, voter, position, position AS cast_at, choices
        FROM ballots LEFT JOIN earlier USING (poll)
        WHERE earlier.ended IS NULL OR position > earlier.ended
        UNION ALL
        SELECT poll, voter,
            least(
                position,
                earlier.through + 1 - row_number() OVER (PARTITION BY poll, voter ORDER BY position DESC)
            ) AS position,
            position AS cast_at, choices
        FROM ballots JOIN earlier USING (poll)
        WHERE position <= earlier.ended
    ) AS placed
    JOIN polls ON polls.number = placed.poll
    ORDER BY placed.position";

/// What was read of ledgers.
#[derive(Debug)]
pub struct LedgerEntries {
    /// What such a log counts to, counted again from the ballots.
    pub audit: Audit,
    /// The trees of present rounds.
    pub trees: Vec<CarriedTree>,
    /// How many ballots of earlier rounds have another position than in the ledger. Their receipts name the old one.
    pub moved: u64,
}

/// A row of a poll.
struct PollRow {
    /// The place of its ledger, from 0.
    place: usize,
    number: i32,
    partition: Partition,
    round: u32,
    poll: Poll,
    since: Position,
}

/// A poll of all partitions, and its rows.
struct MergedPoll {
    poll: Poll,
    /// The present round.
    round: u32,
    /// Where it begins in the merged log.
    since: Position,
    rows: Vec<PollRow>,
}

/// The ballots of one ledger that are still to be taken, and the next of them.
struct Ballots<'a> {
    rows: Pin<Box<dyn Stream<Item = Result<Row, tokio_postgres::Error>> + Send + 'a>>,
    next: Option<PlacedBallot>,
}

struct PlacedBallot {
    entry: Entry,
    is_moved: bool,
}

/// Hands every entry of these ledgers to `take`, in order. What is read of each of them is of one moment.
pub(crate) async fn each(
    databases: &[&DatabaseUrl],
    take: impl FnMut(Entry) -> io::Result<()>,
) -> Result<LedgerEntries, Unavailable> {
    within("reading everything", AUDIT_TIMEOUT, async {
        let clients = try_join_all(databases.iter().map(|database| snapshot(database))).await?;
        let polls = merged(&clients).await?;
        let moved = take_all(&clients, &polls, events(&clients).await?, take).await?;
        let (mut audits, mut trees) = (Vec::new(), Vec::new());
        for client in &clients {
            audits.push(audit::in_snapshot(client).await?);
            trees.append(&mut tree_recount::carried(client).await?);
            client.batch_execute("COMMIT").await?;
        }
        trees.sort_by_key(|CarriedTree { tree, .. }| (tree.id.poll, tree.id.partition));
        Ok(LedgerEntries { audit: audit::joined(audits), trees, moved })
    })
    .await
}

/// A connection on which all that follows reads one moment, of tables of this release.
async fn snapshot(database: &DatabaseUrl) -> Result<Client, DatabaseError> {
    let client = connect::connect(database, ConnectionUse::Read, AUDIT_TIMEOUT).await?;
    // An earlier release may have written them, with partitions that this one does not count into.
    migrations::migrate(&client).await?;
    client.batch_execute(BEGIN).await?;
    Ok(client)
}

/// The polls of these ledgers, each with all its rows.
async fn merged(clients: &[Client]) -> Result<Vec<MergedPoll>, DatabaseError> {
    let (mut by_id, mut partitions) = (BTreeMap::<PollId, Vec<PollRow>>::new(), Partitions::ONE);
    for (place, client) in clients.iter().enumerate() {
        if let Some(row) = client.query_opt(PARTITIONS, &[]).await? {
            partitions = partitions.max(rows::partitions(&row, "partitions")?);
        }
        for row in client.query(POLLS, &[]).await? {
            let row = PollRow::read(place, &row)?;
            by_id.entry(row.poll.id()).or_default().push(row);
        }
    }
    by_id.into_values().map(|rows| MergedPoll::of(rows, partitions)).collect()
}

/// The events of these ledgers.
async fn events(clients: &[Client]) -> Result<Vec<Event>, DatabaseError> {
    let mut events = Vec::new();
    for client in clients {
        for row in client.query(EVENTS, &[]).await? {
            events.push(rows::event(&row, "event")?);
        }
    }
    Ok(newest_events(events))
}

/// The newest version of each event, by id.
pub(crate) fn newest_events(events: impl IntoIterator<Item = Event>) -> Vec<Event> {
    let mut newest = BTreeMap::<EventId, Event>::new();
    for event in events {
        if newest.get(&event.id()).is_none_or(|known| known.version() < event.version()) {
            newest.insert(event.id(), event);
        }
    }
    newest.into_values().collect()
}

async fn take_all(
    clients: &[Client],
    polls: &[MergedPoll],
    events: Vec<Event>,
    mut take: impl FnMut(Entry) -> io::Result<()>,
) -> Result<u64, DatabaseError> {
    let entries = domain::log_entries(polls.iter().map(|merged| (merged.poll.clone(), merged.since)), events);
    let mut entries = entries.ok_or(DatabaseError::Unreadable("too many polls"))?.into_iter().peekable();
    let mut ballots = Vec::new();
    for (place, client) in clients.iter().enumerate() {
        ballots.push(Ballots::begin(client, place, polls).await?);
    }
    let mut moved = 0;
    while let Some(PlacedBallot { entry, is_moved }) = next(&mut ballots).await? {
        // A round begins after the ballots at its own position, which are of the round before.
        while let Some(poll) = entries.next_if(|poll| poll.position < entry.position) {
            take(poll)?;
        }
        moved += u64::from(is_moved);
        take(entry)?;
    }
    entries.try_for_each(take)?;
    Ok(moved)
}

/// The ballot with the least position of those that come next in each ledger.
async fn next(ballots: &mut [Ballots<'_>]) -> Result<Option<PlacedBallot>, DatabaseError> {
    let position = |ballots: &&mut Ballots<'_>| ballots.next.as_ref().map(|ballot| ballot.entry.position);
    let first = ballots.iter_mut().filter(|ballots| ballots.next.is_some()).min_by_key(position);
    match first {
        Some(ballots) => ballots.take().await,
        None => Ok(None),
    }
}

impl PollRow {
    fn read(place: usize, row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            place,
            number: row.try_get("number")?,
            partition: rows::partition(row, "partition")?,
            round: rows::round(row, "round")?,
            poll: rows::poll(row, "poll")?,
            since: rows::position(row, "since")?,
        })
    }
}

impl MergedPoll {
    /// The poll of these rows, of which there is at least one. Where voters are spread, every partition must have
    /// counted its newest version: ballots may follow in one that has not.
    fn of(rows: Vec<PollRow>, partitions: Partitions) -> Result<Self, DatabaseError> {
        let newest = rows.iter().max_by_key(|row| row.poll.version()).expect("at least one row").poll.clone();
        let with_newest: HashSet<Partition> =
            rows.iter().filter(|row| row.poll.version() == newest.version()).map(|row| row.partition).collect();
        // The first release spread polls: the one row may be of any partition.
        let is_spread = partitions != Partitions::ONE;
        if let Some(late) = partitions.all().find(|partition| is_spread && !with_newest.contains(partition)) {
            return Err(DatabaseError::Unsettled { poll: newest.id(), partition: late });
        }
        let round = rows.iter().map(|row| row.round).max().unwrap_or_default();
        let since = rows.iter().filter(|row| row.round == round).map(|row| row.since).min().unwrap_or_default();
        Ok(Self { poll: newest, round, since, rows })
    }

    /// The rows of a ledger that began the present round later, or not yet: the row, where their earlier rounds ended,
    /// and where they must end.
    fn earlier(&self, place: usize) -> impl Iterator<Item = (i32, i64, i64)> {
        let of_place = self.rows.iter().filter(move |row| row.place == place);
        of_place.filter_map(move |row| {
            let ended = if row.round < self.round { i64::MAX } else { row.since.as_i64() };
            (ended > self.since.as_i64()).then(|| (row.number, ended, self.since.as_i64()))
        })
    }
}

impl<'a> Ballots<'a> {
    async fn begin(client: &'a Client, place: usize, polls: &[MergedPoll]) -> Result<Self, DatabaseError> {
        let (mut numbers, mut ended, mut through) = (Vec::new(), Vec::new(), Vec::new());
        for (number, ended_at, must_end_at) in polls.iter().flat_map(|poll| poll.earlier(place)) {
            numbers.push(number);
            ended.push(ended_at);
            through.push(must_end_at);
        }
        let statement = client.prepare(BALLOTS).await?;
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&numbers, &ended, &through];
        let rows = client.query_raw(&statement, parameters).await?;
        let mut ballots = Self { rows: Box::pin(rows), next: None };
        ballots.take().await?;
        Ok(ballots)
    }

    /// Takes the next ballot; another one takes its place.
    async fn take(&mut self) -> Result<Option<PlacedBallot>, DatabaseError> {
        let following = self.rows.try_next().await?.as_ref().map(PlacedBallot::read).transpose()?;
        Ok(std::mem::replace(&mut self.next, following))
    }
}

impl PlacedBallot {
    fn read(row: &Row) -> Result<Self, DatabaseError> {
        let ballot = Ballot {
            poll: rows::poll_id(row, "id")?,
            voter: VoterId::from_bytes(row.try_get::<_, Uuid>("voter")?.into_bytes()),
            choices: rows::choices(row.try_get("choices")?)?,
        };
        let position = rows::position(row, "position")?;
        let is_moved = position != rows::position(row, "cast_at")?;
        Ok(Self { entry: Entry { position, record: Ok(Record::Ballot(ballot)) }, is_moved })
    }
}
