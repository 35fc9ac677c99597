//! The recount: every row's figures once more from its ballots alone, beside those that were kept. It reads one
//! snapshot, so that a worker may go on counting meanwhile, and one pass over the ballots in the order of
//! their key. It shares nothing with [`domain::count`] but the words.

use std::{collections::HashMap, time::Duration};

use domain::{Audit, Choices, Gap, Partition, Poll, PollColumns, Recount, TreeRecount, Unavailable, VoteCounts};
use futures_util::TryStreamExt;
use tokio_postgres::Client;

use crate::{
    connect,
    database_error::{DatabaseError, within},
    database_url::{ConnectionUse, DatabaseUrl},
    rows, tree_recount,
};

/// The longest a recount may take: some hundred million ballots.
pub(crate) const AUDIT_TIMEOUT: Duration = Duration::from_hours(1);

/// All that follows on the connection reads one moment.
pub(crate) const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const KEPT: &str = "
    SELECT polls.number, polls.partition, polls.round, polls.poll::text AS poll,
        polls.id, polls.state, polls.listed, polls.version,
        coalesce(turnout.voters, 0) AS voters, coalesce(turnout.counted, 0) AS counted,
        by_option.options, by_option.votes
    FROM polls
    LEFT JOIN turnout ON turnout.poll = polls.number
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(tallies.option), '{}') AS options, coalesce(array_agg(tallies.votes), '{}') AS votes
        FROM tallies WHERE tallies.poll = polls.number
    ) AS by_option
    ORDER BY polls.id, polls.partition";
/// A ballot counts if it is the voter's newest and of the present round. Equal choices are added up here, so the
/// answer has a row for each combination of options, not for each ballot.
const RECOUNT: &str = "
    SELECT polls.number, ballot.choices, count(*) AS counted,
        count(*) FILTER (WHERE ballot.is_newest AND ballot.position > polls.since) AS current
    FROM (
        SELECT poll, choices, position,
            lead(position) OVER (PARTITION BY poll, voter ORDER BY position) IS NULL AS is_newest
        FROM ballots
    ) AS ballot
    JOIN polls ON polls.number = ballot.poll
    GROUP BY polls.number, ballot.choices";
/// The first table with rows of a poll or tree that is not there, which no poll's figures would show.
const WITHOUT_OWNER: &str = "
    SELECT CASE
        WHEN EXISTS (SELECT 1 FROM ballots WHERE poll NOT IN (SELECT number FROM polls)) THEN 'ballots'
        WHEN EXISTS (SELECT 1 FROM tallies WHERE poll NOT IN (SELECT number FROM polls)) THEN 'tallies'
        WHEN EXISTS (SELECT 1 FROM turnout WHERE poll NOT IN (SELECT number FROM polls)) THEN 'turnout'
        WHEN EXISTS (SELECT 1 FROM trees WHERE poll NOT IN (SELECT number FROM polls)) THEN 'trees'
        WHEN EXISTS (SELECT 1 FROM terms WHERE poll NOT IN (SELECT number FROM polls)) THEN 'terms'
        WHEN EXISTS (SELECT 1 FROM tiles WHERE tree NOT IN (SELECT number FROM trees)) THEN 'tiles'
        WHEN EXISTS (SELECT 1 FROM tree_closes WHERE tree NOT IN (SELECT number FROM trees)) THEN 'tree_closes'
    END";
const GAPS: &str = "SELECT partition, after, through, ballots FROM gaps ORDER BY partition, after, through";
const REJECTED: &str = "SELECT count(*) FROM rejected";

/// Counts everything again, on a connection of its own.
pub(crate) async fn audit(database: &DatabaseUrl) -> Result<Audit, Unavailable> {
    within("counting again", AUDIT_TIMEOUT, async {
        let client = connect::connect(database, ConnectionUse::Read, AUDIT_TIMEOUT).await?;
        client.batch_execute(BEGIN).await?;
        let audit = in_snapshot(&client).await?;
        client.batch_execute("COMMIT").await?;
        Ok(audit)
    })
    .await
}

