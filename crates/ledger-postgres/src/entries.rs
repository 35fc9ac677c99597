//! The ledger as a log again: its polls and every ballot, in the order of their positions.

use std::io;

use domain::{Audit, Ballot, Entry, Event, Poll, Position, Unavailable, VoterId, poll_entries};
use futures_util::TryStreamExt;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use crate::{
    audit::{self, AUDIT_TIMEOUT, BEGIN},
    connect,
    database_error::{DatabaseError, within},
    database_url::{ConnectionUse, DatabaseUrl},
    rows,
};

const PARTITIONS: &str = "SELECT count(DISTINCT partition) FROM polls";
const POLLS: &str = "SELECT poll::text AS poll, since FROM polls ORDER BY id";
/// The server sorts in files where ballots are many.
const BALLOTS: &str = "
    SELECT polls.id, ballots.voter, ballots.position, ballots.choices
    FROM ballots JOIN polls ON polls.number = ballots.poll
    ORDER BY ballots.position";

/// Hands every entry to `take`, in order. Returns what such a log counts to. All of it is of one moment.
pub(crate) async fn each(
    database: &DatabaseUrl,
    mut take: impl FnMut(Entry) -> io::Result<()>,
) -> Result<Audit, Unavailable> {
    within("reading everything", AUDIT_TIMEOUT, async {
        let client = connect::connect(database, ConnectionUse::Read, AUDIT_TIMEOUT).await?;
        client.batch_execute(BEGIN).await?;
        if client.query_one(PARTITIONS, &[]).await?.try_get::<_, i64>(0)? > 1 {
            return Err(DatabaseError::SeveralPartitions);
        }
        let mut polls = polls(&client).await?.into_iter().peekable();
        let no_parameters: [&str; 0] = [];
        let mut ballots = std::pin::pin!(client.query_raw(BALLOTS, no_parameters).await?);
        while let Some(row) = ballots.try_next().await? {
            let ballot = ballot(&row)?;
            while let Some(poll) = polls.next_if(|poll| poll.position < ballot.position) {
                take(poll)?;
            }
            take(ballot)?;
        }
        polls.try_for_each(&mut take)?;
        let audit = audit::in_snapshot(&client).await?;
        client.batch_execute("COMMIT").await?;
        Ok(audit)
    })
    .await
}

async fn polls(client: &Client) -> Result<Vec<Entry>, DatabaseError> {
    let rows = client.query(POLLS, &[]).await?;
    let polls = rows.iter().map(|row| Ok((rows::poll(row, "poll")?, rows::position(row, "since")?)));
    let polls = polls.collect::<Result<Vec<(Poll, Position)>, DatabaseError>>()?;
    poll_entries(polls).ok_or(DatabaseError::Unreadable("too many polls"))
}

fn ballot(row: &Row) -> Result<Entry, DatabaseError> {
    let ballot = Ballot {
        poll: rows::poll_id(row, "id")?,
        voter: VoterId::from_bytes(row.try_get::<_, Uuid>("voter")?.into_bytes()),
        choices: rows::choices(row.try_get("choices")?)?,
    };
    Ok(Entry { position: rows::position(row, "position")?, event: Ok(Event::Ballot(ballot)) })
}