/// The same in a transaction of the caller.
pub(crate) async fn in_snapshot(client: &Client) -> Result<Audit, DatabaseError> {
    let kept = kept(client).await?;
    check_owners(client).await?;
    let mut recounted = recount(client, &kept).await?;
    let recounts = kept.into_iter().map(|row| Recount {
        poll: row.poll.id(),
        partition: row.partition,
        round: row.round,
        kept: row.figures,
        recounted: recounted.remove(&row.number).expect("it was counted for every row"),
    });
    Ok(Audit {
        recounts: recounts.collect(),
        trees: tree_recount::in_snapshot(client).await?,
        gaps: gaps(client).await?,
        rejected: rejected(client).await?,
    })
}

/// What several ledgers say of one installation, as one audit.
pub(crate) fn joined(audits: impl IntoIterator<Item = Audit>) -> Audit {
    let mut whole = Audit::default();
    for audit in audits {
        whole.recounts.extend(audit.recounts);
        whole.trees.extend(audit.trees);
        whole.gaps.extend(audit.gaps);
        whole.rejected += audit.rejected;
    }
    whole.recounts.sort_by_key(|recount| (recount.poll, recount.partition));
    whole.trees.sort_by_key(|TreeRecount { tree, .. }| (tree.poll, tree.partition, tree.round));
    whole.gaps.sort_by_key(|gap| (gap.partition, gap.after, gap.through));
    whole
}

/// A partition's row of a poll.
struct KeptRow {
    number: i32,
    partition: Partition,
    round: u32,
    poll: Poll,
    figures: VoteCounts,
}

async fn kept(client: &Client) -> Result<Vec<KeptRow>, DatabaseError> {
    let rows = client.query(KEPT, &[]).await?;
    rows.iter()
        .map(|row| {
            let poll = rows::poll(row, "poll")?;
            let columns = PollColumns {
                id: row.try_get("id")?,
                state: row.try_get("state")?,
                listed: row.try_get("listed")?,
                version: rows::amount(row.try_get("version")?)?,
                round: rows::round(row, "round")?,
            };
            if !columns.are_of(&poll) {
                return Err(DatabaseError::Damaged(format!(
                    "the row of the poll {} is not that of its record",
                    poll.id()
                )));
            }
            Ok(KeptRow {
                number: row.try_get("number")?,
                partition: rows::partition(row, "partition")?,
                round: rows::round(row, "round")?,
                figures: rows::figures(row, &poll)?,
                poll,
            })
        })
        .collect()
}

async fn check_owners(client: &Client) -> Result<(), DatabaseError> {
    match client.query_one(WITHOUT_OWNER, &[]).await?.try_get::<_, Option<String>>(0)? {
        Some(table) => Err(DatabaseError::Damaged(format!("{table} has rows of a poll or tree that is not there"))),
        None => Ok(()),
    }
}

async fn recount(client: &Client, rows: &[KeptRow]) -> Result<HashMap<i32, VoteCounts>, DatabaseError> {
    let empty = |poll: &Poll| VoteCounts { votes: vec![0; poll.options().len()], ..VoteCounts::default() };
    let mut recounted: HashMap<i32, VoteCounts> = rows.iter().map(|row| (row.number, empty(&row.poll))).collect();
    let no_parameters: [&str; 0] = [];
    let mut stream = std::pin::pin!(client.query_raw(RECOUNT, no_parameters).await?);
    while let Some(row) = stream.try_next().await? {
        let number: i32 = row.try_get("number")?;
        let choices: Choices = rows::choices(row.try_get("choices")?)?;
        let current = rows::amount(row.try_get("current")?)?;
        let figures = recounted.get_mut(&number).ok_or(DatabaseError::Unreadable("a ballot of no poll"))?;
        figures.ballots += rows::amount(row.try_get("counted")?)?;
        figures.voters += current;
        choices.indices().for_each(|option| rows::add(&mut figures.votes, option, current));
    }
    Ok(recounted)
}

async fn gaps(client: &Client) -> Result<Vec<Gap>, DatabaseError> {
    let rows = client.query(GAPS, &[]).await?;
    rows.iter()
        .map(|row| {
            Ok(Gap {
                partition: rows::partition(row, "partition")?,
                after: rows::position(row, "after")?,
                through: rows::position(row, "through")?,
                ballots: row.try_get::<_, Option<i64>>("ballots")?.map(rows::amount).transpose()?,
            })
        })
        .collect()
}

async fn rejected(client: &Client) -> Result<u64, DatabaseError> {
    rows::amount(client.query_one(REJECTED, &[]).await?.try_get(0)?)
}
